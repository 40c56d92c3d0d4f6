import { attachOperand } from '../../server/esm/cpio.ts'
import { writePublicKeyPem } from '../../server/esm/crypto/pem.ts'
import type { CryptoProvider } from '../../server/esm/crypto/provider.ts'
import { makeOperand } from '../../server/esm/make.ts'
import { Inputs } from '../machine/clock/inputs.ts'
import { bootedTpm } from '../machine/firmware/booted-tpm.ts'
import { WRAPPING_KEY_HANDLE } from '../machine/tpm/tpm.ts'

/** The image that the suite runs: a kernel of one page that does nothing by itself, and an operand for the emulated TPM of seed 1. */
export interface SuiteImage {
  readonly kernel: Uint8Array
  readonly initrd: Uint8Array
  readonly bootargs: string
}

const BOOTARGS = 'svm=on'
const KERNEL_BYTES = 0x1_0000
/** `b .` */
const BRANCH_TO_SELF = 0x4800_0000

/** What is attached to the operand: more than one chunk of 64 bytes. */
export const ATTACHED = {
  name: 'greeting',
  bytes: Uint8Array.from({ length: 100 }, (_, i) => (i * 7 + 3) & 0xff),
} as const

/** An ELF file, little-endian, with one segment from address 0: `b .` at its entry, behind it room for programs. */
function kernelFile(): Uint8Array {
  const header = 0x1000
  const elf = new Uint8Array(header + KERNEL_BYTES)
  const view = new DataView(elf.buffer)
  elf.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
  view.setUint16(0x10, 2, true)
  view.setUint16(0x12, 21, true)
  view.setUint32(0x14, 1, true)
  view.setBigUint64(0x20, 64n, true)
  for (const [i, value] of [64, 56, 1].entries()) view.setUint16(0x34 + i * 2, value, true)
  // One PT_LOAD: flags, offset, address twice, size twice, alignment.
  view.setUint32(64, 1, true)
  view.setUint32(68, 7, true)
  for (const [i, value] of [header, 0, 0, KERNEL_BYTES, KERNEL_BYTES, 0x1_0000].entries())
    view.setBigUint64(72 + i * 8, BigInt(value), true)
  view.setUint32(header, BRANCH_TO_SELF, true)
  return elf
}

const images = new WeakMap<CryptoProvider, SuiteImage>()

/** The image, made once. */
export function suiteImage(crypto: CryptoProvider): SuiteImage {
  const known = images.get(crypto)
  if (known) return known
  const publicKey = (seed: number): Uint8Array =>
    new TextEncoder().encode(writePublicKeyPem(bootedTpm(crypto, seed, undefined).publicKey(WRAPPING_KEY_HANDLE)!))
  const kernel = kernelFile()
  const initrd = new TextEncoder().encode('the initrd of the conformance suite')
  const operand = makeOperand({
    crypto,
    random: new Inputs(crypto, 1).stream('operand of the conformance suite'),
    origin: { publicKey: publicKey(2) },
    recipients: [{ publicKey: publicKey(1) }],
    digests: { kernel, initrd, bootargs: BOOTARGS },
    files: [ATTACHED],
  })
  const image = { kernel, initrd: attachOperand(initrd, operand), bootargs: BOOTARGS }
  images.set(crypto, image)
  return image
}
