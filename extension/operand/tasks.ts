/** Tasks of type `pef`: the operand tools of the command line, run by the Node that runs this extension. */
import {
  type ExtensionContext,
  ProcessExecution,
  Task,
  type TaskDefinition,
  TaskGroup,
  type TaskProvider,
  TaskScope,
  tasks,
  Uri,
  type WorkspaceFolder,
  workspace,
} from 'vscode'
import { type OperandTask, taskArguments, taskName } from './task-arguments.ts'

const PROBLEM_MATCHERS = ['$pef', '$pef-make', '$pef-make-warning']

/** One that runs the command line in a folder. */
export function operandTask(
  context: ExtensionContext,
  scope: WorkspaceFolder | TaskScope.Workspace,
  definition: TaskDefinition & OperandTask,
  folder: string | undefined,
): Task {
  const script = Uri.joinPath(context.extensionUri, 'dist', 'pef.js').fsPath
  // On the desktop process.execPath is Electron, which is Node where this variable is set.
  const execution = new ProcessExecution(process.execPath, [script, ...taskArguments(definition)], {
    ...(folder !== undefined && { cwd: folder }),
    env: { ELECTRON_RUN_AS_NODE: '1' },
  })
  const task = new Task(definition, scope, taskName(definition), 'PEF', execution, PROBLEM_MATCHERS)
  task.group = TaskGroup.Build
  return task
}

/** Runs one in a folder, in a terminal that asks for pass phrases. */
export async function runOperandTask(context: ExtensionContext, folder: Uri, definition: OperandTask): Promise<void> {
  const scope = workspace.getWorkspaceFolder(folder) ?? TaskScope.Workspace
  await tasks.executeTask(operandTask(context, scope, { type: 'pef', ...definition }, folder.fsPath))
}

/** Offers to build and to check each svm_blob.yml of the workspace. */
export class OperandTasks implements TaskProvider {
  constructor(private readonly context: ExtensionContext) {}

  async provideTasks(): Promise<Task[]> {
    const found = await workspace.findFiles(
      '**/{svm_blob.yml,svm_blob.yaml,*.svm.yml,*.svm.yaml}',
      '**/node_modules/**',
      50,
    )
    return found.flatMap((uri) => {
      const folder = workspace.getWorkspaceFolder(uri)
      if (!folder) return []
      const config = workspace.asRelativePath(uri, false)
      const output = config.replace(/(\.svm)?\.ya?ml$/, '.esmb')
      const definitions: OperandTask[] = [
        { task: 'make', config, output },
        { task: 'check', config },
      ]
      return definitions.map((one) => this.#task({ type: 'pef', ...one }, folder))
    })
  }

  /** One that a person wrote into tasks.json. */
  resolveTask(task: Task): Task | undefined {
    const definition = task.definition as TaskDefinition & OperandTask
    const scope = task.scope
    const folder = typeof scope === 'object' ? scope : workspace.workspaceFolders?.[0]
    // The definition must be the very object that came in, or the editor does not know it again.
    return folder && this.#task(definition, folder)
  }

  #task(definition: TaskDefinition & OperandTask, folder: WorkspaceFolder): Task {
    return operandTask(this.context, folder, definition, folder.uri.fsPath)
  }
}
