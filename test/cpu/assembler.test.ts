import { describe, expect, it } from 'vitest'
import { assemble } from '../../debug-adapter/machine/cpu/isa/assemble.ts'
import { disassemble, explain } from '../../debug-adapter/machine/cpu/isa/disassemble.ts'
import { decode, KNOWN } from '../../debug-adapter/machine/cpu/isa/table.ts'
import { Random } from './oracle/random.ts'

const ADDRESS = 0x1000_0000n

describe('the instruction table', () => {
  it('decodes every record to itself', () => {
    for (const insn of KNOWN) expect(decode(insn.value)?.mnemonic, insn.mnemonic).toBe(insn.mnemonic)
  })

  it('explains every instruction in a sentence', () => {
    expect(KNOWN.filter((insn) => explain(insn.mnemonic) === undefined).map((insn) => insn.mnemonic)).toEqual([])
  })

  it('has what the assembler needs: text goes back to the word, for random operands of every record', () => {
    const random = new Random(1)
    const wrong: string[] = []
    for (const insn of KNOWN)
      for (let i = 0; i < 60; i++) {
        let free = 0
        for (const { runs } of insn.fields)
          for (const { first, last } of runs) for (let bit = first; bit <= last; bit++) free |= 1 << (31 - bit)
        // Sparse and dense operand values: aliases begin where fields are 0.
        const bits = i % 3 === 0 ? random.word() & random.word() & random.word() : random.word()
        const word = ((bits & free & ~insn.mask) | insn.value) >>> 0
        const { text } = disassemble(word, ADDRESS)
        const back = assemble(text, ADDRESS)
        if (back !== word) wrong.push(`${word.toString(16)} -> ${text} -> ${back.toString(16)}`)
      }
    expect(wrong).toEqual([])
  })
})

describe('disassemble', () => {
  it.each([
    [0x38600001, 'li      r3,1'],
    [0x3c400001, 'lis     r2,1'],
    [0x7c0802a6, 'mflr    r0'],
    [0x4e800020, 'blr'],
    [0x60000000, 'nop'],
    [0x7c832378, 'mr      r3,r4'],
    [0x2fa30000, 'cmpdi   cr7,r3,0'],
    [0x78631f24, 'sldi    r3,r3,3'],
    [0x786307a0, 'clrldi  r3,r3,62'],
    [0x44000042, 'sc      2'],
    [0x4c000264, 'urfid'],
    [0xe8610010, 'ld      r3,16(r1)'],
    [0xf821ff91, 'stdu    r1,-112(r1)'],
    [0x7c0004ac, 'hwsync'],
    [0x00000000, '.long 0x0'],
    [0x4c400420, 'bcctr   2,lt'],
    [0x63ff0000, 'exser'],
    [0x7d00322c, 'dcbtds  0,r6'],
    // Reserved bits, invalid forms: lhzu with r0, ldu of its own base.
    [0x7cc048ac, '.long 0x7cc048ac'],
    [0xa600607d, '.long 0xa600607d'],
    [0xe8630009, '.long 0xe8630009'],
  ])('%s', (word, text) => {
    expect(disassemble(word, 0n).text).toBe(text)
  })

  it('says where a branch leads to', () => {
    expect(disassemble(0x4bfffffc, 0x2000n)).toEqual({
      mnemonic: 'b',
      operands: '0x1ffc',
      text: 'b       0x1ffc',
      target: 0x1ffcn,
      length: 4,
    })
    expect(disassemble(0x419e0008, 0x2000n).text).toBe('beq     cr7,0x2008')
    expect(disassemble(0x4e800020, 0x2000n).target).toBeUndefined()
  })
})

describe('assemble', () => {
  it('takes what people write', () => {
    expect(assemble('b .+8', 0x1000n)).toBe(0x48000008)
    expect(assemble('  LD  R3 , 0x10 ( r1 ) ', 0n)).toBe(0xe8610010)
    expect(assemble('cmpdi r3,0', 0n)).toBe(0x2c230000)
    expect(assemble('.long 0xdeadbeef', 0n)).toBe(0xdeadbeef)
  })

  it.each([
    ['frobnicate r1', /frobnicate r1: no instruction is called frobnicate/],
    ['li r3,40000', /si = 40000: expected -32768 to 32767/],
    ['ld r3,2(r1)', /ds = 2: expected -32768 to 32764, a multiple of 4/],
    ['ld r3,r1', /r1: expected displacement\(register\)/],
    ['add r3,r4', /expected 3 operands, found 2/],
    ['mr r3,x4', /rs x4: expected a register/],
    ['beq cr7,nowhere', /target nowhere: expected an address/],
    ['li r32,0', /rt = 32: expected 0 to 31/],
  ])('refuses %s and says why', (line, message) => {
    expect(() => assemble(line, 0n)).toThrow(message)
  })
})
