/** The PAPR hypercalls that are not PEF's own (spec/pseries.md §4.4), one function a call. */
import type { RandomSource } from '../../../server/esm/crypto/provider.ts'
import { reverseBytes } from '../cpu/device-access.ts'
import { LPCR } from '../cpu/interrupts.ts'
import { SPR } from '../cpu/spr.ts'
import type { Console } from './console.ts'
import { VTY_UNIT } from './device-tree.ts'
import type { GuestMemory } from './guest-memory.ts'
import { H } from './hcall-table.ts'
import type { InterruptPresenter } from './interrupts/presenter.ts'
import type { ClientInterface } from './open-firmware/client-interface.ts'
import type { PciHostBridge } from './pci/host-bridge.ts'
import type { Rtas } from './rtas.ts'
import type { SharedAreas } from './vpa.ts'

/** The virtual processor as its hypervisor may set it up. */
export interface VirtualProcessor {
  spr(number: number): bigint
  setSpr(number: number, value: bigint): void
}

/** The parts of the platform that hypercalls work on. */
export interface HcallContext {
  readonly memory: GuestMemory
  readonly console: Console
  readonly rtas: Rtas
  /** Absent: the VM was started with a flattened tree, and there is no firmware to call. */
  readonly openFirmware: ClientInterface | undefined
  readonly random: RandomSource
  readonly presenter: InterruptPresenter
  readonly bridge: PciHostBridge
  readonly areas: SharedAreas
  /** Absent: the platform has no hold on a processor, and calls that would set it up are not there. */
  readonly processor: VirtualProcessor | undefined
}

/** R4 and on in, R3 and on out; undefined where this platform does not have the call. */
type Hcall = (args: readonly bigint[], context: HcallContext) => readonly bigint[] | undefined

/** Largest piece of text that H_PUT_TERM_CHAR and H_GET_TERM_CHAR carry: two registers. */
const TERM_BYTES = 16

/** The one terminal, which unit 0 names too. */
const isTerminal = (unit: bigint): boolean => unit === 0n || unit === BigInt(VTY_UNIT)

const putTermChar: Hcall = ([unit, length, high, low], { console }) => {
  if (!isTerminal(unit!) || length! > BigInt(TERM_BYTES)) return [H.PARAMETER]
  const bytes = new Uint8Array(TERM_BYTES)
  const view = new DataView(bytes.buffer)
  view.setBigUint64(0, high!)
  view.setBigUint64(8, low!)
  console.write(bytes.subarray(0, Number(length)))
  return [H.SUCCESS]
}

const getTermChar: Hcall = ([unit], { console }) => {
  if (!isTerminal(unit!)) return [H.PARAMETER]
  const typed = console.read(TERM_BYTES)
  const bytes = new Uint8Array(TERM_BYTES)
  bytes.set(typed)
  const view = new DataView(bytes.buffer)
  return [H.SUCCESS, BigInt(typed.length), view.getBigUint64(0), view.getBigUint64(8)]
}

/**
 * Resources of H_SET_MODE that this platform has. The watchpoint is not among them (H_P2): KVM keeps it from guests of a POWER9, whose
 * DAWR may stop the processor at an access to a device.
 */
const RESOURCE = { ciabr: 1n, translation: 3n, endianness: 4n } as const
/** CIABR bits 62:63: the state in which it counts, here the hypervisor's. */
const CIABR_HYPERVISOR = 3n
const AIL_SHIFT = 23n
/** Where interrupts of translated code go: 0 to the vector itself, 2 and 3 to two other places. */
const AIL_MODES: readonly bigint[] = [0n, 2n, 3n]

const setMode: Hcall = ([mode, resource, value1, value2], { processor }) => {
  if (!processor) return undefined
  if (resource === RESOURCE.ciabr) {
    if (value2 !== 0n) return [H.P4]
    if (mode !== 0n) return [H.UNSUPPORTED_FLAG]
    if ((value1! & CIABR_HYPERVISOR) === CIABR_HYPERVISOR) return [H.P3]
    processor.setSpr(SPR.CIABR, value1!)
    return [H.SUCCESS]
  }
  if (resource !== RESOURCE.translation && resource !== RESOURCE.endianness) return [H.P2]
  if (value1 !== 0n) return [H.P3]
  if (value2 !== 0n) return [H.P4]
  const lpcr = processor.spr(SPR.LPCR)
  if (resource === RESOURCE.endianness) {
    if (mode! > 1n) return [H.UNSUPPORTED_FLAG]
    processor.setSpr(SPR.LPCR, mode === 1n ? lpcr | LPCR.ILE : lpcr & ~LPCR.ILE)
    return [H.SUCCESS]
  }
  if (!AIL_MODES.includes(mode!)) return [H.UNSUPPORTED_FLAG]
  processor.setSpr(SPR.LPCR, (lpcr & ~LPCR.AIL) | (mode! << AIL_SHIFT))
  return [H.SUCCESS]
}

