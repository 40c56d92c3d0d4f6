/** Fixed-point loads and stores (Power ISA 3.0C I 3.3.2-3.3.7, II 4.6). */
import * as e from '../expr.ts'
import { family, type Insn, insn } from '../insn.ts'

type E = e.Expr
type Size = e.Size

/** Bytes of a loaded value in the other order. */
function reversed(size: Exclude<Size, 16>, v: E): E {
  if (size === 1) return v
  if (size === 2) return e.or(e.and(e.shl(v, 8), 0xff00), e.shrU(v, 8))
  const swap = (x: E, mask: bigint, n: number): E => e.or(e.and(e.shrU(x, n), mask), e.shl(e.and(x, mask), n))
  if (size === 4) {
    const pairs = swap(v, 0x00ff_00ffn, 8)
    return e.zext32(e.or(e.shrU(pairs, 16), e.shl(pairs, 16)))
  }
  const quads = swap(swap(v, 0x00ff_00ff_00ff_00ffn, 8), 0x0000_ffff_0000_ffffn, 16)
  return e.rotl(quads, 32)
}

interface Kind {
  readonly name: string
  readonly size: Exclude<Size, 16>
  readonly signed?: true
  /** Opcodes of the D (or DS with its low bits), X, update and indexed update forms. */
  readonly d?: string
  readonly x?: number
  readonly du?: string
  readonly ux?: number
}

// biome-ignore format: a table
const LOADS: readonly Kind[] = [
  { name: 'lbz', size: 1, d: 'D:34', x: 87, du: 'D:35', ux: 119 },
  { name: 'lhz', size: 2, d: 'D:40', x: 279, du: 'D:41', ux: 311 },
  { name: 'lha', size: 2, signed: true, d: 'D:42', x: 343, du: 'D:43', ux: 375 },
  { name: 'lwz', size: 4, d: 'D:32', x: 23, du: 'D:33', ux: 55 },
  { name: 'lwa', size: 4, signed: true, d: 'DS:58:2', x: 341, ux: 373 },
  { name: 'ld', size: 8, d: 'DS:58:0', x: 21, du: 'DS:58:1', ux: 53 },
]
// biome-ignore format: a table
const STORES: readonly Kind[] = [
  { name: 'stb', size: 1, d: 'D:38', x: 215, du: 'D:39', ux: 247 },
  { name: 'sth', size: 2, d: 'D:44', x: 407, du: 'D:45', ux: 439 },
  { name: 'stw', size: 4, d: 'D:36', x: 151, du: 'D:37', ux: 183 },
  { name: 'std', size: 8, d: 'DS:62:0', x: 149, du: 'DS:62:1', ux: 181 },
]

const EXTEND = { 1: e.ext8, 2: e.ext16, 4: e.ext32, 8: (v: E) => v } as const

/** The four addressing forms of one access. `body` gets the register, the address, and the register that is updated. */
function forms(kind: Kind, register: 'rt' | 'rs', body: (register: E, ea: E, update?: E) => e.Effect[]): Insn[] {
  const help = `${register === 'rt' ? 'load' : 'store'} ${{ 1: 'byte', 2: 'halfword', 4: 'word', 8: 'doubleword' }[kind.size]}`
  const disp = (encoding: string): string => (encoding.startsWith('DS') ? 'ds' : 'd')
  const out: Insn[] = []
  if (kind.d) {
    const d = disp(kind.d)
    out.push(
      ...insn(
        kind.name,
        `${kind.d} ${register} ra ${d}`,
        `${register},${d}(ra0)`,
        (o) => body(o[register]!, e.add(o.ra0!, o[d]!)),
        { help },
      ),
    )
  }
  if (kind.x !== undefined)
    out.push(
      ...insn(
        `${kind.name}x`,
        `X:31:${kind.x} ${register} ra rb`,
        `${register},ra0,rb`,
        (o) => body(o[register]!, e.add(o.ra0!, o.rb!)),
        { help: `${help} indexed` },
      ),
    )
  if (kind.du) {
    const d = disp(kind.du)
    out.push(
      ...insn(
        `${kind.name}u`,
        `${kind.du} ${register} ra ${d}`,
        `${register},${d}(ra)`,
        (o) => body(o[register]!, e.add(o.ra!, o[d]!), o.ra),
        { help: `${help} with update` },
      ),
    )
  }
  if (kind.ux !== undefined)
    out.push(
      ...insn(
        `${kind.name}ux`,
        `X:31:${kind.ux} ${register} ra rb`,
        `${register},ra,rb`,
        (o) => body(o[register]!, e.add(o.ra!, o.rb!), o.ra),
        { help: `${help} indexed with update` },
      ),
    )
  return out
}

const update = (ra: E | undefined, ea: E): e.Effect[] => (ra ? [e.set(ra, ea)] : [])

