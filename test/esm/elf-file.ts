/** An ELF file of sections, of 32 or 64 bits, of either byte order. */
export function elfFile(
  wide: boolean,
  little: boolean,
  sections: readonly (readonly [name: string, bytes: Buffer])[],
): Buffer {
  const [headerBytes, entryBytes] = wide ? [64, 64] : [52, 40]
  const names = Buffer.from(`\0${[...sections.map(([name]) => name), '.shstrtab'].join('\0')}\0`)
  const parts = [...sections.map(([name, bytes]) => ({ name, bytes })), { name: '.shstrtab', bytes: names }]
  const header = Buffer.alloc(headerBytes)
  const table = Buffer.alloc(entryBytes * (parts.length + 1))
  const u16 = (to: Buffer, value: number, at: number) =>
    little ? to.writeUInt16LE(value, at) : to.writeUInt16BE(value, at)
  const u32 = (to: Buffer, value: number, at: number) =>
    little ? to.writeUInt32LE(value, at) : to.writeUInt32BE(value, at)
  const word = (to: Buffer, value: number, at: number) => u32(to, value, wide && !little ? at + 4 : at)
  header.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1])
  u16(header, wide ? 21 : 20, 0x12)
  let at = headerBytes
  for (const [i, { name, bytes }] of parts.entries()) {
    const entry = entryBytes * (i + 1)
    u32(table, names.indexOf(`\0${name}\0`) + 1, entry)
    u32(table, 1, entry + 4)
    word(table, at, entry + (wide ? 24 : 16))
    word(table, bytes.length, entry + (wide ? 32 : 20))
    at += bytes.length
  }
  word(header, at, wide ? 0x28 : 0x20)
  for (const [i, value] of [entryBytes, parts.length + 1, parts.length].entries())
    u16(header, value, (wide ? 0x3a : 0x2e) + 2 * i)
  return Buffer.concat([header, ...parts.map(({ bytes }) => bytes), table])
}
