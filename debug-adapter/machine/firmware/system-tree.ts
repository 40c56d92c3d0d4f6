/** The device tree of the host, in normal memory: OPAL makes it of what hostboot described (spec/ultravisor.md §5.1). */
import { cells, cells64, type FdtNode, type FdtTree, newFdt, newNode, strings } from '../../../server/esm/fdt.ts'
import type { SecureRange } from './hostboot.ts'
import { HOMER, secureAddress, ULTRAVISOR, UV_MEMCONS } from './memory-map.ts'

const CHIP = 0
/** Offset and bytes in HOMER: the two tables of sensors may be read, the command buffer may be written too. */
const HOMER_READ = [
  [0x0n, 0x8000n],
  [0x8000n, 0x1000n],
] as const
const HOMER_WRITE = [[0x8000n, 0x1000n]] as const

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
    opalNode(),
  )
  return tree
}

/** What OPAL itself offers: the memory of the on-chip controller, and which of it may be read and written (spec/ultravisor.md §2.4). */
function opalNode(): FdtNode {
  const start = secureAddress(HOMER.offset)
  const homer = newNode(`homer@${start.toString(16)}`, {
    reg: cells64(start, BigInt(HOMER.bytes)),
    'ibm,chip-id': cells(CHIP),
    'ibm,resource-type': cells(HOMER.resourceType),
    'ibm,read-offsets': cells64(...HOMER_READ.flat()),
    'ibm,write-offsets': cells64(...HOMER_WRITE.flat()),
  })
  return newNode('ibm,opal', {}, [newNode('power-mgt', {}, [newNode('mem_range', {}, [homer])])])
}
