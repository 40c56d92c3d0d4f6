import { Actor } from '../../machine/memory/actor.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, FREE, KERNEL, LPID, load, PAGE, type Stopped } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'
import { esm } from '../esm-doings.ts'

const BEHIND = 1n << 33n
const SLOT = 0x20_0000n
const SECRET = 0x2an

/** The guest loads a byte, so that the processor knows where it is. */
const touch = (b: Bench, gpa = FREE): Stopped => b.run([...load(4, gpa), 'lbz r3,0(r4)'])
const store = (b: Bench, value: bigint, gpa = FREE): Stopped =>
  b.run([...load(4, gpa), `li r3,${value}`, 'stb r3,0(r4)'])
const share = (b: Bench): void => b.expectCode('UV_SHARE_PAGE', b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n), U.SUCCESS)

/** Every call that takes a page away takes its translation away (spec/ultravisor.md §5.4). */
export const translationCases: readonly ConformanceCase[] = [
  extra('stale-page-out', 'a page that left is not to be read by an old translation', '__handle_page_out', (b) => {
    store(b, SECRET)
    b.expectCode('UV_PAGE_OUT', b.host('UV_PAGE_OUT', LPID, b.hostPage(0), FREE, 0n, 16n), U.SUCCESS)
    let asked = 0
    b.machine.hypervisor.behaviour = {
      // biome-ignore lint/correctness/useYield: the call runs to its end by itself
      *answer(_hv, _vm, { name }) {
        if (name !== 'H_SVM_PAGE_IN') return undefined
        asked++
        return [b.host('UV_PAGE_IN', LPID, b.hostPage(0), FREE, 0n, 16n)]
      },
    }
    b.expect('the guest reads', touch(b).gpr[3], SECRET)
    b.expect('the hypervisor was asked', asked, 1)
  }),
  extra('stale-share', 'a page that became shared is read in its new place', 'page_share_with_hv', (b) => {
    store(b, SECRET)
    share(b)
    b.expect('the guest reads', touch(b).gpr[3], 0n)
    store(b, 7n)
    b.expect('the hypervisor reads', b.hostRead(b.machine.hypervisor.vm!.pageOf(FREE)!, 1), Uint8Array.of(7))
  }),
  extra('stale-unshare', 'a page that is secure again is written in its new place', 'page_unshare_with_hv', (b) => {
    store(b, SECRET)
    share(b)
    store(b, 7n)
    const page = b.machine.hypervisor.vm!.pageOf(FREE)!
    // The hypervisor says yes and does nothing: it need not do anything more (spec/ultravisor.md §3.4).
    b.machine.hypervisor.behaviour = {
      // biome-ignore lint/correctness/useYield: it has nothing to ask
      *answer(_hv, _vm, { name }) {
        return name === 'H_SVM_PAGE_IN' ? [0n] : undefined
      },
    }
    b.expectCode('UV_UNSHARE_PAGE', b.guest('UV_UNSHARE_PAGE', FREE >> 16n, 1n), U.SUCCESS)
    b.expect('the guest reads', touch(b).gpr[3], 0n)
    store(b, SECRET)
    b.expect('the page of the hypervisor', b.hostRead(page, 1), Uint8Array.of(7))
  }),
  extra(
    'stale-inval',
    'a page that was withdrawn is not to be written by an old translation',
    'handle_page_inval',
    (b) => {
      share(b)
      store(b, 7n)
      const page = b.machine.hypervisor.vm!.pageOf(FREE)!
      b.expectCode('UV_PAGE_INVAL', b.host('UV_PAGE_INVAL', LPID, FREE, 16n), U.SUCCESS)
      b.machine.hypervisor.vm!.dropShared(FREE)
      b.machine.memory.as(Actor.Hypervisor).fill(page, 0x55, 1)
      const faults = b.machine.trace.of('reflection').length
      b.expect('the guest goes on', store(b, 9n).how, 'end')
      b.expectTrue('the hypervisor was asked', b.machine.trace.of('reflection').length > faults)
      b.expect('state', b.state(FREE), 'SHARED')
    },
  ),
  extra('stale-move', 'a shared page that moved is read in its new place', 'handle_shared_page', (b) => {
    share(b)
    store(b, 7n)
    b.hostWrite(b.hostPage(0), Uint8Array.of(9))
    b.expectCode('UV_PAGE_IN', b.host('UV_PAGE_IN', LPID, b.hostPage(0), FREE, 0n, 16n), U.SUCCESS)
    b.expect('the guest reads', touch(b).gpr[3], 9n)
  }),
  extra('stale-slot', 'memory that was unplugged is not to be read by an old translation', 'free_memslot', (b) => {
    b.expectCode('add', b.host('UV_REGISTER_MEM_SLOT', LPID, BEHIND, SLOT, 0n, 5n), U.SUCCESS)
    store(b, SECRET, BEHIND)
    const page = b.machine.ultravisor.svms.get(1)!.securePage(BEHIND >> 16n)!
    b.expectCode('remove', b.host('UV_UNREGISTER_MEM_SLOT', LPID, 5n), U.SUCCESS)
    b.expect('its page', b.machine.ultravisor.memory.read(page, 1), Uint8Array.of(0))
    const seen: bigint[] = []
    b.machine.hypervisor.behaviour = {
      // biome-ignore lint/correctness/useYield: it has nothing to ask
      *answer(_hv, _vm, { name, args }) {
        if (name !== 'H_LOGICAL_CI_LOAD') return undefined
        seen.push(args[1]!)
        return [0n, 0x11n]
      },
    }
    b.expect('the guest reads a device', touch(b, BEHIND).gpr[3], 0x11n)
    b.expect('at', seen, [BEHIND])
  }),
  extra(
    'stale-process-table',
    'a process table that was replaced translates no more',
    'svm_setup_partition_table',
    (b) => {
      b.enterProblemState()
      b.expect('the guest runs', b.run(['li r3,5']).gpr[3], 5n)
      const svm = b.machine.ultravisor.svms.get(1)!
      b.expectCode('UV_WRITE_PATE', b.host('UV_WRITE_PATE', LPID, svm.table.pateDoubleword0, FREE), U.SUCCESS)
      b.expect('the guest faults', b.run(['li r3,6']).vector, 0x400)
    },
  ),
  extra(
    'stale-esm',
    'a page that the normal VM knew is not to be read by the SVM',
    'svm_esm_commit',
    (b) => {
      const page = b.machine.hypervisor.vm!.pageOf(FREE)!
      store(b, SECRET)
      b.machine.hypervisor.behaviour = {
        // The hypervisor keeps all that was not asked for, and says that it is done.
        // biome-ignore lint/correctness/useYield: it has nothing to ask
        *answer(_hv, _vm, { name }) {
          return name === 'H_SVM_INIT_DONE' ? [0n] : undefined
        },
      }
      b.expect('the guest enters its kernel', esm(b, KERNEL).how, 'kernel')
      b.machine.hypervisor.behaviour = {}
      b.expect('the guest reads', touch(b).gpr[3], 0n)
      store(b, 9n)
      b.expect('the page of the hypervisor', b.hostRead(page, 1), Uint8Array.of(Number(SECRET)))
      b.expect('frames behind it', b.state(FREE + PAGE), 'SECURE')
    },
    { start: 'normal' },
  ),
  extra('stale-terminated', 'an SVM that is gone does not go on by old translations', 'destroy_svm', (b) => {
    touch(b)
    const at = b.machine.cpu.nia - 4n
    b.expectCode('UV_SVM_TERMINATE', b.host('UV_SVM_TERMINATE', LPID), U.SUCCESS)
    b.machine.cpu.nia = at
    b.expect('the guest', b.resume(at + 4n).how, 'machine')
    b.expectTrue(`why: ${b.ended}`, b.ended?.includes('instruction fetch') === true)
  }),
]
