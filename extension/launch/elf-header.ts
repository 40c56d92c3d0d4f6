/** Bytes that {@link isPowerKernel} looks at. */
export const ELF_HEADER_BYTES = 20

const EM_PPC64 = 21
const ET_EXEC = 2
const ET_DYN = 3

/**
 * Can these be the first bytes of a guest kernel: an executable ELF file of 64 bits for PowerPC, of either byte order?
 * (System V ABI, ELF header: e_ident, e_type, e_machine.) Relocatable files (.o, .ko) are not.
 */
export function isPowerKernel(head: Uint8Array): boolean {
  if (head.length < ELF_HEADER_BYTES) return false
  const [m0, m1, m2, m3, wordSize, byteOrder] = head
  if (m0 !== 0x7f || m1 !== 0x45 || m2 !== 0x4c || m3 !== 0x46 || wordSize !== 2) return false
  if (byteOrder !== 1 && byteOrder !== 2) return false
  const view = new DataView(head.buffer, head.byteOffset, head.length)
  const little = byteOrder === 1
  const type = view.getUint16(16, little)
  return (type === ET_EXEC || type === ET_DYN) && view.getUint16(18, little) === EM_PPC64
}
