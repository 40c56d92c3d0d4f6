import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_BYTES, PAGE_SHIFT } from '../memory/real-memory.ts'
import { H, HCALL } from '../platform/hcall-table.ts'
import { Procedure, type Steps } from '../steps.ts'
import { abortSvm } from './abort.ts'
import { pinnedPage, pinReserved } from './pin.ts'
import type { StartedCpu, Svm } from './svm.ts'
import { crash, type Ultravisor } from './ultravisor.ts'

const RTAS = new Procedure('ultravisor', 'RTAS of an SVM', 'spec/ultravisor.md §6.1', {
  read: 'read the argument block of the guest from secure memory',
  bounce: 'copy the arguments, and what they point to, into the bounce pages',
  call: 'H_RTAS with the address of the bounced block',
  back: 'copy the results back, by the counts that the guest gave',
})

/** Words of an argument block: token, nargs, nret, then at most this many arguments and results. */
const MAX_CELLS = 16
const BUFFER_BYTES = 4096
/** Words that fit into the page of arguments: where the count is not checked (Q39), more than these still end the call. */
const UNCHECKED_CELLS = (BUFFER_BYTES - 12) / 4
/** Status of a call that the ultravisor does not let through: hardware error (PAPR). */
const HARDWARE_ERROR = -1

interface Service {
  /** Index of the argument that points to the guest's buffer. */
  readonly pointer: number
  /** Bytes of the buffer, from the arguments or from what lies in it. */
  readonly length: (args: readonly number[], peek: (gpa: number, bytes: number) => Uint8Array | undefined) => number
  /** Copied to the hypervisor before the call, or from it after a good status. */
  readonly direction: 'in' | 'out' | 'both'
}

const fromArg = (index: number) => (args: readonly number[]) => args[index] ?? 0

/** The services whose buffers are bounced (spec/ultravisor.md §6.2). All others of the device tree pass plain numbers. */
const SERVICES: Readonly<Record<string, Service>> = {
  'check-exception': { pointer: 4, length: fromArg(5), direction: 'out' },
  'event-scan': { pointer: 2, length: fromArg(3), direction: 'out' },
  'ibm,configure-connector': { pointer: 0, length: () => BUFFER_BYTES, direction: 'both' },
  'ibm,get-system-parameter': { pointer: 1, length: fromArg(2), direction: 'out' },
  'ibm,set-system-parameter': {
    pointer: 1,
    length: (args, peek) => {
      const head = peek(args[1] ?? 0, 2)
      return head ? 2 + head[0]! * 256 + head[1]! : -1
    },
    direction: 'in',
  },
  'ibm,os-term': {
    pointer: 0,
    length: (args, peek) => {
      const text = peek(args[0] ?? 0, BUFFER_BYTES)
      const end = text?.indexOf(0) ?? -1
      return end < 0 ? -1 : end + 1
    },
    direction: 'in',
  },
  'nvram-fetch': { pointer: 1, length: fromArg(2), direction: 'out' },
  'nvram-store': { pointer: 1, length: fromArg(2), direction: 'in' },
}

/** H_RTAS of an SVM: its argument block is in secure memory, so the ultravisor carries it out and the results back. */
export function* rtasCall(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  return yield* RTAS.frame({ block: frame.gpr[4]! }, rtasSteps(uv, frame))
}

