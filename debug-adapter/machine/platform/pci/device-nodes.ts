import { cells, type FdtNode, newNode, strings } from '../../../../server/esm/fdt.ts'
import { RTAS_TOKENS } from '../rtas-tokens.ts'
import { BAR_BYTES, BAR_OFFSET, type PciIdentity, PHB } from './addresses.ts'
import { DEFAULT_WINDOW } from './dma-windows.ts'
import { slotSource } from './host-bridge.ts'

/** High word of a PCI address in the tree: space, prefetchable (IEEE 1275 PCI bus binding). */
const SPACE = { io: 0x0100_0000, memory32: 0x0200_0000, memory64: 0x0300_0000 } as const
const PREFETCHABLE = 0x4000_0000
const LEVEL = 1
const SLOT_MASK = 0xf800
const PIN = 1

const high = (value: bigint): number => Number(value >> 32n)
const low = (value: bigint): number => Number(value & 0xffff_ffffn)
const words = (value: bigint): [number, number] => [high(value), low(value)]

/**
 * The host bridge and its functions as the kernel finds them: it reads the tree and does not probe (spec/pseries.md §4.8, §7).
 * @param functions by slot
 * @param interruptController phandle
 */
export function pciNode(functions: readonly PciIdentity[], interruptController: number): FdtNode {
  const { io, memory32, memory64 } = PHB
  const ranges = [
    [SPACE.io, 0, 0, ...words(io.start), ...words(io.bytes)],
    [SPACE.memory32, ...words(memory32.bus), ...words(memory32.start), ...words(memory32.bytes)],
    [SPACE.memory64, ...words(memory64.start), ...words(memory64.start), ...words(memory64.bytes)],
  ]
  const map = functions.map((_, slot) => [slot << 11, 0, 0, PIN, interruptController, slotSource(slot), LEVEL])
  const window = DEFAULT_WINDOW
  return newNode(
    `pci@${PHB.buid.toString(16)}`,
    {
      device_type: strings('pci'),
      compatible: strings('IBM,Logical_PHB'),
      '#address-cells': cells(3),
      '#size-cells': cells(2),
      '#interrupt-cells': cells(1),
      'bus-range': cells(0, 0xff),
      reg: cells(...words(PHB.buid), 0, 0),
      ranges: cells(...ranges.flat()),
      'interrupt-map-mask': cells(SLOT_MASK, 0, 0, 7),
      'interrupt-map': cells(...map.flat()),
      'ibm,dma-window': cells(window.liobn, ...words(window.start), ...words(window.bytes)),
      'ibm,#dma-address-cells': cells(2),
      'ibm,#dma-size-cells': cells(2),
      'ibm,pci-config-space-type': cells(1),
      'ibm,pe-total-#msi': cells(0),
      'ibm,ddw-applicable': cells(
        RTAS_TOKENS['ibm,query-pe-dma-window'],
        RTAS_TOKENS['ibm,create-pe-dma-window'],
        RTAS_TOKENS['ibm,remove-pe-dma-window'],
      ),
    },
    functions.map(({ name, vendor, device, classCode }, slot) =>
      newNode(`${name}@${slot.toString(16)}`, {
        'vendor-id': cells(vendor),
        'device-id': cells(device),
        'revision-id': cells(1),
        'class-code': cells(classCode),
        'subsystem-vendor-id': cells(vendor),
        'subsystem-id': cells(device),
        interrupts: cells(PIN),
        reg: cells(
          ...[slot << 11, 0, 0, 0, 0],
          ...[(SPACE.memory64 | PREFETCHABLE | (slot << 11) | BAR_OFFSET) >>> 0, 0, 0, 0, BAR_BYTES],
        ),
      }),
    ),
  )
}
