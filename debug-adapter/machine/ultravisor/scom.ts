import type { RegisterFile } from '../cpu/types.ts'
import { SCOM_STATUS } from '../platform/chip.ts'
import { Procedure, type Steps } from '../steps.ts'
import { U } from './return-codes.ts'
import type { Ultravisor } from './ultravisor.ts'

/** The service calls of OPAL that go to the chip: it cannot reach SCOM registers by itself any more (spec/ultravisor.md §2.4). */
const READ = new Procedure('ultravisor', 'UV_READ_SCOM', 'spec/ultravisor.md §2.4', {
  list: 'look the address up in the list of what may not be read',
  engine: 'read the register through the SCOM engine of the chip',
})

const WRITE = new Procedure('ultravisor', 'UV_WRITE_SCOM', 'spec/ultravisor.md §2.4', {
  list: 'look the address up in the list of what may be written',
  engine: 'write the register through the SCOM engine of the chip',
})

const SBE = new Procedure('ultravisor', 'UV_SEND_SBE_COMMAND', 'spec/ultravisor.md §2.4', {
  check: 'check chip, opcode and input',
  send: 'send the command to the self-boot engine',
})

/** Bit 0 of an address: an indirect register, reached through another. Bit 3: which of its two forms. */
const INDIRECT = 1n << 63n
const FORM_1 = 1n << 60n
const DIRECT_ADDRESS = 0x7fff_ffffn

/** The 23 addresses that the ultravisor lets its host write, whatever hostboot's list says (spec/ultravisor.md §2.4). */
const WRITABLE: ReadonlySet<number> = new Set([
  0x0006_c081,
  0x0006_c082,
  ...[0x0000, 0x1000, 0x2000, 0x3000].flatMap((engine) => [4, 5, 7, 9, 0xa].map((r) => 0x000a_0000 + engine + r)),
  0x0501_2c4b,
])

/** Chiplets 0x20 to 0x37 are the cores: their registers stop threads and show what they hold. This stands for hostboot's list. */
const CORES = { first: 0x20, last: 0x37 } as const
const isOfCore = (address: number): boolean => address >>> 24 >= CORES.first && address >>> 24 <= CORES.last

/** Checks that both calls have in common, behind the access list. @returns a code, or undefined where the register may be used */
function target(uv: Ultravisor, id: bigint): bigint | undefined {
  const part = BigInt.asUintN(32, id)
  if (part !== uv.parts.chip.id) return uv.refuse('UV-SCOM-003', `part 0x${part.toString(16)}`, U.PARAMETER)
  return undefined
}

/** Codes of the statuses of the SCOM engine; others are U_HARDWARE (spec/ultravisor.md §2.4). */
const ENGINE_CODES: ReadonlyMap<number, bigint> = new Map([
  [SCOM_STATUS.chipletOff, U.XSCOM_CHIPLET_OFF],
  [SCOM_STATUS.partialGood, U.XSCOM_PARTIAL_GOOD],
  [SCOM_STATUS.addressError, U.XSCOM_ADDR_ERROR],
  [SCOM_STATUS.clockError, U.XSCOM_CLOCK_ERROR],
  [SCOM_STATUS.parityError, U.XSCOM_PARITY_ERROR],
  [SCOM_STATUS.timeout, U.XSCOM_TIMEOUT],
])

/** @returns the code of an access that the engine does not carry out, or undefined where it does */
function engineFailed(uv: Ultravisor, register: number): bigint | undefined {
  const status = uv.parts.chip.scomStatus(register)
  if (status === SCOM_STATUS.done) return undefined
  const code = status === SCOM_STATUS.busy ? uv.busyCode : (ENGINE_CODES.get(status) ?? U.HARDWARE)
  const rule = status === SCOM_STATUS.addressError ? 'UV-SCOM-006' : 'UV-SCOM-007'
  return uv.refuse(rule, `status ${status} at 0x${register.toString(16)}`, code)
}

