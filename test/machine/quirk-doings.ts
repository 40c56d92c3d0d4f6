/** What the rows of the table of quirks do, by guest and by hypervisor. */
import { type Bench, KERNEL, load, PAGE, signed, ultracallNumber } from '../../debug-adapter/conformance/bench.ts'
import { suiteImage } from '../../debug-adapter/conformance/image.ts'
import { bytesOf, wordsOf } from '../../debug-adapter/conformance/rtas-doings.ts'
import { assemble } from '../../debug-adapter/machine/cpu/isa/assemble.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { attachOperand, locateOperand } from '../../server/esm/cpio.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { findNode, newNode, parseFdt, writeFdt } from '../../server/esm/fdt.ts'

/** A guest address that no memory slot covers: a device. */
export const DEVICE = 1n << 40n

/** The hypervisor answers one hypercall by itself, unless `work` says undefined. */
export function answer(b: Bench, name: string, work: (args: readonly bigint[]) => readonly bigint[] | undefined): void {
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: it has nothing to ask
    *answer(_hv, _vm, call) {
      return call.name === name ? work(call.args) : undefined
    },
  }
}

/** The hypervisor does something more when it has done what one hypercall asks for. */
export function each(b: Bench, name: string, work: (args: readonly bigint[]) => void): void {
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: the work runs to its end by itself
    *after(_hv, _vm, call) {
      if (call.name === name) work(call.args)
    },
  }
}

/** The guest calls UV_ESM. @returns the code, `secure` where it enters its kernel as a secure VM, or `gone` */
export function esm(b: Bench, fdt = b.machine.platform.guest!.fdt): { code: bigint | 'secure' | 'gone' } {
  const { how, gpr } = b.run([
    ...load(3, BigInt(ultracallNumber('UV_ESM'))),
    ...load(4, KERNEL),
    ...load(5, fdt),
    'sc 2',
  ])
  if (how === 'kernel' && b.machine.vmState === 'secure') return { code: 'secure' }
  return { code: how === 'end' ? signed(gpr[3]!) : 'gone' }
}

/** UV_ESMB_GET_FILE by the guest: the name in eight doublewords. @returns R3, signed */
export function callGetFile(b: Bench, offset: bigint, name: string): { code: bigint } {
  const bytes = new Uint8Array(64)
  bytes.set(new TextEncoder().encode(name))
  const view = new DataView(bytes.buffer)
  const packed = Array.from({ length: 8 }, (_, i) => view.getBigUint64(i * 8))
  return { code: b.guest('UV_ESMB_GET_FILE', offset, ...packed) }
}

/** Words of a shared frame as the hypervisor reads and writes them. */
export const hostWords = (b: Bench, gpa: bigint, count: number): number[] =>
  wordsOf(b.machine.hypervisor.vm!.read(gpa, count * 4))
export const putHostWords = (b: Bench, gpa: bigint, words: readonly number[]): void =>
  b.machine.hypervisor.vm!.write(gpa, bytesOf(words))

/**
 * Runs a program at an effective address that is not its guest physical one, with R4 holding an effective address that is translated
 * to `data`. The frame whose number the program counter has holds zeros.
 */
export function codeElsewhere(b: Bench, lines: readonly string[], data: bigint) {
  const { cpu } = b.machine
  const program = 0x180_0000n
  const [code, device] = [program + PAGE, program + 2n * PAGE]
  b.makeTranslation()
  const leaves = b.translation + 4n * PAGE
  const entry = (effective: bigint, gpa: bigint): void => {
    const bytes = new Uint8Array(8)
    // Valid, a leaf, read and written before, all rights (Power ISA 3.0C III 5.7.10.2).
    new DataView(bytes.buffer).setBigUint64(0, (3n << 62n) | gpa | 0x187n)
    b.write(leaves + ((effective >> 16n) & 31n) * 8n, bytes)
  }
  entry(code, program)
  entry(device, data)
  b.expect('H_REGISTER_PROC_TBL', b.hcall('H_REGISTER_PROC_TBL', 0x1cn, b.translation, 0n, 0n), 0n)
  const bytes = new Uint8Array(lines.length * 4)
  for (const [i, line] of lines.entries()) new DataView(bytes.buffer).setUint32(i * 4, assemble(line, 0n), true)
  b.write(program, bytes)
  cpu.setSpr(SPR.PIDR, 0n)
  cpu.setSpr(SPR.DEC, 0x7fff_ffffn)
  cpu.msr |= MSR.IR | MSR.DR
  cpu.setGpr(4, device)
  cpu.nia = code
  const end = code + BigInt(bytes.length)
  cpu.breakpoints.add(end)
  return b.resume(end)
}

/** The initrd of the suite, its operand with so many bytes more behind the attached files: no tool makes such an operand (ESM061). */
export function initrdWithLargeFiles(more: number): Uint8Array {
  const { initrd } = suiteImage(nodeCrypto)
  const { operand, archiveBytes } = locateOperand(initrd, 0n)
  const tree = parseFdt(operand!.bytes)
  const { properties } = findNode(tree, '/file')!
  const files = parseFdt(properties.get('files-fdt')!)
  files.root.children.push(newNode('more', { bytes: new Uint8Array(more).fill(0x55) }))
  properties.set('files-fdt', writeFdt(files))
  return attachOperand(initrd.slice(archiveBytes), writeFdt(tree))
}
