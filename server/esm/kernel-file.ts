/**
 * A kernel as users have it: vmlinux, vmlinux compressed with gzip, or a zImage, which is a boot wrapper around both, with an operand and
 * an initrd perhaps (spec/esm-operand.md §7.3). What is measured is the vmlinux inside.
 */
import { KernelImageError } from './kernel-image.ts'
import { latin1 } from './reader.ts'
import { readZImage } from './zimage.ts'

export interface KernelFile {
  readonly kind: 'vmlinux' | 'gzip' | 'zImage'
  /** ELF, not compressed; not checked further than that. */
  readonly vmlinux: Uint8Array
  /** What a zImage carries beside it. */
  readonly operand?: Uint8Array
  readonly initrd?: Uint8Array
}

/** A kernel is not larger; what unpacks to more is an attack. Bytes. */
const MAX_KERNEL_BYTES = 1 << 30

const isElf = (bytes: Uint8Array): boolean => latin1(bytes.subarray(0, 4)) === '\x7fELF'
const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b

/**
 * @returns the file itself as vmlinux where it is none of the others: whoever reads it says what is wrong with it
 * @throws KernelImageError where what is compressed is damaged, too large, or compressed in another way
 */
export async function openKernelFile(file: Uint8Array): Promise<KernelFile> {
  if (isGzip(file)) return { kind: 'gzip', vmlinux: await gunzip(file) }
  const zImage = isElf(file) ? readZImage(file) : undefined
  if (!zImage?.kernel) return { kind: 'vmlinux', vmlinux: file }
  const { kernel, operand, initrd } = zImage
  if (!isElf(kernel.bytes) && !isGzip(kernel.bytes))
    throw new KernelImageError(
      'a zImage whose kernel is not compressed with gzip: name the vmlinux inside',
      kernel.offset,
    )
  return {
    kind: 'zImage',
    vmlinux: isElf(kernel.bytes) ? kernel.bytes : await gunzip(kernel.bytes),
    ...(operand && { operand: operand.bytes }),
    ...(initrd && { initrd: initrd.bytes }),
  }
}

async function gunzip(bytes: Uint8Array): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  try {
    const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream('gzip'))
    for (const reader = stream.getReader(); ; ) {
      const { done, value } = await reader.read()
      if (done) break
      pieces.push(value)
      length += value.length
      if (length > MAX_KERNEL_BYTES) {
        await reader.cancel()
        throw new KernelImageError(`a gzip file that unpacks to more than ${MAX_KERNEL_BYTES} bytes`)
      }
    }
  } catch (error) {
    if (error instanceof KernelImageError) throw error
    throw new KernelImageError(`a gzip file that is cut off or damaged (${(error as Error).message})`)
  }
  const out = new Uint8Array(length)
  let at = 0
  for (const piece of pieces) {
    out.set(piece, at)
    at += piece.length
  }
  return out
}
