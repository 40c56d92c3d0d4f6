import { SRR1_SC_LEVEL } from '../../machine/cpu/msr.ts'
import { SPR } from '../../machine/cpu/spr.ts'
import { enterUltravisor } from '../../machine/ultravisor/exceptions.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, signed, ultracallNumber } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'
import { ATTACHED } from '../image.ts'

/** A name as UV_ESMB_GET_FILE takes it: eight doublewords, big-endian, padded with zeros. */
function packed(name: string): bigint[] {
  const bytes = new Uint8Array(64)
  bytes.set(new TextEncoder().encode(name))
  const view = new DataView(bytes.buffer)
  return Array.from({ length: 8 }, (_, i) => view.getBigUint64(i * 8))
}

/** One call by the guest. @returns R3, signed, and the bytes of R4 to R11 */
function getFile(b: Bench, offset: bigint, name: string = ATTACHED.name): { code: bigint; bytes: Uint8Array } {
  const [code, ...registers] = b.call(2, ultracallNumber('UV_ESMB_GET_FILE'), [offset, ...packed(name)])
  const bytes = new Uint8Array(64)
  for (let i = 0; i < 8; i++) new DataView(bytes.buffer).setBigUint64(i * 8, registers[i]!)
  return { code: signed(code!), bytes }
}

/** UV_ESMB_GET_FILE (spec/ultravisor.md §2.5). */
export const fileCases: readonly ConformanceCase[] = [
  row(96, 'a file of 100 bytes at offsets 0, 64 and 100', 'uv_esmb_get_file', (b) => {
    const [first, second, end] = [getFile(b, 0n), getFile(b, 64n), getFile(b, 100n)]
    b.expect('R3', [first.code, second.code, end.code], [64n, 36n, 0n])
    const all = new Uint8Array(100)
    all.set(first.bytes)
    all.set(second.bytes.subarray(0, 36), 64)
    b.expect('content', all, ATTACHED.bytes)
    b.expect('padding', second.bytes.subarray(36), new Uint8Array(28))
  }),
  row(97, 'a file read again, and by another process', 'uv_esmb_get_file', (b) => {
    b.expect('first', getFile(b, 0n).code, 64n)
    b.expectCode('again', getFile(b, 0n).code, U.PARAMETER)
    b.machine.cpu.setSpr(SPR.PIDR, 5n)
    b.expectCode('another process', getFile(b, 64n).code, U.PARAMETER)
    b.machine.cpu.setSpr(SPR.PIDR, 0n)
    b.expect('the first process', getFile(b, 64n).code, 36n)
    b.expect('rules', [...new Set(b.rules())], ['UV-FILE-002'])
  }),
  row(98, 'a name that is not attached', 'svm_esmb_file_get', (b) => {
    for (const name of ['absent', '', '../greeting', 'x'.repeat(64)])
      b.expectCode(`"${name.slice(0, 12)}"`, getFile(b, 0n, name).code, U.PARAMETER)
    b.expect('rules', [...new Set(b.rules())], ['UV-FILE-004'])
  }),
  row(
    99,
    'UV_ESMB_GET_FILE by a normal VM',
    'uv_esmb_get_file',
    (b) => {
      b.expectCode('normal VM', getFile(b, 0n).code, U.PERMISSION)
      b.expect('rule', b.rules().at(-1), 'UV-FILE-001')
    },
    { start: 'normal' },
  ),
  real(
    99,
    'Q08',
    'UV_ESMB_GET_FILE by a normal VM',
    'uv_esmb_get_file',
    (b) => b.expectCode('normal VM', getFile(b, 0n).code, U.PARAMETER),
    { start: 'normal' },
  ),
  row(100, 'offset 65536', 'uv_esmb_get_file', (b) => {
    for (const offset of [0x1_0000n, 1n << 63n]) b.expectCode(`offset ${offset}`, getFile(b, offset).code, U.PARAMETER)
    b.expect('rules', [...new Set(b.rules())], ['UV-FILE-003'])
  }),
  real(100, 'Q25', 'offset 65536', 'uv_esmb_get_file', (b) => {
    getFile(b, 0x1_0000n)
    b.expectTrue(`the ultravisor stops: ${b.ended}`, b.ended?.includes('Q25') === true)
  }),
  extra('file-slot', 'the slot where the attached files lie is removed', 'svm_esmb_file_get', (b) => {
    b.expect('before', getFile(b, 0n).code, 64n)
    const { cpu, ultravisor } = b.machine
    b.expectCode('UV_UNREGISTER_MEM_SLOT', b.host('UV_UNREGISTER_MEM_SLOT', 1n, 0n), U.SUCCESS)
    // The guest's program is gone as well: the call begins at its vector.
    for (const [i, value] of [BigInt(ultracallNumber('UV_ESMB_GET_FILE')), 64n, ...packed(ATTACHED.name)].entries())
      cpu.setGpr(3 + i, value)
    cpu.setSpr(SPR.SRR0, cpu.nia)
    cpu.setSpr(SPR.SRR1, cpu.msr | (2n << SRR1_SC_LEVEL.shift))
    b.steps(enterUltravisor(ultravisor, 0xc00))
    b.expectCode('after', signed(cpu.gpr(3)), U.PARAMETER)
    b.expect('rule', b.rules().at(-1), 'UV-FILE-004')
  }),
]
