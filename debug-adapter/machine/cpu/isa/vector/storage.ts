/** Vector loads and stores, and the vectors that align what they load (Power ISA 3.0C I 6.7, 6.8). */
import * as e from '../expr.ts'
import { family, type Insn } from '../insn.ts'
import { lane as laneOf, simd, v128 } from '../simd.ts'
import { type E, ELEMENT, type Letter, vectorInsn } from './form.ts'

const OPERANDS = 'vrt,ra0,rb'
const address = (o: Readonly<Record<string, E>>, align: number): E => e.and(e.add(o['ra0']!, o['rb']!), -align)

const whole = family(
  [
    ['lvx', 103, 'stvx', 231],
    ['lvxl', 359, 'stvxl', 487],
  ] as const,
  ([load, loadXo, store, storeXo]) => [
    ...vectorInsn(load, `X:31:${loadXo} vrt ra rb 31=0`, OPERANDS, 'load vector indexed', (o) =>
      e.set(o['vrt']!, e.load(16, address(o, 16))),
    ),
    ...vectorInsn(store, `X:31:${storeXo} vrt ra rb 31=0`, OPERANDS, 'store vector indexed', (o) =>
      e.store(16, address(o, 16), o['vrt']!),
    ),
  ],
)

/** The lane of the element that an address in a quadword selects. */
const laneAt = (ea: E, size: number): E => {
  const offset = e.and(ea, 16 - size)
  return e.select(e.littleEndian, offset, e.sub(16 - size, offset))
}

const IOTA = v128(0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100n)
const splat = (byte: E): E => simd('i8x16.splat', e.low(byte))

/** The low bytes of `v`, moved up by `lane` bytes; zeros below. */
const moved = (v: E, lane: E): E => simd('i8x16.swizzle', v, simd('i8x16.sub', IOTA, splat(lane)))
/** 64 bits from byte `lane` on. */
const lowPart = (v: E, lane: E): E => {
  const picked = simd('i8x16.swizzle', v, simd('i8x16.add', IOTA, splat(lane)))
  return laneOf('i64x2.extract_lane', 0, picked)
}

/**
 * One element goes between memory and the place in the register that its address selects. What the rest of the register
 * holds after a load is undefined; it stays as it was.
 */
const elements = family(
  [
    ['b', 7, 135],
    ['h', 39, 167],
    ['w', 71, 199],
  ] as readonly (readonly [Letter, number, number])[],
  ([letter, loadXo, storeXo]): Insn[] => {
    const { size, word } = ELEMENT[letter]
    const mask = v128((1n << BigInt(8 * size)) - 1n)
    return [
      ...vectorInsn(`lve${letter}x`, `X:31:${loadXo} vrt ra rb 31=0`, OPERANDS, `load vector element ${word}`, (o) => {
        const ea = address(o, size)
        const lane = laneAt(ea, size)
        const placed = moved(simd('i64x2.splat', e.load(size, ea)), lane)
        return e.set(o['vrt']!, simd('v128.bitselect', placed, o['vrt']!, moved(mask, lane)))
      }),
      ...vectorInsn(
        `stve${letter}x`,
        `X:31:${storeXo} vrt ra rb 31=0`,
        OPERANDS,
        `store vector element ${word}`,
        (o) => {
          const ea = address(o, size)
          return e.store(size, ea, lowPart(o['vrt']!, laneAt(ea, size)))
        },
      ),
    ]
  },
)

/** Byte i of the result is i plus the offset in the quadword, for `vperm`; or 16 - offset plus i. */
const control = (start: E): E => simd('i8x16.add', v128(0x0001_0203_0405_0607_0809_0a0b_0c0d_0e0fn), splat(start))
const offset = (o: Readonly<Record<string, E>>): E => e.and(e.add(o['ra0']!, o['rb']!), 15)
const align = [
  ...vectorInsn('lvsl', 'X:31:6 vrt ra rb 31=0', OPERANDS, 'load vector for shift left', (o) =>
    e.set(o['vrt']!, control(offset(o))),
  ),
  ...vectorInsn('lvsr', 'X:31:38 vrt ra rb 31=0', OPERANDS, 'load vector for shift right', (o) =>
    e.set(o['vrt']!, control(e.sub(16, offset(o)))),
  ),
]

export const storage: readonly Insn[] = [...whole, ...elements, ...align]
