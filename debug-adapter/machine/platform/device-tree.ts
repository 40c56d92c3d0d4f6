import { cells, cells64, type FdtTree, newFdt, newNode, strings } from '../../../server/esm/fdt.ts'
import { architectureVector5, paFeatures } from './cpu-features.ts'
import { SOURCE } from './interrupts/sources.ts'
import type { PciIdentity } from './pci/addresses.ts'
import { pciNode } from './pci/device-nodes.ts'
import { RTAS_TOKENS } from './rtas-tokens.ts'

/** What the loader knows when it writes the tree. Addresses are guest physical. */
export interface TreeFacts {
  readonly memoryBytes: bigint
  readonly bootargs: string
  readonly initrd: { readonly start: bigint; readonly end: bigint } | undefined
  /** Where the boot wrapper of a zImage left its operand; 32-bit addresses (spec/esm-operand.md §7.3). */
  readonly kernelOperand?: { readonly start: bigint; readonly end: bigint } | undefined
  /** Devices of the PCI host bridge by slot; without any there is no bridge. */
  readonly devices?: readonly PciIdentity[]
  /** `codeBytes` are hashed as part of the image; the area is the code and the room for error reports behind it. */
  readonly rtas: { readonly base: bigint; readonly codeBytes: number; readonly areaBytes: number }
}

export const VTY_UNIT = 0x7100_0000
const TIMEBASE = 512_000_000
/** POWER9 DD2.3, the first with PEF; what the guest sees is architected mode 3.00 (spec/pseries.md §4.3, §8). */
const ARCHITECTED_3_00 = 0x0f00_0005
const DECREMENTER_BITS = 56
const CACHE_LINE = 128
const CACHE_BYTES = 32 << 10
/** Logical memory block of `ibm,lrdr-capacity`. */
const LMB_BYTES = 0x1000_0000n
const VCPUS = 1
const INTERRUPT_CONTROLLER = 0x1111
/** AP encodings: page size as a power of two, and what the page table says for it (Power ISA 3.0C III 5.7.10). */
const RADIX_PAGES = [
  [12, 0],
  [16, 5],
  [21, 1],
  [30, 2],
] as const
/** What the kernel may ask the hypervisor for. Hash tables are not among it. */
const HYPERTAS = ['hcall-term', 'hcall-interrupt', 'hcall-splpar', 'hcall-set-mode'] as const
/** The same for devices: their tables of addresses. */
const HYPERTAS_PCI = ['hcall-tce', 'hcall-multi-tce'] as const

/** Second cell of an interrupt: how its source is sensed (PAPR; 1 is by level). */
const EDGE = 0

const FLAG = new Uint8Array(0)

/**
 * The device tree of the VM: the smallest that a pseries Linux accepts (spec/pseries.md §4.8) and what the ultravisor looks
 * for (spec/ultravisor.md §6.4).
 */
export function guestTree(facts: TreeFacts): FdtTree {
  const { memoryBytes, bootargs, initrd, kernelOperand, rtas, devices = [] } = facts
  const tree = newFdt()
  const { root } = tree
  const set = (name: string, value: Uint8Array) => root.properties.set(name, value)
  set('#address-cells', cells(2))
  set('#size-cells', cells(2))
  set('device_type', strings('chrp'))
  set('model', strings('pef-debug'))
  set('compatible', strings('pef-debug,pseries', 'qemu,pseries'))
  set('interrupt-parent', cells(INTERRUPT_CONTROLLER))
  const terminal = `/vdevice/vty@${VTY_UNIT.toString(16)}`
  const initrdProperties: Record<string, Uint8Array> = initrd
    ? { 'linux,initrd-start': cells64(initrd.start), 'linux,initrd-end': cells64(initrd.end) }
    : {}
  const operandProperties: Record<string, Uint8Array> = kernelOperand
    ? {
        'linux,esm-blob-start': cells(Number(kernelOperand.start)),
        'linux,esm-blob-end': cells(Number(kernelOperand.end)),
      }
    : {}
  root.children.push(
    newNode('chosen', {
      bootargs: strings(bootargs),
      ...initrdProperties,
      ...operandProperties,
      'stdout-path': strings(terminal),
      'linux,stdout-path': strings(terminal),
      'ibm,architecture-vec-5': architectureVector5(),
    }),
    newNode('memory@0', { device_type: strings('memory'), reg: cells64(0n, memoryBytes) }),
    newNode('rtas', {
      ...Object.fromEntries(Object.entries(RTAS_TOKENS).map(([name, token]) => [name, cells(token)])),
      'linux,rtas-base': cells(Number(rtas.base)),
      'linux,rtas-entry': cells(Number(rtas.base)),
      'rtas-size': cells(rtas.areaBytes),
      'slof,rtas-size': cells(rtas.codeBytes),
      'ibm,lrdr-capacity': new Uint8Array([...cells64(memoryBytes, LMB_BYTES), ...cells(VCPUS)]),
      'ibm,hypertas-functions': strings(...HYPERTAS, ...(devices.length > 0 ? HYPERTAS_PCI : [])),
    }),
    newNode('cpus', { '#address-cells': cells(1), '#size-cells': cells(0) }, [processor()]),
    newNode(
      'vdevice',
      {
        device_type: strings('vdevice'),
        compatible: strings('IBM,vdevice'),
        '#address-cells': cells(1),
        '#size-cells': cells(0),
      },
      [
        newNode(`vty@${VTY_UNIT.toString(16)}`, {
          device_type: strings('serial'),
          compatible: strings('hvterm1'),
          reg: cells(VTY_UNIT),
          interrupts: cells(SOURCE.terminal, EDGE),
        }),
      ],
    ),
    newNode('interrupt-controller', {
      device_type: strings('PowerPC-External-Interrupt-Presentation'),
      compatible: strings('IBM,ppc-xicp'),
      'interrupt-controller': FLAG,
      '#interrupt-cells': cells(2),
      '#address-cells': cells(0),
      'ibm,interrupt-server-ranges': cells(0, VCPUS),
      phandle: cells(INTERRUPT_CONTROLLER),
    }),
  )
  if (devices.length > 0) {
    root.children.push(pciNode(devices, INTERRUPT_CONTROLLER))
    // The kernel gives the devices their addresses.
    root.children[0]!.properties.set('linux,pci-probe-only', cells(0))
  }
  return tree
}

function processor() {
  return newNode('PowerPC,POWER9@0', {
    device_type: strings('cpu'),
    reg: cells(0),
    status: strings('okay'),
    'ibm,ppc-interrupt-server#s': cells(0),
    'cpu-version': cells(ARCHITECTED_3_00),
    'timebase-frequency': cells(TIMEBASE),
    'clock-frequency': cells(TIMEBASE),
    'ibm,dec-bits': cells(DECREMENTER_BITS),
    'ibm,pa-features': paFeatures(),
    // Vector and vector-scalar instructions (PAPR, ibm,vmx).
    'ibm,vmx': cells(2),
    'ibm,processor-radix-AP-encodings': cells(...RADIX_PAGES.map(([shift, ap]) => (ap << 29) | shift)),
    '64-bit': FLAG,
    'd-cache-block-size': cells(CACHE_LINE),
    'd-cache-line-size': cells(CACHE_LINE),
    'd-cache-size': cells(CACHE_BYTES),
    'i-cache-block-size': cells(CACHE_LINE),
    'i-cache-line-size': cells(CACHE_LINE),
    'i-cache-size': cells(CACHE_BYTES),
  })
}
