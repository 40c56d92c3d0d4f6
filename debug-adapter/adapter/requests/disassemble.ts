import type { DebugProtocol } from '@vscode/debugprotocol'
import { disassemble as disassembleWord } from '../../machine/cpu/isa/disassemble.ts'
import { hex64 } from '../format.ts'
import { isLittleEndian } from '../guest-memory.ts'
import { type MemoryReference, offsetReference, parseReference, readMemory } from '../references.ts'
import type { RequestHandler } from '../request.ts'
import { RequestError } from '../request.ts'
import type { Target } from '../target.ts'

const INSTRUCTION_BYTES = 4n
const MAX_INSTRUCTIONS = 100_000

/**
 * Exactly `instructionCount` rows of 4 bytes, negative offsets included: PowerPC instructions all have one size, so that
 * backwards is as exact as forwards. What cannot be read is a row that says so.
 */
export const disassemble: RequestHandler<
  DebugProtocol.DisassembleArguments,
  DebugProtocol.DisassembleResponse['body']
> = {
  command: 'disassemble',
  capabilities: { supportsDisassembleRequest: true },
  handle: (session, args) => {
    const count = args.instructionCount
    if (!Number.isInteger(count) || count < 0 || count > MAX_INSTRUCTIONS)
      throw new RequestError(`instructionCount ${count}: expected a whole number from 0 to ${MAX_INSTRUCTIONS}.`)
    const bytes = BigInt(args.offset ?? 0) + BigInt(args.instructionOffset ?? 0) * INSTRUCTION_BYTES
    const start = offsetReference(parseReference(args.memoryReference), bytes)
    const aligned = { ...start, address: start.address & ~(INSTRUCTION_BYTES - 1n) }
    return {
      instructions: rows(session.target, aligned, count, args.resolveSymbols !== false, (file) =>
        session.sourcePath(file),
      ),
    }
  },
}

function rows(
  target: Target,
  start: MemoryReference,
  count: number,
  resolveSymbols: boolean,
  sourcePath: (file: string) => string | undefined,
): DebugProtocol.DisassembledInstruction[] {
  const little = isLittleEndian(target)
  const list: DebugProtocol.DisassembledInstruction[] = []
  let lastLine = ''
  while (list.length < count) {
    const at = offsetReference(start, BigInt(list.length) * INSTRUCTION_BYTES)
    const { bytes, unreadable } = readMemory(target, at, (count - list.length) * 4)
    const data = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    for (let i = 0; i + 4 <= bytes.length; i += 4) {
      const address = offsetReference(at, BigInt(i)).address
      list.push(row(address, data.getUint32(i, little), bytes.subarray(i, i + 4)))
    }
    for (let i = 0; i < unreadable && list.length < count; i += 4)
      list.push({
        address: hex64(offsetReference(start, BigInt(list.length) * INSTRUCTION_BYTES).address),
        instruction: '(nothing can be read here)',
        presentationHint: 'invalid',
      })
  }
  return list

  function row(address: bigint, word: number, bytes: Uint8Array): DebugProtocol.DisassembledInstruction {
    const decoded = disassembleWord(word, address)
    const target_ = decoded.target !== undefined && resolveSymbols ? target.symbols.at(decoded.target) : undefined
    const symbol = resolveSymbols ? target.symbols.at(address) : undefined
    const line = target.symbols.lineAt(address)
    const key = line ? `${line.file}:${line.line}` : ''
    const path = line && key !== lastLine ? sourcePath(line.file) : undefined
    lastLine = key
    return {
      address: hex64(address),
      instructionBytes: Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' '),
      instruction: target_ ? `${decoded.text} <${target.symbols.describe(decoded.target!)}>` : decoded.text,
      ...(symbol?.offset === 0n && { symbol: symbol.name }),
      ...(path && { location: { name: path.replace(/^.*[\\/]/, ''), path }, line: line!.line }),
    }
  }
}
