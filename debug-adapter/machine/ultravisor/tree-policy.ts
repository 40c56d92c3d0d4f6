/**
 * What of the hypervisor's device tree an SVM gets to see. The released firmware hands over whatever is there, and its authors list
 * that as two of its known problems (spec/ultravisor.md §9.1, rows 4 and 16).
 */

import type { FdtNode, FdtTree } from '../../../server/esm/fdt.ts'
import { EsmRefused } from './esm-run.ts'
import { cells } from './guest-tree.ts'
import { uvRefusal } from './rules.ts'

/** Nodes below the root that PAPR has for a VM, as QEMU and this machine make them; by the name without its unit address. */
const KNOWN_NODES: ReadonlySet<string> = new Set([
  ...['aliases', 'chosen', 'cpus', 'memory', 'options', 'openprom', 'packages', 'reserved-memory', 'rtas'],
  ...['event-sources', 'hypervisor', 'interrupt-controller', 'pci', 'vdevice'],
  ...['ibm,dynamic-reconfiguration-memory', 'ibm,persistent-memory', 'ibm,platform-facilities', 'ibm,pmemory'],
])
/** PCI vendor of every virtio device (virtio 1.1, 4.1.2). */
const VIRTIO_VENDOR = 0x1af4n

const isText = (node: FdtNode, name: string, text: string): boolean =>
  new TextDecoder('latin1').decode(node.properties.get(name)) === `${text}\0`

/** Takes the nodes out that no VM has: they could make the kernel believe in another platform. @returns their names */
export function pruneTree({ root }: FdtTree): string[] {
  const unknown = root.children.filter(({ name }) => !KNOWN_NODES.has(name.split('@')[0]!))
  for (const node of unknown) root.children.splice(root.children.indexOf(node), 1)
  return unknown.map(({ name }) => name)
}

/**
 * A device that the ultravisor does not know to go through shared pages can stop the machine when it is handed a secure one.
 * @throws EsmRefused UV-ESM-018
 */
export function refuseForeignDevices({ root }: FdtTree): void {
  const visit = (node: FdtNode, path: string, onBus: boolean): void => {
    const vendor = cells(node.properties.get('vendor-id'))
    if (onBus && vendor !== VIRTIO_VENDOR) {
      const found = vendor === undefined ? 'no vendor-id' : `vendor-id 0x${vendor.toString(16)}`
      throw new EsmRefused(uvRefusal('UV-ESM-018', `${path} with ${found}`))
    }
    for (const child of node.children)
      visit(child, `${path}/${child.name}`, onBus || isText(node, 'device_type', 'pci'))
  }
  visit(root, '', false)
}
