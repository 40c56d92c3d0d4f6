/**
 * A kernel with its boot wrapper, to which the Linux build may attach an operand (spec/esm-operand.md §7.3). Fields: System V
 * ABI, ELF object file format; of 32 or 64 bits, of either byte order.
 */
import { latin1, OffsetError, Reader } from './reader.ts'

/** Names of the sections that the wrapper adds. */
const OPERAND = '.kernel:esm_blob'
const KERNEL = '.kernel:vmlinux'
const INITRD = '.kernel:initrd'

export interface ZImageSection {
  readonly bytes: Uint8Array
  /** In bytes from the start of the file. */
  readonly offset: number
}

export interface ZImage {
  readonly operand?: ZImageSection
  /** vmlinux without symbols, as a rule compressed with gzip. */
  readonly kernel?: ZImageSection
  readonly initrd?: ZImageSection
}

/** @returns undefined for what is no zImage: not ELF, cut off, or without a kernel inside */
export function readZImage(elf: Uint8Array): ZImage | undefined {
  if (!latin1(elf.subarray(0, 4)).startsWith('\x7fELF')) return undefined
  try {
    const sections = [...readSections(elf)]
    const named = (name: string) => sections.find((section) => section.name.startsWith(name))
    const [operand, kernel, initrd] = [named(OPERAND), named(KERNEL), named(INITRD)]
    if (!operand && !kernel) return undefined
    return { ...(operand && { operand }), ...(kernel && { kernel }), ...(initrd && { initrd }) }
  } catch (error) {
    if (error instanceof OffsetError) return undefined
    throw error
  }
}

const SHT_NOBITS = 8

function* readSections(elf: Uint8Array): Generator<ZImageSection & { readonly name: string }> {
  const wide = new Reader(elf).u8(4, 'EI_CLASS') === 2
  const reader = new Reader(elf, new Reader(elf).u8(5, 'EI_DATA') === 1)
  const word = (at: number, what: string) => (wide ? reader.size64(at, what) : reader.u32(at, what))
  const table = word(wide ? 0x28 : 0x20, 'e_shoff')
  const [size, count, names] = wide ? [0x3a, 0x3c, 0x3e] : [0x2e, 0x30, 0x32]
  const at = (index: number) => table + index * reader.u16(size, 'e_shentsize')
  const offsetOf = (header: number) => word(header + (wide ? 24 : 16), 'sh_offset')
  const sizeOf = (header: number) => word(header + (wide ? 32 : 20), 'sh_size')
  const strings = offsetOf(at(reader.u16(names, 'e_shstrndx')))
  for (let i = 1; i < reader.u16(count, 'e_shnum'); i++) {
    const header = at(i)
    if (reader.u32(header + 4, 'sh_type') === SHT_NOBITS) continue
    const offset = offsetOf(header)
    const name = reader.cstring(strings + reader.u32(header, 'sh_name'), 'the name of a section')
    yield { name, offset, bytes: reader.slice(offset, sizeOf(header), `the section ${name}`) }
  }
}
