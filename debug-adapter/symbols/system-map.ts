import type { CodeSymbol } from './symbol-table.ts'

const LINE = /^([0-9a-fA-F]{1,16}) ([A-Za-z?]) (\S+)(?:\t\[\S+\])?$/
/** What `nm` prints for a symbol that is not defined here. */
const UNDEFINED = /^\s+[Uvw] \S+$/

/**
 * Reads a System.map or the output of `nm`: an address in hex, a letter for the kind, a name on each line. Sizes are
 * unknown, so each symbol reaches to the next.
 * @throws Error naming the first line that is none
 */
export function parseSystemMap(bytes: Uint8Array): CodeSymbol[] {
  const symbols: CodeSymbol[] = []
  if (bytes.subarray(0, 4096).includes(0)) throw new Error('it is neither ELF nor text')
  const lines = new TextDecoder('utf-8').decode(bytes).split(/\r?\n/)
  for (const [i, line] of lines.entries()) {
    if (line === '' || UNDEFINED.test(line)) continue
    const match = LINE.exec(line)
    if (!match)
      throw new Error(
        `line ${i + 1}: expected an address, a letter and a name, as in "c000000000000000 T _text"; found ${JSON.stringify(line.slice(0, 80))}`,
      )
    const letter = match[2]!.toLowerCase()
    symbols.push({
      name: match[3]!,
      address: BigInt(`0x${match[1]}`),
      size: 0n,
      kind: letter === 't' || letter === 'w' ? 'function' : letter === 'a' ? 'label' : 'object',
    })
  }
  return symbols
}
