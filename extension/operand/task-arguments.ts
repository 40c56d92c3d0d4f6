/** What a task of type `pef` runs. */
export type OperandTask =
  | { readonly task: 'make'; readonly config: string; readonly output: string }
  | { readonly task: 'compile'; readonly config: string; readonly output: string }
  | { readonly task: 'attach'; readonly operand: string; readonly initrd: string; readonly output: string }
  | { readonly task: 'check'; readonly config: string }
  | { readonly task: 'generate'; readonly pubkey: string; readonly seckey: string }

/** Names that the tasks need, in the order of a sentence. */
const NEEDED: Readonly<Record<OperandTask['task'], readonly string[]>> = {
  make: ['config', 'output'],
  compile: ['config', 'output'],
  attach: ['operand', 'initrd', 'output'],
  check: ['config'],
  generate: ['pubkey', 'seckey'],
}

/** Arguments of `pef`. @throws Error naming what the task lacks */
export function taskArguments(task: OperandTask): string[] {
  const needed = NEEDED[task.task]
  if (!needed)
    throw new Error(`"task" is ${JSON.stringify(task.task)}: expected one of ${Object.keys(NEEDED).join(', ')}`)
  const values = task as unknown as Record<string, unknown>
  for (const name of needed)
    if (typeof values[name] !== 'string' || values[name] === '')
      throw new Error(`the task "${task.task}" needs "${name}": a path`)
  switch (task.task) {
    case 'make':
      return ['esm', 'make', '-b', task.output, '-y', task.config]
    case 'compile':
      return ['esm', 'compile', '-b', task.output, task.config]
    case 'attach':
      return ['svm', 'add', '-i', task.initrd, '-b', task.operand, '-f', task.output]
    case 'check':
      return ['esm', 'check', task.config]
    case 'generate':
      return ['esm', 'generate', '-p', task.pubkey, '-s', task.seckey]
  }
}

/** What stands in the list of tasks. */
export function taskName(task: OperandTask): string {
  switch (task.task) {
    case 'make':
    case 'compile':
      return `build operand ${task.output}`
    case 'attach':
      return `attach ${task.operand} to ${task.initrd}`
    case 'check':
      return `check ${task.config}`
    case 'generate':
      return `generate key pair ${task.pubkey}`
  }
}
