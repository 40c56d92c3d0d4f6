import { MSR } from '../../machine/cpu/msr.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { FREE, hypercallNumber, KERNEL, load, ultracallNumber } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'
import { callRtas, token } from '../rtas-doings.ts'
import { watch } from '../watch.ts'

const HARDWARE_ERROR = 0xffff_ffff
/** Behind the argument block. */
const BUFFER = FREE + 0x1000n
const CHIP_ID_REGISTER = 0xf_000fn

/** RTAS (spec/ultravisor.md §6), and the services of the ultravisor to OPAL (§2.4). */
export const serviceCases: readonly ConformanceCase[] = [
  row(101, 'UV_SEND_SBE_COMMAND', 'send_sbe_command', (b) => {
    b.expectCode('opcode 3', b.host('UV_SEND_SBE_COMMAND', 0n, 3n, 0n), U.PARAMETER)
    b.expectCode('opcode 1 with an input', b.host('UV_SEND_SBE_COMMAND', 0n, 1n, 1n), U.PARAMETER)
    b.expectCode('opcode 2 with an input', b.host('UV_SEND_SBE_COMMAND', 0n, 2n, 1n), U.PARAMETER)
    b.expectCode('chip 5', b.host('UV_SEND_SBE_COMMAND', 5n, 0n, 100n), U.PARAMETER)
    b.expect('rules', b.rules(), ['UV-SBE-001', 'UV-SBE-002', 'UV-SBE-002', 'UV-SCOM-003'])
    b.expectCode('timer', b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n), U.SUCCESS)
    b.expectCode('timer while the mailbox is full', b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n), U.BUSY)
    b.expectCode('handle the interrupt', b.host('UV_SEND_SBE_COMMAND', 0n, 1n, 0n), U.SUCCESS)
    b.expectCode('timer', b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n), U.SUCCESS)
  }),
  real(101, 'Q07', 'U_BUSY of UV_SEND_SBE_COMMAND', 'send_sbe_command', (b) => {
    b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n)
    b.expectCode('timer while the mailbox is full', b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n), U.FUNCTION)
  }),
  row(102, 'nvram-fetch of 5000 bytes', 'svm/svm-rtas-hdlr.c', (b) => {
    const seen = watch(b, 'H_RTAS')
    const { code, out } = callRtas(b, token(b, 'nvram-fetch'), [0, Number(BUFFER), 5000], 2)
    b.expect('R3', code, 0n)
    b.expect('status', out[0], HARDWARE_ERROR)
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-002')
    b.expect('seen by the hypervisor', seen.times, 0)
  }),
  real(102, 'Q40', 'nvram-fetch of 5000 bytes', 'svm/svm-rtas-hdlr.c', (b) => {
    const seen = watch(b, 'H_RTAS')
    callRtas(b, token(b, 'nvram-fetch'), [0, Number(BUFFER), 5000], 2)
    b.expect('seen by the hypervisor', seen.times, 1)
  }),
  row(103, 'an RTAS token that the device tree does not name', 'spec/ultravisor.md §6.2', (b) => {
    const seen = watch(b, 'H_RTAS')
    const { code, out } = callRtas(b, 0x7777, [Number(BUFFER)], 1)
    b.expect('R3', code, 0n)
    b.expect('status', out[0], HARDWARE_ERROR)
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-003')
    b.expect('seen by the hypervisor', seen.times, 0)
  }),
  real(103, 'Q40', 'an RTAS token that the device tree does not name', 'spec/ultravisor.md §6.2', (b) => {
    const seen = watch(b, 'H_RTAS')
    callRtas(b, 0x7777, [Number(BUFFER)], 1)
    b.expect('seen by the hypervisor', seen.times, 1)
  }),
  row(104, 'start-cpu, and UV_RETURN with its cookie', 'rtas_start_cpu_end', (b) => {
    const seen = watch(b, 'H_RTAS')
    callRtas(b, token(b, 'start-cpu'), [0, Number(KERNEL), 77], 1)
    const [cookie] = [...b.machine.ultravisor.svms.get(1)!.startedCpus.keys()]
    b.expect('seen by the hypervisor', seen.times, 1)
    b.expectTrue('a cookie waits', cookie !== undefined)
    b.machine.hypervisor.behaviour = { returning: (_hv, _vm, registers) => void (registers.r0 = cookie ?? 0n) }
    const stopped = b.run([...load(3, BigInt(hypercallNumber('H_CEDE'))), 'sc 1'])
    b.expect('the virtual processor enters', stopped.how, 'kernel')
    b.expect('R3', stopped.gpr[3], 77n)
    b.expect('MSR', b.machine.cpu.msr, MSR.SF | MSR.ME | MSR.S)
    b.expect('cookies left', b.machine.ultravisor.svms.get(1)!.startedCpus.size, 0)
  }),
  extra('start-cpu-range', 'start-cpu of a processor that does not exist', 'spec/ultravisor.md §6.3', (b) => {
    const { vcpus } = b.machine.ultravisor.svms.get(1)!
    b.expect('status', callRtas(b, token(b, 'start-cpu'), [vcpus, Number(KERNEL), 77], 1).out[0], HARDWARE_ERROR)
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-004')
  }),
  extra('rtas-bounce', 'RTAS carries a buffer in and out', 'spec/ultravisor.md §6.2', (b) => {
    const secret = new TextEncoder().encode('nvram of the guest')
    b.write(BUFFER, secret)
    const stored = callRtas(b, token(b, 'nvram-store'), [0, Number(BUFFER), secret.length], 2)
    b.expect('store: status and length', stored.out, [0, secret.length])
    b.write(BUFFER, new Uint8Array(secret.length))
    const fetched = callRtas(b, token(b, 'nvram-fetch'), [0, Number(BUFFER), secret.length], 2)
    b.expect('fetch: status and length', fetched.out, [0, secret.length])
    b.expect('content', b.read(BUFFER, secret.length), secret)
  }),
  row(106, 'parts that are not there', 'uv_xscom_read, memory_read', (b) => {
    b.expectCode('UV_READ_SCOM, id 0x10000000', b.host('UV_READ_SCOM', 0x1000_0000n, CHIP_ID_REGISTER), U.PARAMETER)
    b.expectCode('UV_READ_SCOM, chip 7', b.host('UV_READ_SCOM', 7n, CHIP_ID_REGISTER), U.PARAMETER)
    b.expectCode('UV_WRITE_SCOM, chip 7', b.host('UV_WRITE_SCOM', 7n, 0x6_c081n, 0n), U.PARAMETER)
    for (const name of ['UV_READ_MEM', 'UV_WRITE_MEM']) {
      b.expectCode(`${name}, no buffer`, b.host(name, 0n, 0n, 0n, 8n), U.PARAMETER)
      b.expectCode(`${name}, no bytes`, b.host(name, b.hostPage(0), 0n, 0n, 0n), U.PARAMETER)
    }
  }),
  extra('scom', 'SCOM registers that may be read and written, and others', 'uv-xscom-bwlist.c', (b) => {
    const read = b.hostRegisters(0n, ultracallNumber('UV_READ_SCOM'), [0n, CHIP_ID_REGISTER])
    b.expectCode('chip id', read[0]!, U.SUCCESS)
    b.expectTrue('R4', read[1] !== 0n)
    b.expectCode('write an I2C engine', b.host('UV_WRITE_SCOM', 0n, 0xa_1004n, 0x1234n), U.SUCCESS)
    b.expect('read it', b.hostRegisters(0n, ultracallNumber('UV_READ_SCOM'), [0n, 0xa_1004n])[1], 0x1234n)
    b.expectCode('write the chip id', b.host('UV_WRITE_SCOM', 0n, CHIP_ID_REGISTER, 0n), U.PERMISSION)
    b.expectCode('read a core', b.host('UV_READ_SCOM', 0n, 0x2001_0a9cn), U.PERMISSION)
    b.expectCode('indirect, form 0', b.host('UV_READ_SCOM', 0n, (1n << 63n) | 1n), U.XSCOM_ADDR_ERROR)
    b.expectCode('indirect, form 1', b.host('UV_READ_SCOM', 0n, (9n << 60n) | 1n), U.UNSUPPORTED)
    b.expectCode('no register', b.host('UV_READ_SCOM', 0n, 0x123n), U.XSCOM_ADDR_ERROR)
  }),
  extra(
    'scom-Q17',
    'SCOM registers of a core',
    'uv-xscom-bwlist.c',
    (b) => {
      b.expectCode('read', b.host('UV_READ_SCOM', 0n, 0x2001_0a9cn), U.SUCCESS)
      b.expectCode('write', b.host('UV_WRITE_SCOM', 0n, 0x2001_0a9cn, 1n), U.SUCCESS)
    },
    { quirks: ['Q17'] },
  ),
  extra('service-memory', 'UV_READ_MEM and UV_WRITE_MEM', 'memory_read, memory_write', (b) => {
    const [resource] = b.machine.ultravisor.memoryResources
    const handle = (BigInt(resource!.chip) << 32n) | BigInt(resource!.type)
    const range = resource!.write[0]!
    const content = new TextEncoder().encode('for the controller')
    b.hostWrite(b.hostPage(0), content)
    const bytes = BigInt(content.length)
    b.expectCode('write', b.host('UV_WRITE_MEM', b.hostPage(0), handle, range.offset, bytes), U.SUCCESS)
    b.expect('written', b.machine.ultravisor.memory.read(resource!.start + range.offset, content.length), content)
    const open = resource!.read[0]!
    b.expectCode('read', b.host('UV_READ_MEM', b.hostPage(1), handle, open.offset, 16n), U.SUCCESS)
    b.expectCode('beyond', b.host('UV_READ_MEM', b.hostPage(1), handle, open.offset + (1n << 40n), 16n), U.PERMISSION)
    b.expectCode('no resource', b.host('UV_READ_MEM', b.hostPage(1), handle + 99n, open.offset, 16n), U.PERMISSION)
    b.expectCode('a secure buffer', b.host('UV_READ_MEM', resource!.start, handle, open.offset, 16n), U.PARAMETER)
  }),
]
