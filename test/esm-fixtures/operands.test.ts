/** Every operand and initrd of the fixtures through the whole machine: the verdicts of the real ultravisor code. */
import { describe, expect, it } from 'vitest'
import { hexBytes } from '../../server/esm/reader.ts'
import { ruleOf } from '../../server/esm/rules.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { fixture } from '../esm/fixtures.ts'
import { bad, getFile, kernel, plainInitrd, type Run, runsSecure, runToVerdict } from './machine.ts'
import { expectVerdict, type Verdict } from './verdict.ts'

interface FileCase extends Verdict {
  readonly kind: 'blob' | 'initrd'
  readonly file: string
}

const cases: FileCase[] = bad.cases
const run = ({ kind, file }: FileCase): Run => {
  const bytes = fixture(`bad/${file}`)
  return runToVerdict(kind === 'blob' ? { initrd: plainInitrd, operand: bytes } : { initrd: bytes })
}

describe('altered operands, put in front of the initrd', () => {
  const blobs = cases.filter((c) => c.kind === 'blob')
  it('are the 56 of the fixtures', () => expect(blobs).toHaveLength(56))
  it.each(blobs)('$id', (given) => {
    const { machine, esm } = run(given)
    console.log(given.id, given.diagnostics, given.ultravisor.accepted, esm.outcome, esm.rules)
  })
})
describe('altered initrds', () => {
  const initrds = cases.filter((c) => c.kind === 'initrd')
  it('are the 15 of the fixtures', () => expect(initrds).toHaveLength(15))
  it.each(initrds)('$id', (given) => {
    const { machine, esm } = run(given)
    console.log(given.id, given.diagnostics, given.ultravisor.accepted, esm.outcome, esm.rules)
  })
})
