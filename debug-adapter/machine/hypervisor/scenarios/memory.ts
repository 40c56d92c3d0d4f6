/** Attacks on secure memory and on pages that leave it. */
import { Actor } from '../../memory/actor.ts'
import { PAGE_BYTES, PAGE_SHIFT, SECURE_RA_BIT } from '../../memory/real-memory.ts'
import type { Steps } from '../../steps.ts'
import type { Hypervisor } from '../hypervisor.ts'
import { UCALL } from '../ucall.ts'
import type { Vm } from '../vm.ts'
import { attempt, onceSecure, type Scenario, say } from './scenario.ts'

/** Somewhere behind the ultravisor's own 32 MiB, where the pages of VMs are. */
const SECURE_PLACE = SECURE_RA_BIT + 0x400_0000n

const hostMemory = (hv: Hypervisor) => hv.parts.memory.as(Actor.Hypervisor)

/** Frames in the middle of the VM's memory: neither what it runs in just now nor what the ultravisor reserved at the top. */
function victims(vm: Vm, count: number): bigint[] {
  const frames = [...vm.framesIn('secure')].sort((a, b) => (a < b ? -1 : 1))
  return frames.slice(frames.length >> 1).slice(0, count)
}

function* pageOut(hv: Hypervisor, vm: Vm, gpa: bigint, page: bigint): Steps<bigint> {
  return yield* hv.ultracall(UCALL.UV_PAGE_OUT, [BigInt(vm.lpid), page, gpa, 0n, PAGE_SHIFT])
}

function* pageIn(hv: Hypervisor, vm: Vm, gpa: bigint, page: bigint): Steps<bigint> {
  return yield* hv.ultracall(UCALL.UV_PAGE_IN, [BigInt(vm.lpid), page, gpa, 0n, PAGE_SHIFT])
}

/** Has a frame encrypted into a page of the host, changes that or hands in something else, and gives the right one back in the end. */
function ciphertextAttack(
  name: string,
  handIn: (hv: Hypervisor, vm: Vm, gpa: bigint, page: bigint) => Steps<void>,
): NonNullable<Scenario['behaviour']> {
  return onceSecure(function* (hv, vm) {
    const [gpa] = victims(vm, 1)
    const page = gpa === undefined ? undefined : vm.providePage(gpa)
    if (gpa === undefined || page === undefined) return
    say(hv, name, `takes gpa 0x${gpa.toString(16)} out of secure memory: it gets ciphertext`)
    if ((yield* pageOut(hv, vm, gpa, page)) !== 0n) return
    const right = hostMemory(hv).read(page, PAGE_BYTES)
    yield* handIn(hv, vm, gpa, page)
    hostMemory(hv).write(page, right)
    say(hv, name, 'hands the newest ciphertext in, unchanged, so that the VM goes on')
    yield* pageIn(hv, vm, gpa, page)
    vm.becameSecure(gpa)
  })
}

