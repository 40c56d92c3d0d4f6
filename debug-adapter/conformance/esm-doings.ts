/** What cases of UV_ESM do: call it, and change what it reads. */
import { type FdtTree, parseFdt, writeFdt } from '../../server/esm/fdt.ts'
import { MSR } from '../machine/cpu/msr.ts'
import { U } from '../machine/ultravisor/return-codes.ts'
import { type Bench, KERNEL, load, type Stopped, signed, ultracallNumber } from './bench.ts'

/** The guest calls UV_ESM. @returns where it goes on: `kernel` when it is secure, else `end` with the code in R3 */
export function esm(b: Bench, kbase = KERNEL, fdt = b.machine.platform.guest!.fdt): Stopped {
  return b.run([...load(3, BigInt(ultracallNumber('UV_ESM'))), ...load(4, kbase), ...load(5, fdt), 'sc 2'])
}

/** UV_ESM is refused: the code, the first rule, and a VM that goes on as it was. */
export function refused(b: Bench, what: string, rule: string): void {
  const { how, gpr } = esm(b)
  b.expect(`${what}: the guest goes on`, how, 'end')
  b.expectCode(what, signed(gpr[3]!), U.PARAMETER)
  b.expect(`${what}: first rule`, b.machine.esm?.rules[0], rule)
  b.expect(`${what}: state`, b.machine.vmState, 'normal')
  b.expect(`${what}: SVMs`, b.machine.ultravisor.svms.size, 0)
  b.expectTrue(`${what}: why: ${b.machine.esm?.reason}`, (b.machine.esm?.reason ?? '') !== '')
}

/** The VM becomes secure. */
export function accepted(b: Bench): void {
  const { how } = esm(b)
  b.expect(`the guest enters its kernel (${b.machine.esm?.reason})`, how, 'kernel')
  b.expect('state', b.machine.vmState, 'secure')
  b.expectTrue('S', (b.machine.cpu.msr & MSR.S) !== 0n)
}

const treeBytes = (b: Bench): number =>
  new DataView(b.read(b.machine.platform.guest!.fdt, 8).slice().buffer).getUint32(4)

/** Changes the device tree in the memory of the guest. @returns the bytes of before */
export function changeTree(b: Bench, edit: (tree: FdtTree) => void): Uint8Array {
  const { fdt } = b.machine.platform.guest!
  const before = b.read(fdt, treeBytes(b)).slice()
  const tree = parseFdt(before)
  edit(tree)
  b.write(fdt, writeFdt(tree))
  return before
}

/** Changes the device tree in the memory of the guest, does something, and puts the tree back. */
export function withTree(b: Bench, edit: (tree: FdtTree) => void, work: () => void): void {
  const { fdt } = b.machine.platform.guest!
  const before = changeTree(b, edit)
  work()
  b.write(fdt, before)
}

/** Names of the hypercalls that the hypervisor sees. */
export function hypercalls(b: Bench): string[] {
  const seen: string[] = []
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: it only looks
    *before(_hv, _vm, call) {
      if (seen.at(-1) !== call.name) seen.push(call.name)
    },
  }
  return seen
}