const random: Hcall = (_, { random }) => {
  const bytes = random(8)
  return [H.SUCCESS, new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0)]
}

const DEVICE_SIZES: readonly bigint[] = [1n, 2n, 4n, 8n]

const isDevice = (bridge: PciHostBridge, size: bigint, gpa: bigint): boolean =>
  DEVICE_SIZES.includes(size) && gpa % size === 0n && bridge.covers(gpa)

/** An access to a device: its value is big-endian, as if the bytes were memory. */
const loadDevice: Hcall = ([size, gpa], { bridge }) => {
  if (!isDevice(bridge, size!, gpa!)) return [H.PARAMETER]
  return [H.SUCCESS, reverseBytes(bridge.read(gpa!, Number(size)), Number(size))]
}

const storeDevice: Hcall = ([size, gpa, value], { bridge }) => {
  if (!isDevice(bridge, size!, gpa!)) return [H.PARAMETER]
  bridge.write(gpa!, Number(size), reverseBytes(value!, Number(size)))
  return [H.SUCCESS]
}

const getTce: Hcall = ([liobn, ioba], { bridge }) => {
  const entry = bridge.windows.get(liobn!, ioba!)
  return entry === undefined ? [H.PARAMETER] : [H.SUCCESS, entry]
}

/** The one processor may be named, others are not there. */
const toProcessor: Hcall = ([server]) => [server === 0n ? H.SUCCESS : H.PARAMETER]

const calls: Readonly<Record<string, Hcall>> = {
  H_PUT_TERM_CHAR: putTermChar,
  H_GET_TERM_CHAR: getTermChar,
  H_RTAS: ([block], { rtas, memory }) => [rtas.call(memory, block!)],
  H_OF_CLIENT: ([block], { openFirmware }) => openFirmware && [openFirmware.call(block! & 0xffff_ffffn)],
  H_SET_MODE: setMode,
  H_RANDOM: random,
  H_REGISTER_VPA: (args, { areas, memory }) => [areas.register(memory, args)],
  // The hypervisor, which owns the processor, does the waiting.
  H_CEDE: () => [H.SUCCESS],
  H_CONFER: () => [H.SUCCESS],
  H_PROD: toProcessor,
  // No mitigation is needed here: this processor does not speculate.
  H_GET_CPU_CHARACTERISTICS: () => [H.SUCCESS, 0n, 0n],
  H_CPPR: ([priority], { presenter }) => [presenter.setPriority(priority!)],
  H_IPI: ([server, request], { presenter }) => [presenter.setRequest(server!, request!)],
  H_IPOLL: ([server], { presenter }) => {
    const { xirr, request } = presenter.poll()
    return server === 0n ? [H.SUCCESS, xirr, request] : [H.PARAMETER]
  },
  H_XIRR: (_, { presenter }) => [H.SUCCESS, presenter.accept()],
  H_LOGICAL_CI_LOAD: loadDevice,
  H_LOGICAL_CI_STORE: storeDevice,
  H_GET_TCE: getTce,
  H_PUT_TCE: ([liobn, ioba, entry], { bridge }) => [bridge.windows.put(liobn!, ioba!, entry!)],
  H_STUFF_TCE: ([liobn, ioba, entry, count], { bridge }) => [bridge.windows.put(liobn!, ioba!, entry!, count!)],
  H_PUT_TCE_INDIRECT: ([liobn, ioba, list, count], { bridge, memory }) => [
    bridge.windows.putList(memory, liobn!, ioba!, list!, count!),
  ],
  H_EOI: ([xirr], { presenter }) => [presenter.end(xirr!)],
}

/**
 * @param name of the call, as in hcall-table.ts
 * @param args R4 and on, as many as the call takes
 * @returns R3, R4..; undefined for a call that this platform does not have (H_FUNCTION)
 * @throws RefusalError where the call points to memory that the hypervisor does not have
 */
export function handleHcall(
  name: string,
  args: readonly bigint[],
  context: HcallContext,
): readonly bigint[] | undefined {
  return Object.hasOwn(calls, name) ? calls[name]!(args, context) : undefined
}
