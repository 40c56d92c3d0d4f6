/** A small ELF kernel for ppc64: one loadable segment. Sizes in bytes. */
export function makeKernel(options: {
  readonly address?: bigint
  readonly imageBytes?: number
  readonly memoryBytes?: number
  readonly entryOffset?: number
  readonly littleEndian?: boolean
}): Uint8Array {
  const { address = 0xc000_0000_0000_0000n, imageBytes = 0x1000, entryOffset = 0, littleEndian = true } = options
  const memoryBytes = options.memoryBytes ?? imageBytes
  const offset = 0x1000
  const sections = offset + imageBytes
  const names = new TextEncoder().encode('\0.text\0.shstrtab\0')
  const elf = new Uint8Array(sections + names.length + 3 * 64)
  const view = new DataView(elf.buffer)
  const u16 = (at: number, value: number) => view.setUint16(at, value, littleEndian)
  const u32 = (at: number, value: number) => view.setUint32(at, value, littleEndian)
  const u64 = (at: number, value: bigint) => view.setBigUint64(at, value, littleEndian)
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, littleEndian ? 1 : 2, 1])
  u16(0x10, 2)
  u16(0x12, 21)
  u32(0x14, 1)
  u64(0x18, address + BigInt(entryOffset))
  u64(0x20, 64n)
  const table = sections + names.length
  u64(0x28, BigInt(table))
  for (const [i, value] of [64, 56, 1, 64, 3, 2].entries()) u16(0x34 + i * 2, value)
  // The program header.
  u32(64, 1)
  u32(68, 7)
  for (const [i, value] of [
    BigInt(offset),
    address,
    address,
    BigInt(imageBytes),
    BigInt(memoryBytes),
    0x1_0000n,
  ].entries())
    u64(72 + i * 8, value)
  // .text and .shstrtab.
  const section = (i: number, name: number, type: number, flags: bigint, at: bigint, start: number, size: number) => {
    const base = table + i * 64
    u32(base, name)
    u32(base + 4, type)
    for (const [k, value] of [flags, at, BigInt(start), BigInt(size)].entries()) u64(base + 8 + k * 8, value)
  }
  section(1, 1, 1, 6n, address, offset, imageBytes)
  section(2, 7, 3, 0n, 0n, sections, names.length)
  elf.set(names, sections)
  for (let i = 0; i < imageBytes; i++) elf[offset + i] = (i * 7 + 1) & 0xff
  return elf
}
