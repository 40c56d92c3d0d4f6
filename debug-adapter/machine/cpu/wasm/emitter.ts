/**
 * Writes WebAssembly modules byte by byte (WebAssembly core specification 1.0 §5, with sign extension). Knows nothing of
 * PowerPC; the interpreter of today and a compiler of hot code use the same emitter.
 */
import type { BinaryOp, CompareOp, Size, Type, UnaryOp } from '../isa/expr.ts'
import { SIMD_OPCODE, type SimdName } from '../isa/simd.ts'

/** Types of WebAssembly: those of expressions, and two that only helpers compute with. */
export type ValueType = Type | 'f32' | 'f64'
export const VALUE_TYPE: Record<ValueType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

const BINARY: readonly BinaryOp[] = [
  'add',
  'sub',
  'mul',
  'div_s',
  'div_u',
  'rem_s',
  'rem_u',
  'and',
  'or',
  'xor',
  'shl',
  'shr_s',
  'shr_u',
  'rotl',
]
const COMPARE: readonly CompareOp[] = ['eq', 'ne', 'lt_s', 'lt_u', 'gt_s', 'gt_u', 'le_s', 'le_u', 'ge_s', 'ge_u']
const COUNT: readonly UnaryOp[] = ['clz', 'ctz', 'popcnt']

/** Opcode of an operator for operands of a type. */
export function opcode(name: BinaryOp | CompareOp | UnaryOp, type: ValueType): number {
  const first = (i32: number, i64: number): number => (type === 'i32' ? i32 : i64)
  const at = <T>(list: readonly T[], base: number): number => {
    const index = list.indexOf(name as T)
    return index < 0 ? -1 : base + index
  }
  if (name === 'eqz') return first(0x45, 0x50)
  if (name === 'extend8_s') return first(0xc0, 0xc2)
  if (name === 'extend16_s') return first(0xc1, 0xc3)
  if (name === 'extend32_s') return 0xc4
  return Math.max(at(COMPARE, first(0x46, 0x51)), at(COUNT, first(0x67, 0x79)), at(BINARY, first(0x6a, 0x7c)))
}

type Access = Readonly<Partial<Record<Size, number>>>
const LOADS: Record<ValueType, Access> = {
  i32: { 1: 0x2d, 2: 0x2f, 4: 0x28 },
  i64: { 1: 0x31, 2: 0x33, 4: 0x35, 8: 0x29 },
  f32: { 4: 0x2a },
  f64: { 8: 0x2b },
  v128: { 16: 0x00 },
}
const STORES: Record<ValueType, Access> = {
  i32: { 1: 0x3a, 2: 0x3b, 4: 0x36 },
  i64: { 1: 0x3c, 2: 0x3d, 4: 0x3e, 8: 0x37 },
  f32: { 4: 0x38 },
  f64: { 8: 0x39 },
  v128: { 16: 0x0b },
}

class Bytes {
  #bytes = new Uint8Array(1 << 12)
  length = 0

  byte(...values: number[]): this {
    for (const value of values) {
      if (this.length === this.#bytes.length) {
        const larger = new Uint8Array(this.length * 2)
        larger.set(this.#bytes)
        this.#bytes = larger
      }
      this.#bytes[this.length++] = value
    }
    return this
  }

  unsigned(value: number): this {
    for (; value > 0x7f; value = Math.floor(value / 128)) this.byte((value & 0x7f) | 0x80)
    return this.byte(value)
  }

  signed(value: number | bigint): this {
    if (typeof value === 'number' || BigInt.asIntN(32, value) === value) {
      for (let rest = Number(value); ; rest >>= 7) {
        if (rest >= -64 && rest < 64) return this.byte(rest & 0x7f)
        this.byte((rest & 0x7f) | 0x80)
      }
    }
    for (let rest = value; ; rest >>= 7n) {
      const low = Number(rest & 0x7fn)
      if (rest >> 6n === 0n || rest >> 6n === -1n) return this.byte(low)
      this.byte(low | 0x80)
    }
  }

  append(bytes: Uint8Array): this {
    const length = this.length + bytes.length
    if (length > this.#bytes.length) {
      const larger = new Uint8Array(2 * length)
      larger.set(this.bytes)
      this.#bytes = larger
    }
    this.#bytes.set(bytes, this.length)
    this.length = length
    return this
  }

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.length)
  }
}

/** The body of one function. Branches name labels; depths are counted here. */
export class Code {
  readonly #out = new Bytes()
  readonly #labels: string[] = []
  readonly #locals: ValueType[] = []
  readonly #free: Record<ValueType, number[]> = { i32: [], i64: [], f32: [], f64: [], v128: [] }

  /** @param parameters types of the parameters, which are the first locals */
  constructor(readonly parameters: readonly ValueType[] = []) {}

  /** A new local variable. */
  local(type: ValueType): number {
    this.#locals.push(type)
    return this.parameters.length + this.#locals.length - 1
  }

  /** Takes a local that an earlier user gave back, or a new one. */
  borrow(type: ValueType): number {
    return this.#free[type].pop() ?? this.local(type)
  }

  giveBack(local: number, type: ValueType): void {
    this.#free[type].push(local)
  }

  op(...bytes: number[]): this {
    this.#out.byte(...bytes)
    return this
  }

  i32(value: number): this {
    this.#out.byte(0x41).signed(value | 0)
    return this
  }

  i64(value: bigint): this {
    this.#out.byte(0x42).signed(BigInt.asIntN(64, value))
    return this
  }

  get(local: number): this {
    this.#out.byte(0x20).unsigned(local)
    return this
  }

