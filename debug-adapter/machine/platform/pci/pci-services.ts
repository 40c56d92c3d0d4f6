import { PHB } from './addresses.ts'
import { DYNAMIC_PAGE_SIZES, DYNAMIC_WINDOW } from './dma-windows.ts'
import type { PciHostBridge } from './host-bridge.ts'

/** RTAS services of the PCI host bridge (spec/pseries.md §4.5, §7). */
export type PciService =
  | 'ibm,read-pci-config'
  | 'ibm,write-pci-config'
  | 'ibm,query-pe-dma-window'
  | 'ibm,create-pe-dma-window'
  | 'ibm,remove-pe-dma-window'

/** How a call ended; the words are RTAS's own. */
export type PciStatus = 'success' | 'hardwareError' | 'parameterError'

const WORD = 0xffff_ffffn
const isBridge = (high: number, low: number): boolean => ((BigInt(high) << 32n) | BigInt(low)) === PHB.buid

/** @param out takes the results behind the status */
export function pciService(
  service: PciService,
  bridge: PciHostBridge,
  args: readonly number[],
  out: number[],
): PciStatus {
  switch (service) {
    case 'ibm,read-pci-config':
    case 'ibm,write-pci-config':
      return configAccess(service, bridge, args, out)
    case 'ibm,query-pe-dma-window':
      if (!isBridge(args[1]!, args[2]!)) return 'parameterError'
      // Windows that are left, pages of the largest of them, page sizes, and no migration.
      out.push(bridge.windows.canCreate ? 1 : 0, DYNAMIC_WINDOW.mostPages, DYNAMIC_PAGE_SIZES, 0)
      return 'success'
    case 'ibm,create-pe-dma-window': {
      const window = isBridge(args[1]!, args[2]!) ? bridge.windows.create(args[3]!, args[4]!) : undefined
      if (!window) return 'parameterError'
      out.push(window.liobn, Number(window.start >> 32n), Number(window.start & WORD))
      return 'success'
    }
    case 'ibm,remove-pe-dma-window':
      return bridge.windows.remove(args[0]!) ? 'success' : 'parameterError'
  }
}

/** Address as PAPR has it: high bits of the register, bus, slot and function, low bits of the register. */
function configAccess(
  service: 'ibm,read-pci-config' | 'ibm,write-pci-config',
  bridge: PciHostBridge,
  args: readonly number[],
  out: number[],
): PciStatus {
  const [address, high, low, size] = args as [number, number, number, number]
  const offset = ((address >>> 20) & 0xf00) | (address & 0xff)
  if (!isBridge(high, low) || ![1, 2, 4].includes(size) || offset % size !== 0) return 'parameterError'
  const [bus, slot, number] = [(address >>> 16) & 0xff, (address >>> 11) & 0x1f, (address >>> 8) & 7]
  const device = bus === 0 && number === 0 ? bridge.functions[slot] : undefined
  if (!device) return 'hardwareError'
  if (service === 'ibm,read-pci-config') out.push(device.readConfig(offset, size))
  else device.writeConfig(offset, size, args[4]!)
  return 'success'
}
