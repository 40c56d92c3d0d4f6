/** Attached files, read by the secure guest with UV_ESMB_GET_FILE: what the real ultravisor code answered for each. */
import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { getFile } from './guest-ucall.ts'
import { fixture, fixtureJson, untilEsm } from './run.ts'

interface Answer {
  readonly rc: number
  readonly length?: number
  readonly sha512?: string
}
type Answers = Readonly<Record<string, Answer>>

/** The calls of one VM log 64 bytes each: enough to tell a long file from its beginning. */
function expectAnswers(machine: Parameters<typeof getFile>[0], answers: Answers): void {
  for (const [name, { rc, length, sha512 }] of Object.entries(answers)) {
    const found = getFile(machine, name)
    if (rc !== 0) {
      // The code of a tree that cannot be read is libfdt's in the real code, U_PARAMETER here: a refusal all the same.
      expect(typeof found === 'number' && found < 0, `${name}: ${found}`).toBe(true)
      const refusal = machine.trace.of('refusal').at(-1)!
      expect(refusal.rule).toBe('UV-FILE-004')
      continue
    }
    if (typeof found === 'number') throw new Error(`${name}: ${found} instead of ${length} bytes`)
    expect(found.length).toBe(length)
    expect(Buffer.from(nodeCrypto.sha512(found)).toString('hex')).toBe(sha512)
  }
}

describe('altered operands that the ultravisor accepts', () => {
  const cases = fixtureJson('bad/expected.json').cases as {
    id: string
    kind: string
    file: string
    ultravisor: { accepted: boolean; memoryUnsafe: boolean; readsPastEnd?: boolean; files?: Answers }
  }[]
  const withFiles = cases.filter(
    ({ ultravisor: uv }) => uv.accepted && !uv.memoryUnsafe && Object.keys(uv.files ?? {}).length > 0,
  )
  test('there are some', () => expect(withFiles.length).toBeGreaterThan(10))

  test.each(withFiles.map((c) => [c.id, c] as const))('%s', (_, { kind, file, ultravisor }) => {
    const bytes = fixture(`bad/${file}`)
    const { machine } = untilEsm(
      kind === 'blob' ? { initrd: fixture('inputs/initrd.img'), operand: bytes } : { initrd: bytes },
    )
    expectAnswers(machine, ultravisor.files!)
  })
})

describe('operands made by svm-tool', () => {
  const names = readdirSync(new URL('../fixtures/esm/good/', import.meta.url)).filter((name) => {
    const { ultravisor } = fixtureJson(`good/${name}/expected.json`)
    return ultravisor.svm_esm_blob_chk === 0 && Object.keys(ultravisor.files).length > 0
  })
  test('four of them carry files', () => expect(names).toHaveLength(4))

  test.each(names)('%s', (name) => {
    const expected = fixtureJson(`good/${name}/expected.json`)
    const { machine } = untilEsm({
      initrd: fixture(`good/${name}/esmb-initrd.img`),
      bootargs: expected.digests.bootargsText,
    })
    expectAnswers(machine, expected.ultravisor.files)
  })
})
