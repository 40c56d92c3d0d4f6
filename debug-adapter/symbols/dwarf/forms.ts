/** Values of attributes (DWARF 5 §7.5.4 to §7.5.6). */
import { OffsetError } from '../../../server/esm/reader.ts'
import type { ByteReader } from '../byte-reader.ts'
import { Form } from './constants.ts'

/** What a value needs to know of the unit that it stands in. */
export interface FormContext {
  readonly version: number
  /** Offsets have 64 bits. */
  readonly wide: boolean
  readonly addressSize: number
}

/** A value as it stands in the entry; what it refers to is looked up when it is asked for. */
export type RawValue =
  | { readonly kind: 'number'; readonly value: bigint; readonly bytes: number }
  | { readonly kind: 'address'; readonly value: bigint }
  | { readonly kind: 'address index'; readonly value: number }
  | { readonly kind: 'text'; readonly value: string }
  | { readonly kind: 'text at'; readonly section: 'str' | 'lineStr'; readonly value: number }
  | { readonly kind: 'text index'; readonly value: number }
  | { readonly kind: 'block'; readonly value: Uint8Array }
  | { readonly kind: 'flag'; readonly value: boolean }
  /** Offset of an entry: from the beginning of the unit, or of the section. */
  | { readonly kind: 'entry'; readonly value: number; readonly ofUnit: boolean }
  | { readonly kind: 'signature'; readonly value: bigint }
  | { readonly kind: 'section offset'; readonly value: number }
  | { readonly kind: 'list index'; readonly value: number }
  | { readonly kind: 'elsewhere' }

const MAX_INDIRECT = 4

/** @throws OffsetError for a form that is none, or one that reaches past the unit */
export function readForm(
  reader: ByteReader,
  form: number,
  context: FormContext,
  implicit?: bigint,
  indirect = 0,
): RawValue {
  const number = (value: bigint, bytes: number): RawValue => ({ kind: 'number', value, bytes })
  const offset = () => (context.wide ? reader.size64() : reader.u32())
  const block = (length: number): RawValue => ({ kind: 'block', value: reader.take(length) })
  switch (form) {
    case Form.Addr:
      return { kind: 'address', value: context.addressSize === 8 ? reader.u64() : BigInt(reader.u32()) }
    case Form.Data1:
      return number(BigInt(reader.u8()), 1)
    case Form.Data2:
      return number(BigInt(reader.u16()), 2)
    case Form.Data4: {
      // Before DWARF 4 the offset of a list had this form too.
      const value = reader.u32()
      return context.version < 4 ? { kind: 'section offset', value } : number(BigInt(value), 4)
    }
    case Form.Data8:
      return number(reader.u64(), 8)
    case Form.Data16:
      return block(16)
    case Form.Sdata:
      return number(reader.sleb(), 0)
    case Form.Udata:
      return number(reader.uleb(), 0)
    case Form.ImplicitConst:
      return number(implicit ?? 0n, 0)
    case Form.String:
      return { kind: 'text', value: reader.cstring() }
    case Form.Strp:
      return { kind: 'text at', section: 'str', value: offset() }
    case Form.LineStrp:
      return { kind: 'text at', section: 'lineStr', value: offset() }
    case Form.Strx:
    case Form.GnuStrIndex:
      return { kind: 'text index', value: reader.ulebNumber() }
    case Form.Strx1:
      return { kind: 'text index', value: reader.u8() }
    case Form.Strx2:
      return { kind: 'text index', value: reader.u16() }
    case Form.Strx3:
      return { kind: 'text index', value: u24(reader) }
    case Form.Strx4:
      return { kind: 'text index', value: reader.u32() }
    case Form.Addrx:
    case Form.GnuAddrIndex:
      return { kind: 'address index', value: reader.ulebNumber() }
    case Form.Addrx1:
      return { kind: 'address index', value: reader.u8() }
    case Form.Addrx2:
      return { kind: 'address index', value: reader.u16() }
    case Form.Addrx3:
      return { kind: 'address index', value: u24(reader) }
    case Form.Addrx4:
      return { kind: 'address index', value: reader.u32() }
    case Form.Block1:
      return block(reader.u8())
    case Form.Block2:
      return block(reader.u16())
    case Form.Block4:
      return block(reader.u32())
    case Form.Block:
    case Form.Exprloc:
      return block(reader.ulebNumber())
    case Form.Flag:
      return { kind: 'flag', value: reader.u8() !== 0 }
    case Form.FlagPresent:
      return { kind: 'flag', value: true }
    case Form.Ref1:
      return { kind: 'entry', value: reader.u8(), ofUnit: true }
    case Form.Ref2:
      return { kind: 'entry', value: reader.u16(), ofUnit: true }
    case Form.Ref4:
      return { kind: 'entry', value: reader.u32(), ofUnit: true }
    case Form.Ref8:
      return { kind: 'entry', value: reader.size64(), ofUnit: true }
    case Form.RefUdata:
      return { kind: 'entry', value: reader.ulebNumber(), ofUnit: true }
    case Form.RefAddr:
      return { kind: 'entry', value: offset(), ofUnit: false }
    case Form.RefSig8:
      return { kind: 'signature', value: reader.u64() }
    case Form.SecOffset:
      return { kind: 'section offset', value: offset() }
    case Form.Loclistx:
    case Form.Rnglistx:
      return { kind: 'list index', value: reader.ulebNumber() }
    case Form.RefSup4:
      reader.skip(4)
      return { kind: 'elsewhere' }
    case Form.RefSup8:
      reader.skip(8)
      return { kind: 'elsewhere' }
    case Form.StrpSup:
    case Form.GnuRefAlt:
    case Form.GnuStrpAlt:
      offset()
      return { kind: 'elsewhere' }
    case Form.Indirect: {
      const real = reader.ulebNumber()
      if (indirect < MAX_INDIRECT && real !== Form.ImplicitConst)
        return readForm(reader, real, context, undefined, indirect + 1)
    }
  }
  throw new OffsetError(`form 0x${form.toString(16)}, which is not known here`, reader.offset, 1, reader.length)
}

function u24(reader: ByteReader): number {
  const [a, b, c] = [reader.u8(), reader.u8(), reader.u8()]
  return reader.littleEndian ? a | (b << 8) | (c << 16) : (a << 16) | (b << 8) | c
}

/** How many bytes a value of the form takes; undefined where that stands in the value. */
export function formSize(form: number, { wide, addressSize }: FormContext): number | undefined {
  switch (form) {
    case Form.FlagPresent:
    case Form.ImplicitConst:
      return 0
    case Form.Data1:
    case Form.Flag:
    case Form.Ref1:
    case Form.Strx1:
    case Form.Addrx1:
      return 1
    case Form.Data2:
    case Form.Ref2:
    case Form.Strx2:
    case Form.Addrx2:
      return 2
    case Form.Strx3:
    case Form.Addrx3:
      return 3
    case Form.Data4:
    case Form.Ref4:
    case Form.Strx4:
    case Form.Addrx4:
    case Form.RefSup4:
      return 4
    case Form.Data8:
    case Form.Ref8:
    case Form.RefSig8:
    case Form.RefSup8:
      return 8
    case Form.Data16:
      return 16
    case Form.Addr:
      return addressSize
    case Form.Strp:
    case Form.LineStrp:
    case Form.SecOffset:
    case Form.RefAddr:
    case Form.StrpSup:
    case Form.GnuRefAlt:
    case Form.GnuStrpAlt:
      return wide ? 8 : 4
    default:
      return undefined
  }
}
