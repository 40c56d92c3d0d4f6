import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, FREE, hypercallNumber, KERNEL, LPID, load } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'
import { accepted, refused } from '../esm-doings.ts'
import { callRtas, token } from '../rtas-doings.ts'

const SHARED = 1n
const H_PARAMETER = -4n
const RTAS_PAGES = ['RTAS arguments', 'RTAS bounce buffers', 'RTAS stop-self'] as const
const BUFFER = FREE + 0x1000n

const reserved = (b: Bench, purpose: string): bigint =>
  b.machine.ultravisor.svms.get(Number(LPID))!.reserved.get(purpose)!.gpa

/** The hypervisor takes a page back that it shares with the ultravisor, and does not know it any more. */
function withdraw(b: Bench, gpa: bigint): void {
  b.expectCode('UV_PAGE_INVAL', b.host('UV_PAGE_INVAL', LPID, gpa, 16n), U.SUCCESS)
  b.expect('state', b.state(gpa), 'SHARED_IMPLICIT_INV')
  b.machine.hypervisor.vm!.dropShared(gpa)
}

/** What the hypervisor does at each hypercall of a name, `when` it has not answered yet or has. */
function at(b: Bench, when: 'before' | 'after', name: string, work: (flags: bigint) => void): void {
  const { hypervisor } = b.machine
  hypervisor.behaviour = {
    ...hypervisor.behaviour,
    // biome-ignore lint/correctness/useYield: the work runs to its end by itself
    *[when](_hv: unknown, _vm: unknown, call: { name: string; args: readonly bigint[] }) {
      if (call.name === name) work(call.args[1]!)
    },
  }
}

function refuseToShare(b: Bench): { asked: number } {
  const seen = { asked: 0 }
  b.machine.hypervisor.behaviour = {
    ...b.machine.hypervisor.behaviour,
    // biome-ignore lint/correctness/useYield: it has nothing to ask
    *answer(_hv, _vm, { name, args }) {
      if (name !== 'H_SVM_PAGE_IN' || args[1] !== SHARED) return undefined
      seen.asked++
      return [H_PARAMETER]
    },
  }
  return seen
}

const store = (b: Bench): number[] => {
  b.write(BUFFER, Uint8Array.of(1, 2, 3, 4))
  return callRtas(b, token(b, 'nvram-store'), [0, Number(BUFFER), 4], 2).out
}

/** Pages of the hypervisor that the ultravisor uses itself, withdrawn (spec/ultravisor.md §4.3, §6.1). */
export const withdrawnCases: readonly ConformanceCase[] = [
  extra('rtas-withdrawn', 'the bounce pages of RTAS are withdrawn before a call', 'svm_rtas_pin', (b) => {
    for (const purpose of RTAS_PAGES) {
      withdraw(b, reserved(b, purpose))
      b.expect(`${purpose}: status and length`, store(b), [0, 4])
      b.expect('state', b.state(reserved(b, purpose)), 'SHARED_IMPLICIT')
    }
  }),
  extra('rtas-withdrawn-call', 'the argument page of RTAS is withdrawn during the call', 'svm_rtas_pin', (b) => {
    at(b, 'after', 'H_RTAS', () => withdraw(b, reserved(b, 'RTAS arguments')))
    const out = store(b)
    b.expect('results of the new page', out, [0, 0])
    b.expect('state', b.state(reserved(b, 'RTAS arguments')), 'SHARED_IMPLICIT')
  }),
  extra('rtas-withheld', 'the bounce pages of RTAS are withdrawn and do not come back', 'svm_rtas_pin', (b) => {
    withdraw(b, reserved(b, 'RTAS arguments'))
    const seen = refuseToShare(b)
    const { how } = b.run([...load(3, BigInt(hypercallNumber('H_RTAS'))), ...load(4, KERNEL), 'sc 1'])
    b.expect('a block of no service: the guest goes on', how, 'end')
    store(b)
    b.expectTrue(`the SVM ends: ${b.ended}`, b.ended !== undefined)
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-005')
    b.expect('asked 10 times for each of the 6 pages', seen.asked, 60)
  }),
  extra(
    'tpm-withdrawn',
    'the bounce page of the TPM is withdrawn before and during each exchange',
    'svm_tss_pin',
    (b) => {
      let times = 0
      for (const when of ['before', 'after'] as const)
        at(b, when, 'H_SVM_TPM_COMM', () => {
          if (b.state(reserved(b, 'TPM bounce')) !== 'SHARED_IMPLICIT') return
          withdraw(b, reserved(b, 'TPM bounce'))
          times++
        })
      // A page that is gone holds no command: the hypervisor brings an empty one, and the TPM refuses that.
      refused(b, 'an empty page', 'ESM135')
      b.expectTrue('withdrawn', times > 0)
      b.machine.hypervisor.behaviour = {}
      accepted(b)
    },
    { start: 'normal' },
  ),
  extra(
    'tpm-withheld',
    'the bounce page of the TPM is withdrawn and does not come back',
    'svm_tss_pin',
    (b) => {
      let seen: { asked: number } | undefined
      at(b, 'after', 'H_SVM_TPM_COMM', () => {
        if (seen) return
        withdraw(b, reserved(b, 'TPM bounce'))
        seen = refuseToShare(b)
      })
      refused(b, 'withheld', 'ESM135')
      b.expect('asked', seen?.asked, 10)
      b.expectTrue(`why: ${b.machine.esm?.reason}`, b.machine.esm?.reason.includes('withdrew the bounce page') === true)
    },
    { start: 'normal' },
  ),
]