  set(local: number): this {
    this.#out.byte(0x21).unsigned(local)
    return this
  }

  tee(local: number): this {
    this.#out.byte(0x22).unsigned(local)
    return this
  }

  /** A zero-extending load of `size` bytes. */
  load(size: Size, type: ValueType, offset = 0): this {
    return this.#access(LOADS[type][size], size, type, offset)
  }

  store(size: Size, type: ValueType, offset = 0): this {
    return this.#access(STORES[type][size], size, type, offset)
  }

  #access(code: number | undefined, size: Size, type: ValueType, offset: number): this {
    if (code === undefined) throw new TypeError(`WebAssembly has no access of ${size} bytes as ${type}`)
    if (type === 'v128') this.#out.byte(0xfd)
    this.#out.byte(code, 0).unsigned(offset)
    return this
  }

  /** A vector operator, its immediate lanes behind it. */
  simd(name: SimdName, lanes: readonly number[] = []): this {
    this.#out
      .byte(0xfd)
      .unsigned(SIMD_OPCODE.get(name)!)
      .byte(...lanes)
    return this
  }

  call(index: number): this {
    this.#out.byte(0x10).unsigned(index)
    return this
  }

  /** Calls the function with the number on the stack of the imported table; its signature is {@link INDIRECT}. */
  callIndirect(): this {
    return this.op(0x11, 0, 0)
  }

  block(label: string): this {
    this.#labels.push(label)
    return this.op(0x02, 0x40)
  }

  loop(label: string): this {
    this.#labels.push(label)
    return this.op(0x03, 0x40)
  }

  if(type?: ValueType): this {
    this.#labels.push('')
    return this.op(0x04, type ? VALUE_TYPE[type] : 0x40)
  }

  else(): this {
    return this.op(0x05)
  }

  end(): this {
    this.#labels.pop()
    return this.op(0x0b)
  }

  br(label: string): this {
    this.#out.byte(0x0c).unsigned(this.#depth(label))
    return this
  }

  brIf(label: string): this {
    this.#out.byte(0x0d).unsigned(this.#depth(label))
    return this
  }

  /** Jumps to `labels[i]` for i on the stack, to the last one for a larger i. */
  brTable(labels: readonly string[]): this {
    this.#out.byte(0x0e).unsigned(labels.length - 1)
    for (const label of labels) this.#out.unsigned(this.#depth(label))
    return this
  }

  return(): this {
    return this.op(0x0f)
  }

  #depth(label: string): number {
    const index = this.#labels.lastIndexOf(label)
    if (index < 0) throw new TypeError(`no enclosing label ${label}`)
    return this.#labels.length - 1 - index
  }

  /** The function body with its locals, as the code section holds it. */
  get body(): Uint8Array {
    const body = new Bytes()
    body.unsigned(this.#locals.length)
    for (const type of this.#locals) body.byte(1, VALUE_TYPE[type])
    body.append(this.#out.bytes).byte(0x0b)
    return body.bytes
  }
}

export interface Signature {
  readonly parameters: readonly ValueType[]
  readonly result?: ValueType
}

/** What a function in the table takes and gives. */
export const INDIRECT: Signature = { parameters: ['i32'] }

/**
 * Puts a module together. It imports its memory as `env.memory` and its functions from `env`; imported functions come first
 * in the numbering.
 * @param table whether it calls functions of the imported table `env.table`
 */
export function buildModule(
  imports: readonly (readonly [string, Signature])[],
  functions: readonly { readonly name: string; readonly signature: Signature; readonly code: Code }[],
  table = false,
): Uint8Array<ArrayBuffer> {
  const out = new Bytes().byte(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
  const section = (id: number, fill: (bytes: Bytes) => void): void => {
    const content = new Bytes()
    fill(content)
    out.byte(id).unsigned(content.length).append(content.bytes)
  }
  const name = (bytes: Bytes, text: string): Bytes => bytes.unsigned(text.length).append(new TextEncoder().encode(text))
  const signatures = [
    INDIRECT,
    ...imports.map(([, signature]) => signature),
    ...functions.map(({ signature }) => signature),
  ]
  section(1, (bytes) => {
    bytes.unsigned(signatures.length)
    for (const { parameters, result } of signatures) {
      bytes
        .byte(0x60)
        .unsigned(parameters.length)
        .byte(...parameters.map((type) => VALUE_TYPE[type]))
      if (result) bytes.byte(1, VALUE_TYPE[result])
      else bytes.byte(0)
    }
  })
  section(2, (bytes) => {
    bytes.unsigned(imports.length + (table ? 2 : 1))
    for (const [i, [text]] of imports.entries())
      name(name(bytes, 'env'), text)
        .byte(0)
        .unsigned(i + 1)
    name(name(bytes, 'env'), 'memory').byte(2, 0).unsigned(1)
    if (table) name(name(bytes, 'env'), 'table').byte(1, 0x70, 0).unsigned(0)
  })
  section(3, (bytes) => {
    bytes.unsigned(functions.length)
    for (const i of functions.keys()) bytes.unsigned(1 + imports.length + i)
  })
  section(7, (bytes) => {
    bytes.unsigned(functions.length)
    for (const [i, f] of functions.entries())
      name(bytes, f.name)
        .byte(0)
        .unsigned(imports.length + i)
  })
  section(10, (bytes) => {
    bytes.unsigned(functions.length)
    for (const { code } of functions) {
      const { body } = code
      bytes.unsigned(body.length).append(body)
    }
  })
  return out.bytes.slice()
}