export const memoryScenarios: readonly Scenario[] = [
  {
    name: 'read-secure-memory',
    tries: 'reads secure memory by its real address',
    stoppedBy: 'MEM-001',
    behaviour: onceSecure((hv) => {
      say(hv, 'read-secure-memory', `loads 16 bytes from real address 0x${SECURE_PLACE.toString(16)}`)
      attempt(hv, () => hostMemory(hv).read(SECURE_PLACE, 16))
    }),
  },
  {
    name: 'write-secure-memory',
    tries: 'writes secure memory by its real address',
    stoppedBy: 'MEM-001',
    behaviour: onceSecure((hv) => {
      say(hv, 'write-secure-memory', `stores 16 bytes to real address 0x${SECURE_PLACE.toString(16)}`)
      attempt(hv, () => hostMemory(hv).write(SECURE_PLACE, new Uint8Array(16).fill(0xff)))
    }),
  },
  {
    name: 'read-guest-frame',
    tries: 'reads a frame of the secure VM through the mapping that it had for the normal VM',
    stoppedBy: 'MEM-003',
    behaviour: onceSecure((hv, vm) => {
      const gpa = victims(vm, 1)[0] ?? 0n
      say(hv, 'read-guest-frame', `reads gpa 0x${gpa.toString(16)} of its own VM`)
      attempt(hv, () => vm.read(gpa, 64))
    }),
  },
  {
    name: 'stale-page-in',
    tries: 'pages a frame in a second time, while it is secure, with content of its own',
    stoppedBy: 'UV-PAGE-006',
    behaviour: onceSecure(function* (hv, vm) {
      const [gpa, other] = victims(vm, 2)
      const page = other === undefined ? undefined : vm.providePage(other)
      if (gpa === undefined || page === undefined) return
      hostMemory(hv).fill(page, 0xcc, PAGE_BYTES)
      say(hv, 'stale-page-in', `UV_PAGE_IN of gpa 0x${gpa.toString(16)} again, from a page full of 0xcc`)
      yield* pageIn(hv, vm, gpa, page)
      vm.becameSecure(other!)
    }),
  },
  {
    name: 'flip-ciphertext',
    tries: 'flips one bit of a page that is paged out',
    stoppedBy: 'UV-PAGE-007',
    behaviour: ciphertextAttack('flip-ciphertext', function* (hv, vm, gpa, page) {
      const bytes = hostMemory(hv).read(page, 1)
      hostMemory(hv).write(page, Uint8Array.of(bytes[0]! ^ 1))
      say(hv, 'flip-ciphertext', 'flips the first bit and hands the page in')
      yield* pageIn(hv, vm, gpa, page)
    }),
  },
  {
    name: 'flip-tag',
    tries: 'flips a bit at the end of a page that is paged out, where a tag would be',
    stoppedBy: 'UV-PAGE-007',
    behaviour: ciphertextAttack('flip-tag', function* (hv, vm, gpa, page) {
      const last = page + BigInt(PAGE_BYTES - 1)
      hostMemory(hv).write(last, Uint8Array.of(hostMemory(hv).read(last, 1)[0]! ^ 0x80))
      say(hv, 'flip-tag', 'flips the last bit and hands the page in; the tag itself never left secure memory')
      yield* pageIn(hv, vm, gpa, page)
    }),
  },
  {
    name: 'replay-ciphertext',
    tries: 'keeps the ciphertext of a frame and hands it in after the frame has left once more',
    stoppedBy: 'UV-PAGE-007',
    behaviour: onceSecure(function* (hv, vm) {
      const name = 'replay-ciphertext'
      const [gpa] = victims(vm, 1)
      const page = gpa === undefined ? undefined : vm.providePage(gpa)
      if (gpa === undefined || page === undefined) return
      yield* pageOut(hv, vm, gpa, page)
      const old = hostMemory(hv).read(page, PAGE_BYTES)
      say(hv, name, `keeps what left for gpa 0x${gpa.toString(16)}, and gives it back`)
      yield* pageIn(hv, vm, gpa, page)
      yield* pageOut(hv, vm, gpa, page)
      const newest = hostMemory(hv).read(page, PAGE_BYTES)
      hostMemory(hv).write(page, old)
      say(hv, name, 'hands the kept ciphertext in after the frame has left again')
      yield* pageIn(hv, vm, gpa, page)
      hostMemory(hv).write(page, newest)
      yield* pageIn(hv, vm, gpa, page)
      vm.becameSecure(gpa)
    }),
  },
  {
    name: 'swap-pages',
    tries: 'swaps the ciphertexts of two frames',
    stoppedBy: 'UV-PAGE-007',
    behaviour: onceSecure(function* (hv, vm) {
      const name = 'swap-pages'
      const [first, second] = victims(vm, 2)
      if (first === undefined || second === undefined) return
      const [a, b] = [vm.providePage(first), vm.providePage(second)]
      if (a === undefined || b === undefined) return
      yield* pageOut(hv, vm, first, a)
      yield* pageOut(hv, vm, second, b)
      say(hv, name, `hands in what left for gpa 0x${second.toString(16)} as gpa 0x${first.toString(16)}`)
      yield* pageIn(hv, vm, first, b)
      yield* pageIn(hv, vm, first, a)
      yield* pageIn(hv, vm, second, b)
      vm.becameSecure(first)
      vm.becameSecure(second)
    }),
  },
  {
    name: 'wrong-frame',
    tries: 'hands the ciphertext of one frame in for another one that never left',
    stoppedBy: 'UV-PAGE-006',
    behaviour: ciphertextAttack('wrong-frame', function* (hv, vm, gpa, page) {
      const other = victims(vm, 2).find((one) => one !== gpa) ?? 0n
      say(hv, 'wrong-frame', `hands it in as gpa 0x${other.toString(16)}`)
      yield* pageIn(hv, vm, other, page)
    }),
  },
  {
    name: 'page-table',
    tries: "puts a page table of its own in place of the secure VM's",
    stoppedBy: 'UV-PATE-002',
    behaviour: onceSecure(function* (hv, vm) {
      say(hv, 'page-table', `UV_WRITE_PATE of partition ${vm.lpid} with another table`)
      yield* hv.ultracall(UCALL.UV_WRITE_PATE, [BigInt(vm.lpid), (1n << 63n) | 0x10_0000n, 0n])
    }),
  },
]
