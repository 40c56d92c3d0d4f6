import { type FdtNode, type FdtTree, parseFdt, setBytes, setU32 } from '../../../server/esm/fdt.ts'
import { type Bench, PAGE } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'
import { accepted, changeTree, refused, withTree } from '../esm-doings.ts'

const normal = { start: 'normal' } as const

function node(name: string, children: FdtNode[] = []): FdtNode {
  return { name, properties: new Map(), children }
}

function device(name: string, vendor: number, children: FdtNode[] = []): FdtNode {
  const one = node(name, children)
  setU32(one, 'vendor-id', vendor)
  return one
}

/** A PCI host bridge beside what the VM has. */
const withBus =
  (...devices: FdtNode[]) =>
  (tree: FdtTree): void => {
    const bus = node('pci@800000020000000', devices)
    setBytes(bus, 'device_type', new TextEncoder().encode('pci\0'))
    tree.root.children.push(bus)
  }

/** Names of the nodes below the root of the tree that lies in the guest's memory. */
function nodesOf(b: Bench): string[] {
  const { fdt } = b.machine.platform.guest!
  return parseFdt(b.read(fdt, Number(PAGE - (fdt % PAGE)))).root.children.map(({ name }) => name)
}

/** What an SVM is handed of the hypervisor's device tree. */
export const esmTreeCases: readonly ConformanceCase[] = [
  extra(
    'esm-tree-devices',
    'PCI devices in the device tree: virtio ones and others',
    'spec/ultravisor.md §9.1 row 16',
    (b) => {
      const virtio = device('scsi@0', 0x1af4)
      const refusedBus = (what: string, ...devices: FdtNode[]): void =>
        withTree(b, withBus(...devices), () => refused(b, what, 'UV-ESM-018'))
      refusedBus('a network card', virtio, device('ethernet@1', 0x14e4))
      refusedBus('a device without a vendor', node('device@1'))
      refusedBus('behind a bridge', device('pci@1', 0x1af4, [device('usb@0', 0x1033)]))
      b.expectTrue(`the path: ${b.machine.esm?.reason}`, b.machine.esm?.reason?.includes('/pci@1/usb@0') === true)
      changeTree(b, withBus(virtio))
      accepted(b)
    },
    normal,
  ),
  extra(
    'esm-tree-pruned',
    'nodes of the device tree that no VM has are not handed over',
    'spec/ultravisor.md §9.1 row 4',
    (b) => {
      changeTree(b, (t) => {
        t.root.children.unshift(node('ibm,opal', [node('consoles')]))
        t.root.children.push(node('firmware@1'))
      })
      const before = nodesOf(b)
      accepted(b)
      b.expect('rules', b.rules(), ['UV-ESM-019', 'UV-ESM-019'])
      const found = b.machine.trace.of('refusal').map((one) => one.found)
      b.expect('named', found, ['/ibm,opal', '/firmware@1'])
      b.expect('what the SVM has', nodesOf(b), before.slice(1, -1))
    },
    normal,
  ),
]
