import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { assemble } from '../../debug-adapter/machine/cpu/isa/assemble.ts'
import { disassemble } from '../../debug-adapter/machine/cpu/isa/disassemble.ts'

/** `address word text` as objdump of the GNU binutils prints it; golden/regenerate.mjs makes it. */
const golden = readFileSync(new URL('golden/sample.txt', import.meta.url), 'utf8')
  .split('\n')
  .flatMap((line) => {
    const match = /^([0-9a-f]+) ([0-9a-f]{8}) (.*)$/.exec(line)
    return match ? [{ address: BigInt(`0x${match[1]}`), word: Number.parseInt(match[2]!, 16), text: match[3]! }] : []
  })

describe('compiled code', () => {
  it('is disassembled as objdump does', () => {
    expect(golden.length).toBeGreaterThan(500)
    const here = golden.map(({ address, word }) => disassemble(word, address).text)
    expect(here).toEqual(golden.map(({ text }) => text))
  })

  it('is assembled from what objdump prints', () => {
    const here = golden.map(({ address, text }) => assemble(text, address).toString(16))
    expect(here).toEqual(golden.map(({ word }) => word.toString(16)))
  })
})
