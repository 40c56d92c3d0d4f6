/** The device tree of the host, in normal memory: OPAL makes it of what hostboot described (spec/ultravisor.md §5.1). */
import { cells, cells64, type FdtTree, newFdt, newNode, strings } from '../../../server/esm/fdt.ts'
import type { SecureRange } from './hostboot.ts'
import { secureAddress, ULTRAVISOR, UV_MEMCONS } from './memory-map.ts'

const CHIP = 0

/**
 * @param normalBytes size of normal memory
 * @param secure      ranges of secure memory; the ultravisor lies at the start of the first
 */
export function systemTree(normalBytes: number, secure: readonly SecureRange[]): FdtTree {
  const tree = newFdt()
  const { root } = tree
  root.properties.set('#address-cells', cells(2))
  root.properties.set('#size-cells', cells(2))
  root.properties.set('model', strings('pef-debug'))
  root.properties.set('compatible', strings('ibm,powernv'))
  const ultravisor = secureAddress(ULTRAVISOR.base)
  const associativity = cells(1, CHIP)
  root.children.push(
    newNode('memory@0', {
      device_type: strings('memory'),
      reg: cells64(0n, BigInt(normalBytes)),
      'ibm,chip-id': cells(CHIP),
      'ibm,associativity': associativity,
    }),
    ...secure.map(({ start, bytes }) =>
      newNode(`secure-memory@${start.toString(16)}`, {
        device_type: strings('secure-memory'),
        compatible: strings('ibm,secure-memory'),
        reg: cells64(start, bytes),
        'ibm,chip-id': cells(CHIP),
        'ibm,associativity': associativity,
      }),
    ),
    newNode(
      'ibm,ultravisor',
      { compatible: strings('ibm,ultravisor'), '#address-cells': cells(2), '#size-cells': cells(2) },
      [
        newNode(`firmware@${ultravisor.toString(16)}`, {
          compatible: strings('ibm,uv-firmware'),
          reg: cells64(ultravisor, BigInt(ULTRAVISOR.textBytes)),
          'secure-memory-ranges': cells64(...secure.flatMap(({ start, bytes }) => [start, bytes])),
          memcons: cells64(BigInt(UV_MEMCONS.start)),
        }),
      ],
    ),
  )
  return tree
}
