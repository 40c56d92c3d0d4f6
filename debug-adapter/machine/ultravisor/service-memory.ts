import { type FdtNode, nodeAt, parseFdt } from '../../../server/esm/fdt.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { SECURE_RA_BIT } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import { U } from './return-codes.ts'
import { crash, type Ultravisor } from './ultravisor.ts'

/** Memory of the on-chip controllers that OPAL reaches through the ultravisor only (spec/ultravisor.md §2.4). */
const ACCESS = new Procedure('ultravisor', 'UV_READ_MEM, UV_WRITE_MEM', 'spec/ultravisor.md §2.4', {
  check: 'check buffer, size and the resource that the handle names',
  list: 'look the range up among the offsets that may be accessed',
  copy: 'copy between the buffer and the resource',
})

export interface MemoryResource {
  readonly start: bigint
  readonly type: number
  readonly chip: number
  readonly read: readonly Range[]
  readonly write: readonly Range[]
}

interface Range {
  readonly offset: bigint
  readonly bytes: bigint
}

/** The resources of /ibm,opal/power-mgt/mem_range in the device tree of the host, as it was when the ultravisor started. */
export function memoryResources(tree: Uint8Array): MemoryResource[] {
  const parent = nodeAt<FdtNode>(parseFdt(tree).root, '/ibm,opal/power-mgt/mem_range')
  return (parent?.children ?? []).flatMap((node) => {
    const reg = doublewords(node, 'reg')
    const type = words(node, 'ibm,resource-type')[0]
    if (reg.length < 2 || type === undefined) return []
    const ranges = (name: string): Range[] => {
      const values = doublewords(node, name)
      const out: Range[] = []
      for (let i = 0; i + 1 < values.length; i += 2) out.push({ offset: values[i]!, bytes: values[i + 1]! })
      return out.sort((a, b) => (a.offset < b.offset ? -1 : 1))
    }
    const chip = words(node, 'ibm,chip-id')[0] ?? 0
    return [{ start: reg[0]!, type, chip, read: ranges('ibm,read-offsets'), write: ranges('ibm,write-offsets') }]
  })
}

function words(node: FdtNode, name: string): number[] {
  const bytes = node.properties.get(name) ?? new Uint8Array(0)
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4))
}

function doublewords(node: FdtNode, name: string): bigint[] {
  const cells = words(node, name)
  return Array.from({ length: cells.length >> 1 }, (_, i) => (BigInt(cells[i * 2]!) << 32n) | BigInt(cells[i * 2 + 1]!))
}

/** Whether the ranges, ascending, cover `bytes` bytes from `offset` without a gap. */
function covered(ranges: readonly Range[], offset: bigint, bytes: bigint): boolean {
  let at = offset
  const end = offset + bytes
  for (const range of ranges) {
    if (at < range.offset) return false
    if (at >= range.offset + range.bytes) continue
    if (end <= range.offset + range.bytes) return true
    at = range.offset + range.bytes
  }
  return false
}

const accessMemory = (write: boolean) =>
  function* (uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
    const [buffer, handle, offset, size] = frame.gpr.slice(4, 8) as [bigint, bigint, bigint, bigint]
    const bytes = BigInt.asUintN(32, size)
    return yield* ACCESS.frame(
      { buffer, handle, offset, bytes, write },
      steps(uv, write, buffer, handle, offset, bytes),
    )
  }

function* steps(
  uv: Ultravisor,
  write: boolean,
  buffer: bigint,
  handle: bigint,
  offset: bigint,
  bytes: bigint,
): Steps<bigint> {
  yield ACCESS.at('check')
  if (buffer === 0n || bytes === 0n)
    return uv.refuse('UV-MEM-001', `${bytes} bytes at 0x${buffer.toString(16)}`, U.PARAMETER)
  // The released firmware reads the halves of the handle the other way round in one of the two calls, and masks the type (Q18).
  const swapped = write && uv.quirk('Q18')
  const [high, low] = [Number(handle >> 32n), Number(BigInt.asUintN(32, handle))]
  const chip = swapped ? low : high
  const type = swapped ? high : uv.quirk('Q18') ? low & 0xf : low
  const resource = uv.memoryResources.find((r) => r.chip === chip && r.type === type)
  if (!resource) {
    if (uv.quirk('Q18')) crash('Q18', `the resource of handle 0x${handle.toString(16)} does not exist`)
    return uv.refuse('UV-MEM-002', `handle 0x${handle.toString(16)}`, U.PERMISSION)
  }
  yield ACCESS.at('list', { start: resource.start })
  if (!covered(write ? resource.write : resource.read, offset, bytes))
    return uv.refuse('UV-MEM-003', `${bytes} bytes at offset 0x${offset.toString(16)}`, U.PERMISSION)
  const secure = (buffer & SECURE_RA_BIT) !== 0n && !uv.quirk('Q19')
  if (secure || uv.parts.memory.offsetOf(buffer, Number(bytes)) < 0)
    return uv.refuse('UV-MEM-004', `${bytes} bytes at 0x${buffer.toString(16)}`, U.PARAMETER)
  yield ACCESS.at('copy')
  const [from, to] = write ? [buffer, resource.start + offset] : [resource.start + offset, buffer]
  uv.memory.write(to, uv.memory.read(from, Number(bytes)))
  uv.parts.cpu.codeWritten(to, Number(bytes))
  return U.SUCCESS
}

export const readMemory = accessMemory(false)
export const writeMemory = accessMemory(true)
