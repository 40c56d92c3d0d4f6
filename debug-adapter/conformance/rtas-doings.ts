/** RTAS of an SVM as cases call it: an argument block in guest memory, and H_RTAS. */
import { type Bench, FREE } from './bench.ts'

/** Token of a service, as the device tree of the SVM names it. */
export const token = (b: Bench, name: string): number => b.machine.ultravisor.svms.get(1)!.rtasTokens.get(name)!

/** Words as an argument block has them: 32 bits, big-endian. */
export function bytesOf(words: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(words.length * 4)
  for (const [i, word] of words.entries()) new DataView(bytes.buffer).setUint32(i * 4, word >>> 0)
  return bytes
}

export function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4))
}

/**
 * H_RTAS by the guest.
 * @param block where the argument block lies
 * @returns R3, and the results in the argument block
 */
export function callRtas(
  b: Bench,
  service: number,
  args: readonly number[],
  results: number,
  block = FREE,
): { code: bigint; out: number[] } {
  b.write(block, bytesOf([service, args.length, results, ...args, ...Array<number>(results).fill(0x5555)]))
  const code = b.hcall('H_RTAS', block)
  return { code, out: wordsOf(b.read(block + 12n + BigInt(args.length * 4), results * 4)) }
}