const plain = [
  ...family(LOADS, (kind) =>
    forms(kind, 'rt', (rt, ea, ra) => {
      const value = e.load(kind.size, ea)
      return [e.set(rt, kind.signed ? EXTEND[kind.size](value) : value), ...update(ra, ea)]
    }),
  ),
  ...family(STORES, (kind) => forms(kind, 'rs', (rs, ea, ra) => [e.store(kind.size, ea, rs), ...update(ra, ea)])),
]

const byteReversed = [
  ...family(
    [
      ['lhbrx', 2, 790],
      ['lwbrx', 4, 534],
      ['ldbrx', 8, 532],
    ] as const,
    ([name, size, xo]) =>
      insn(
        name,
        `X:31:${xo} rt ra rb`,
        'rt,ra0,rb',
        ({ rt, ra0, rb }) => e.set(rt!, reversed(size, e.load(size, e.add(ra0!, rb!)))),
        {
          help: 'load with the bytes in the other order',
        },
      ),
  ),
  ...family(
    [
      ['sthbrx', 2, 918],
      ['stwbrx', 4, 662],
      ['stdbrx', 8, 660],
    ] as const,
    ([name, size, xo]) =>
      insn(
        name,
        `X:31:${xo} rs ra rb`,
        'rs,ra0,rb',
        ({ rs, ra0, rb }) => {
          const value = size === 8 ? rs! : e.and(rs!, size === 4 ? 0xffff_ffff : 0xffff)
          return e.store(size, e.add(ra0!, rb!), reversed(size, value))
        },
        { help: 'store with the bytes in the other order' },
      ),
  ),
]

const misaligned = (ea: E, size: number): e.Effect => e.raise('alignment', e.ne(e.and(ea, size - 1), 0), ea)

const reservations = [
  ...family(
    [
      ['lbarx', 1, 52],
      ['lharx', 2, 116],
      ['lwarx', 4, 20],
      ['ldarx', 8, 84],
    ] as const,
    ([name, size, xo]) =>
      insn(
        name,
        `X:31:${xo} rt ra rb eh`,
        'rt,ra0,rb,[eh]',
        ({ rt, ra0, rb }) => {
          const ea = e.add(ra0!, rb!)
          return [
            misaligned(ea, size),
            e.set(rt!, e.load(size, ea)),
            e.setState('reserveEa', ea),
            e.setState('reserveSize', size),
          ]
        },
        { help: 'load and reserve' },
      ),
  ),
  ...family(
    [
      ['stbcx.', 1, 694],
      ['sthcx.', 2, 726],
      ['stwcx.', 4, 150],
      ['stdcx.', 8, 214],
    ] as const,
    ([name, size, xo]) =>
      insn(
        name,
        `X:31:${xo} rs ra rb 31=1`,
        'rs,ra0,rb',
        ({ rs, ra0, rb }) => {
          const ea = e.add(ra0!, rb!)
          const held = e.and(e.eq(e.state('reserveEa'), ea), e.eq(e.state('reserveSize'), size))
          return [
            misaligned(ea, size),
            e.when(held, e.store(size, ea, rs!)),
            e.setState('reserveSize', 0),
            e.setCr(e.i64(0), e.or(e.shl(held, 1), e.state('so'))),
          ]
        },
        { help: 'store where the reservation is still held; CR0[EQ] says so' },
      ),
  ),
]

const multiples = [
  ...insn('lmw', 'D:46 rt ra d', 'rt,d(ra0)', () => e.call('lmw'), { help: 'load words into registers rt to r31' }),
  ...insn('stmw', 'D:47 rs ra d', 'rs,d(ra0)', () => e.call('stmw'), { help: 'store words of registers rs to r31' }),
  ...insn('lswi', 'X:31:597 rt ra nb', 'rt,ra0,nb', () => e.call('lswi'), { help: 'load string' }),
  ...insn('lswx', 'X:31:533 rt ra rb', 'rt,ra0,rb', () => e.call('lswx'), { help: 'load string, length in XER' }),
  ...insn('stswi', 'X:31:725 rs ra nb', 'rs,ra0,nb', () => e.call('stswi'), { help: 'store string' }),
  ...insn('stswx', 'X:31:661 rs ra rb', 'rs,ra0,rb', () => e.call('stswx'), { help: 'store string, length in XER' }),
  ...insn('lq', 'DQ:56 rt ra dq', 'rt,dq(ra0)', () => e.call('lq'), { help: 'load quadword into an even-odd pair' }),
  ...insn('stq', 'DS:62:2 rs ra ds', 'rs,ds(ra0)', () => e.call('stq'), {
    help: 'store quadword from an even-odd pair',
  }),
  ...insn('lqarx', 'X:31:276 rt ra rb eh', 'rt,ra0,rb,[eh]', () => e.call('lqarx'), {
    help: 'load quadword and reserve',
  }),
  ...insn('stqcx.', 'X:31:182 rs ra rb 31=1', 'rs,ra0,rb', () => e.call('stqcx'), {
    help: 'store quadword where the reservation is held',
  }),
]

export const storage: readonly Insn[] = [...plain, ...byteReversed, ...reservations, ...multiples]
