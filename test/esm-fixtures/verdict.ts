/** What the machine has to say of each bad operand and each change of the machine, as test/fixtures/esm/bad/expected.json has it. */
import type { EsmResult } from '../../debug-adapter/machine/api.ts'
import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import type { Machine } from '../../debug-adapter/machine/machine.ts'
import { ruleOf } from '../../server/esm/rules.ts'
import { guestCases } from './guest-cases.ts'
import { fixture, fixtureJson } from './run.ts'

export interface BadCase {
  readonly id: string
  /** `blob`: the file is an operand; `initrd`: one with its operand; neither: the machine is changed. */
  readonly kind?: 'blob' | 'initrd'
  readonly file?: string
  readonly diagnostics: readonly string[]
  readonly ultravisor: { readonly accepted: boolean; readonly memoryUnsafe?: boolean; readonly readsPastEnd?: boolean }
}

export const bad = fixtureJson('bad/expected.json') as { cases: BadCase[]; guest: BadCase[] }

/** What the machine cannot decide by itself: it knows neither other people's keys nor the kernel's file. */
const UNDECIDABLE: Readonly<Record<string, readonly string[]>> = {
  // Only the other key's private half tells that the lockbox was made for it.
  'symkey-for-other-key': ['ESM022'],
  // That the size in the list is wrong needs the kernel as a file; UV_ESM sees the digest of other bytes.
  'digest-kernel-size-plus-one': ['ESM055'],
}

export function changeOf({ id, kind, file }: BadCase): Partial<MachineConfig> {
  if (kind === undefined) return { initrd: fixture('bad/base/esmb-initrd.img'), ...guestCases[id] }
  const bytes = fixture(`bad/${file}`)
  return kind === 'blob' ? { initrd: fixture('inputs/initrd.img'), operand: bytes } : { initrd: bytes }
}

/** @returns what is not as the case has it, in words */
export function wrongWith({ esm, machine }: { esm: EsmResult; machine: Machine }, expected: BadCase): string[] {
  const { accepted, memoryUnsafe = false, readsPastEnd = false } = expected.ultravisor
  const refuse = !accepted || memoryUnsafe || readsPastEnd
  const wrong: string[] = []
  if (esm.outcome !== (refuse ? 'refused' : 'secure')) wrong.push(`${esm.outcome}: ${esm.reason}`)
  if (esm.returnCode !== (refuse ? -4n : 0n)) wrong.push(`R3 = ${esm.returnCode}`)
  const wanted = expected.diagnostics.filter((rule) => !UNDECIDABLE[expected.id]?.includes(rule))
  for (const rule of wanted) if (!esm.rules.includes(rule)) wrong.push(`no ${rule} among ${esm.rules.join(', ')}`)
  for (const rule of esm.rules) {
    if (expected.diagnostics.includes(rule)) continue
    if (!rule.startsWith('ESM') || 'EX'.includes(ruleOf(rule).severity)) wrong.push(`${rule}, which is none of it`)
  }
  const said = machine.trace.records.flatMap((one) => (one.type === 'finding' ? [`${one.rule} ${one.message}`] : []))
  for (const line of new Set(said)) if (said.indexOf(line) !== said.lastIndexOf(line)) wrong.push(`said twice: ${line}`)
  return wrong
}