function* rtasSteps(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const svm = uv.currentSvm!
  const block = frame.gpr[4]!
  yield RTAS.at('read', { block })
  const guest = new GuestBytes(uv, svm)
  const head = guest.read(block, 12)
  if (!head && uv.quirk('Q38')) crash('Q38', `H_RTAS with an argument block at 0x${block.toString(16)}`)
  if (!head) return uv.refuse('UV-RTAS-001', `no guest memory at 0x${block.toString(16)}`, H.PARAMETER)
  const [token, nargs, nret] = words(head) as [number, number, number]
  const cells = nargs + nret
  const limit = uv.quirk('Q39') ? UNCHECKED_CELLS : MAX_CELLS
  const body = cells <= limit ? guest.read(block + 12n, cells * 4) : undefined
  if (!body) return uv.refuse('UV-RTAS-001', `${nargs} arguments and ${nret} results`, H.PARAMETER)
  const name = [...svm.rtasTokens].find(([, t]) => t === token)?.[0]
  const status = (value: number): void => {
    if (nret > 0) guest.write(block + 12n + BigInt(nargs * 4), fromWords([value]))
  }
  const deny = (rule: 'UV-RTAS-002' | 'UV-RTAS-003' | 'UV-RTAS-004', found: string): bigint => {
    status(HARDWARE_ERROR)
    return uv.refuse(rule, found, H.SUCCESS)
  }
  // The released firmware lets every token through, pointers and all.
  if (name === undefined && !uv.quirk('Q40')) return deny('UV-RTAS-003', `token 0x${token.toString(16)}`)

  const args = words(body).slice(0, nargs)
  const service = name === undefined || !Object.hasOwn(SERVICES, name) ? undefined : SERVICES[name]
  const bounceGpa = svm.reserved.get('RTAS arguments')!.gpa
  const bufferGpa = svm.reserved.get('RTAS bounce buffers')!.gpa
  const bounced = [...args]
  let length = 0
  yield* pin(uv, svm, frame.msr)
  if (service) {
    const bufferPage = pinnedPage(svm, 'RTAS bounce buffers')
    length = service.length(args, (gpa, bytes) => guest.read(BigInt(gpa), bytes))
    const pointer = BigInt(args[service.pointer] ?? 0)
    const fits = nargs > service.pointer && length >= 0 && length <= BUFFER_BYTES
    const data = fits ? guest.read(pointer, length) : undefined
    const found = `${name} with ${length} bytes at 0x${pointer.toString(16)}`
    if (!data && !uv.quirk('Q40')) return deny('UV-RTAS-002', found)
    if (!data) uv.refuse('UV-RTAS-002', `${found}; the call is made with the address of the guest`, 0n)
    else {
      uv.memory.fill(bufferPage, 0, BUFFER_BYTES)
      if (service.direction !== 'out') uv.memory.write(bufferPage, data)
      bounced[service.pointer] = Number(bufferGpa)
    }
    if (!data) length = 0
  }
  if (name === 'start-cpu') {
    const cpu = args[0] ?? 0
    if (cpu >= svm.vcpus || nargs !== 3) return deny('UV-RTAS-004', `processor ${cpu} of ${svm.vcpus}`)
    bounced[2] = Number(parkStart(uv, svm, { cpu, entry: BigInt(args[1]!), r3: BigInt(args[2]!) }))
  }
  yield RTAS.at('bounce', { service: name ?? '', bytes: length })
  const sentPage = pinnedPage(svm, 'RTAS arguments')
  uv.memory.fill(sentPage, 0, BUFFER_BYTES)
  uv.memory.write(sentPage, fromWords([token, nargs, nret, ...bounced]))
  yield RTAS.at('call', { service: name ?? '' })
  yield* uv.crossing.hypercall(HCALL.H_RTAS, [bounceGpa], frame.msr)

  yield RTAS.at('back', { results: nret })
  yield* pin(uv, svm, frame.msr)
  const argsPage = pinnedPage(svm, 'RTAS arguments')
  // The counts and pointers are the guest's own copy: the hypervisor can write the bounced block (Q41).
  const counts = uv.quirk('Q41') ? words(uv.memory.read(argsPage + 4n, 8)) : [nargs, nret]
  const [inputs, outputs] = [Math.min(counts[0]!, UNCHECKED_CELLS), Math.min(counts[1]!, UNCHECKED_CELLS)] as const
  const results = uv.memory.read(argsPage + 12n + BigInt(inputs * 4), outputs * 4)
  guest.write(block + 12n + BigInt(inputs * 4), results)
  const answer = outputs > 0 ? words(results)[0]! | 0 : -1
  if (service && service.direction !== 'in' && answer >= 0)
    guest.write(BigInt(args[service.pointer]!), uv.memory.read(pinnedPage(svm, 'RTAS bounce buffers'), length))
  if (name === 'ibm,nmi-register' && answer === 0) svm.machineCheckHandler = BigInt(args[1] ?? 0)
  return H.SUCCESS
}

/** Keeps where a virtual processor begins, and gives it a cookie that stands for it with the hypervisor (spec/ultravisor.md §6.3). */
function parkStart(uv: Ultravisor, svm: Svm, start: StartedCpu): bigint {
  // One that was asked for before and never came is asked for anew.
  for (const [cookie, { cpu }] of svm.startedCpus) if (cpu === start.cpu) svm.startedCpus.delete(cookie)
  const cookie = uv.crossing.newStartCookie(svm.startedCpus)
  svm.startedCpus.set(cookie, start)
  return cookie
}

/** Before the call and after it: the hypervisor may have withdrawn a page meanwhile. */
function* pin(uv: Ultravisor, svm: Svm, guestMsr: bigint): Steps<void> {
  const purposes = ['RTAS arguments', 'RTAS bounce buffers', 'RTAS stop-self']
  const lost = yield* pinReserved(uv, svm, purposes, guestMsr)
  if (lost !== undefined) abortSvm(uv, 'UV-RTAS-005', `none for gpa 0x${lost.toString(16)}`)
}

/** The SVM's own memory by guest physical address: secure frames, and those it shares. */
class GuestBytes {
  constructor(
    readonly uv: Ultravisor,
    readonly svm: Svm,
  ) {}

  /** @returns undefined where the range is not the guest's own, or crosses a 64 KiB page */
  #at(gpa: bigint, bytes: number): bigint | undefined {
    if (Number(gpa % BigInt(PAGE_BYTES)) + bytes > PAGE_BYTES) return undefined
    const page = this.svm.table.lookup(gpa & ~0xffffn)
    return page === undefined || !this.svm.slotOf(gpa >> PAGE_SHIFT) ? undefined : page + (gpa % BigInt(PAGE_BYTES))
  }

  read(gpa: bigint, bytes: number): Uint8Array | undefined {
    const available = Math.min(bytes, PAGE_BYTES - Number(gpa % BigInt(PAGE_BYTES)))
    const at = this.#at(gpa, available)
    if (at === undefined) return undefined
    const out = new Uint8Array(bytes)
    out.set(this.uv.memory.read(at, available))
    return available === bytes || bytes === BUFFER_BYTES ? out : undefined
  }

  write(gpa: bigint, bytes: Uint8Array): void {
    const at = this.#at(gpa, bytes.length)
    if (at === undefined) return
    this.uv.memory.write(at, bytes)
    this.uv.parts.cpu.codeWritten(at, bytes.length)
  }
}

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(i * 4))
}

function fromWords(values: readonly number[]): Uint8Array {
  const out = new Uint8Array(values.length * 4)
  const view = new DataView(out.buffer)
  for (const [i, value] of values.entries()) view.setUint32(i * 4, value >>> 0)
  return out
}
