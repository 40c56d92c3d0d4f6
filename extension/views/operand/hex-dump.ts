/**
 * Lines of 16 bytes: offset, bytes, and the characters that they are in ASCII.
 * @param hex  two digits a byte
 * @param base offset of the first byte
 */
export function hexDump(hex: string, base: number): string {
  const lines: string[] = []
  for (let at = 0; at < hex.length; at += 32) {
    const pairs = hex.slice(at, at + 32).match(/../g) ?? []
    const ascii = pairs.map((pair) => {
      const code = Number.parseInt(pair, 16)
      return code >= 0x20 && code < 0x7f ? String.fromCharCode(code) : '.'
    })
    const digits = [pairs.slice(0, 8).join(' '), pairs.slice(8).join(' ')].join('  ').trimEnd()
    lines.push(`${(base + at / 2).toString(16).padStart(6, '0')}  ${digits.padEnd(48)}  ${ascii.join('')}`)
  }
  return lines.join('\n')
}
