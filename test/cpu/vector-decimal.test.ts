import { describe, expect, it } from 'vitest'
import { VectorMachine } from './vector-machine.ts'

const machine = new VectorMachine()
const [LT, GT, EQ, SO] = [8, 4, 2, 1]

/** Digits and sign code as a register; a shift or length in byte 7 or halfword 3. */
const packed = (text: string): bigint => BigInt(`0x${text}`)
const control = (n: number): bigint => BigInt.asUintN(16, BigInt(n)) << 64n
const NINES = '9'.repeat(31)

/** @returns digits with the sign code, without zeros to the left, and CR6 */
function run(line: string, ...values: readonly bigint[]): readonly [string, number] {
  const { v, cr6 } = machine.run(line, values)
  return [v(7).toString(16), cr6]
}

describe('decimal integers', () => {
  it.each([
    ['bcdadd. v7,v1,v2,0', '123c', '877f', '1000c', GT],
    ['bcdadd. v7,v1,v2,1', '123d', '877a', '754f', GT],
    ['bcdsub. v7,v1,v2,0', '123c', '124e', '1d', LT],
    // Zero is positive, whatever it is the sum of.
    ['bcdadd. v7,v1,v2,0', 'd', 'b', 'c', EQ],
    ['bcdsub. v7,v1,v2,1', '5d', '5b', 'f', EQ],
    // The comparison is of the sum before digits are lost.
    ['bcdadd. v7,v1,v2,0', `${NINES}c`, '1c', 'c', GT | SO],
    ['bcdsub. v7,v1,v2,0', `${NINES}d`, '2c', '1d', LT | SO],
  ])('%s of %s and %s', (line, a, b, result, cr6) => {
    expect(run(line, packed(a), packed(b))).toEqual([result, cr6])
  })

  it.each([
    'bcdadd. v7,v1,v2,0',
    'bcdsub. v7,v1,v2,0',
    'bcdcpsgn. v7,v1,v2',
    'bcdctn. v7,v2',
    'bcdctz. v7,v2,0',
    'bcdctsq. v7,v2',
  ])('%s looks at all digits and the sign for its validity', (line) => {
    for (const invalid of [`a${'0'.repeat(30)}c`, '1ac', '15']) {
      expect(run(line, packed('1c'), packed(invalid))[1]).toBe(SO)
    }
    expect(run(line, packed('3c'), packed('1c'))[1]).toBe(GT)
  })

  it.each([
    ['bcds. v7,v1,v2,0', 3, '12f', '12000c', GT],
    ['bcds. v7,v1,v2,1', -1, '129b', '12d', LT],
    ['bcds. v7,v1,v2,0', 31, '12c', 'c', GT | SO],
    ['bcds. v7,v1,v2,0', 127, 'd', 'd', EQ],
    // What is compared is the number before the shift.
    ['bcds. v7,v1,v2,0', -2, '12d', 'd', LT],
    ['bcdsr. v7,v1,v2,0', -1, '125c', '13c', GT],
    ['bcdsr. v7,v1,v2,0', -1, '124d', '12d', LT],
    // No more than 31 digits: the first one is the last that goes out.
    ['bcdsr. v7,v1,v2,0', -100, `5${'0'.repeat(30)}c`, '1c', GT],
    ['bcdsr. v7,v1,v2,0', -31, `4${'9'.repeat(30)}c`, 'c', GT],
    ['bcdus. v7,v1,v2', 1, '98', '980', GT],
    ['bcdus. v7,v1,v2', 31, '98', `8${'0'.repeat(31)}`, GT | SO],
    ['bcdus. v7,v1,v2', 32, '0', '0', EQ],
    ['bcdus. v7,v1,v2', -2, '98', '0', GT],
    ['bcdtrunc. v7,v1,v2,1', 2, '1234c', '34f', GT | SO],
    ['bcdtrunc. v7,v1,v2,0', 0, '1c', 'c', GT | SO],
    ['bcdtrunc. v7,v1,v2,0', 300, `${NINES}b`, `${NINES}d`, LT],
    ['bcdutrunc. v7,v1,v2', 2, '1200', '0', GT | SO],
    ['bcdutrunc. v7,v1,v2', 31, `0${NINES}`, NINES, GT],
  ])('%s by %i of %s', (line, n, b, result, cr6) => {
    expect(run(line, control(n), packed(b))).toEqual([result, cr6])
  })

  it.each([
    ['bcdcfn. v7,v1,0', '0031003200330034003500360037002d', '1234567d', LT],
    ['bcdcfn. v7,v1,1', '0030003000300030003000300030002b', 'f', EQ],
    ['bcdctn. v7,v1', '12345678c', '320033003400350036003700 38002b'.replace(' ', ''), GT | SO],
    ['bcdcfz. v7,v1,0', '30303030303030303030303030303172', '12d', LT],
    ['bcdcfz. v7,v1,1', 'f0f0f0f0f0f0f0f0f0f0f0f0f0f0f1a2', '12c', GT],
    ['bcdcfz. v7,v1,1', 'f0f0f0f0f0f0f0f0f0f0f0f0f0f0f172', '0', SO],
    ['bcdctz. v7,v1,0', '12d', '30303030303030303030303030303172', LT],
    ['bcdctz. v7,v1,1', '12345678901234567c', 'f2f3f4f5f6f7f8f9f0f1f2f3f4f5f6c7', GT | SO],
    ['bcdctsq. v7,v1', '12d', 'fffffffffffffffffffffffffffffff4', LT],
    ['bcdcfsq. v7,v1,1', 'fffffffffffffffffffffffffffffff4', '12d', LT],
    ['bcdsetsgn. v7,v1,1', '12a', '12f', GT],
  ])('%s of %s', (line, b, result, cr6) => {
    expect(run(line, packed(b))).toEqual([result, cr6])
  })

  it('of quadwords with more than 31 digits overflow', () => {
    const [first, cr6] = run('bcdcfsq. v7,v1,0', 10n ** 31n - 1n)
    expect([first, cr6]).toEqual([`${NINES}c`, GT])
    expect(run('bcdcfsq. v7,v1,0', 10n ** 31n)[1]).toBe(GT | SO)
    expect(run('bcdcfsq. v7,v1,0', BigInt.asUintN(128, -(10n ** 31n)))[1]).toBe(LT | SO)
  })

  it('are multiplied by ten in binary', () => {
    const limit = (1n << 128n) - 1n
    expect(machine.run('vmul10euq v7,v1,v2', [7n, 0xf3n]).v(7)).toBe(73n)
    expect(machine.run('vmul10uq v7,v1', [limit]).v(7)).toBe((1n << 128n) - 10n)
    expect(machine.run('vmul10cuq v7,v1', [limit]).v(7)).toBe(9n)
    expect(machine.run('vmul10ecuq v7,v1,v2', [(1n << 128n) / 10n, 9n]).v(7)).toBe(1n)
  })
})