export function* readScom(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [id, address] = frame.gpr.slice(4, 6) as [bigint, bigint]
  return yield* READ.frame({ id, address }, readSteps(uv, frame, id, address))
}

function* readSteps(uv: Ultravisor, frame: RegisterFile, id: bigint, address: bigint): Steps<bigint> {
  const number = Number(address & DIRECT_ADDRESS)
  yield READ.at('list')
  if (isOfCore(number) && !uv.quirk('Q17')) return uv.refuse('UV-SCOM-001', `0x${address.toString(16)}`, U.PERMISSION)
  const wrong = target(uv, id)
  if (wrong !== undefined) return wrong
  if ((address & INDIRECT) !== 0n)
    return uv.refuse(
      'UV-SCOM-004',
      `indirect address 0x${address.toString(16)}`,
      (address & FORM_1) !== 0n ? U.UNSUPPORTED : U.XSCOM_ADDR_ERROR,
    )
  yield READ.at('engine', { register: number })
  const failed = engineFailed(uv, number)
  if (failed !== undefined) return failed
  frame.gpr[4] = uv.parts.chip.readScom(number)
  return U.SUCCESS
}

export function* writeScom(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [id, address, value] = frame.gpr.slice(4, 7) as [bigint, bigint, bigint]
  return yield* WRITE.frame({ id, address, value }, writeSteps(uv, id, address, value))
}

function* writeSteps(uv: Ultravisor, id: bigint, address: bigint, value: bigint): Steps<bigint> {
  const number = Number(address & DIRECT_ADDRESS)
  yield WRITE.at('list')
  if (!WRITABLE.has(number) && !uv.quirk('Q17'))
    return uv.refuse('UV-SCOM-002', `0x${address.toString(16)}`, U.PERMISSION)
  const wrong = target(uv, id)
  if (wrong !== undefined) return wrong
  if ((address & INDIRECT) !== 0n && (address & FORM_1) === 0n && value >> 16n !== 0n)
    return uv.refuse('UV-SCOM-005', `0x${value.toString(16)}`, U.PARAMETER)
  yield WRITE.at('engine', { register: number })
  if ((address & INDIRECT) !== 0n)
    return uv.refuse('UV-SCOM-004', `indirect address 0x${address.toString(16)}`, U.XSCOM_ADDR_ERROR)
  const failed = engineFailed(uv, number)
  if (failed !== undefined) return failed
  uv.parts.chip.writeScom(number, value)
  return U.SUCCESS
}

/** Opcodes of UV_SEND_SBE_COMMAND. */
const OPCODE = { timer: 0n, handleInterrupt: 1n, startMpipl: 2n } as const

export function* sendSbeCommand(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const [id, opcode, input] = frame.gpr.slice(4, 7) as [bigint, bigint, bigint]
  return yield* SBE.frame({ id, opcode, input }, sbeSteps(uv, frame, id, opcode, input))
}

function* sbeSteps(uv: Ultravisor, frame: RegisterFile, id: bigint, opcode: bigint, input: bigint): Steps<bigint> {
  const { chip } = uv.parts
  yield SBE.at('check')
  if (opcode > OPCODE.startMpipl) return uv.refuse('UV-SBE-001', `opcode ${opcode}`, U.PARAMETER)
  if (id !== chip.id) return uv.refuse('UV-SCOM-003', `chip 0x${id.toString(16)}`, U.PARAMETER)
  if (opcode !== OPCODE.timer && input !== 0n)
    return uv.refuse('UV-SBE-002', `input 0x${input.toString(16)}`, U.PARAMETER)
  yield SBE.at('send', { opcode })
  switch (opcode) {
    case OPCODE.timer:
      if (chip.sbe.busy) return uv.refuse('UV-SBE-003', 'a message that was not taken yet', uv.busyCode)
      chip.sbe.startTimer(input)
      return U.SUCCESS
    case OPCODE.handleInterrupt:
      frame.gpr[4] = chip.sbe.takeInterrupt()
      return U.SUCCESS
    default:
      return uv.startDump()
  }
}
