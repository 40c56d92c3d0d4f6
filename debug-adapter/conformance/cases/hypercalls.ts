import { MSR } from '../../machine/cpu/msr.ts'
import { resetSvm } from '../../machine/hypervisor/paging.ts'
import { type Bench, FREE, hypercallNumber } from '../bench.ts'
import { type ConformanceCase, extra, row } from '../case.ts'

const normal = { start: 'normal' } as const
const H = {
  SUCCESS: 0n,
  PARAMETER: -4n,
  P2: -55n,
  P3: -56n,
  P5: -58n,
  RESOURCE: -16n,
  UNSUPPORTED: -67n,
  STATE: -75n,
} as const
/** KVM_PPC_SVM_OFF: EBUSY of the host's kernel. */
const EBUSY = -16n

/** A hypercall of the ultravisor on behalf of the SVM. @returns R3, signed */
function byUltravisor(b: Bench, name: string, ...args: readonly bigint[]): bigint {
  const results = b.hypervisor(
    b.machine.ultravisor.crossing.hypercall(hypercallNumber(name), args, MSR.SF | MSR.S | MSR.ME),
  )
  return results ? BigInt.asIntN(64, results[0]!) : 99n
}

/** The six hypercalls that PEF adds, as KVM and QEMU answer them (spec/ultravisor.md §3). */
export const hypercallCases: readonly ConformanceCase[] = [
  row(91, 'sizes of H_SVM_TPM_COMM', 'QEMU h_tpm_comm', (b) => {
    const { gpa } = b.machine.ultravisor.svms.get(1)!.reserved.get('TPM bounce')!
    const tpm = (op: bigint, request: bigint, response: bigint) =>
      byUltravisor(b, 'H_SVM_TPM_COMM', op, gpa, request, gpa, response)
    b.expect('in 4097', tpm(1n, 4097n, 4096n), H.P3)
    b.expect('out 100', tpm(1n, 10n, 100n), H.P5)
    b.expect('operation 3', tpm(3n, 10n, 4096n), H.PARAMETER)
    b.expect('close', tpm(2n, 0n, 0n), H.SUCCESS)
    b.expect('execute', tpm(1n, 10n, 4096n), H.SUCCESS)
    b.machine.hypervisor.behaviour = { tpmResponse: () => undefined }
    b.expect('no response', tpm(1n, 10n, 4096n), H.RESOURCE)
  }),
  row(
    92,
    'H_SVM_INIT_DONE before H_SVM_INIT_START, H_SVM_INIT_ABORT after H_SVM_INIT_DONE',
    'Linux book3s_hv_uvmem.c',
    (b) => {
      b.expect('ABORT before START', b.hcall('H_SVM_INIT_ABORT'), H.UNSUPPORTED)
      b.expect('DONE before START', b.hcall('H_SVM_INIT_DONE'), H.UNSUPPORTED)
      const { fdt } = b.machine.platform.guest!
      b.guest('UV_ESM', 0x40_0000n, fdt)
      b.expect('state', b.machine.vmState, 'secure')
      b.expect('ABORT after DONE', byUltravisor(b, 'H_SVM_INIT_ABORT'), H.STATE)
      b.expect('state', b.machine.vmState, 'secure')
    },
    normal,
  ),
  row(93, 'flags and order of H_SVM_PAGE_IN and H_SVM_PAGE_OUT', 'Linux kvmppc_h_svm_page_in', (b) => {
    b.expect('PAGE_IN, flags 2', b.hcall('H_SVM_PAGE_IN', FREE, 2n, 16n), H.P2)
    b.expect('PAGE_IN, order 12', b.hcall('H_SVM_PAGE_IN', FREE, 0n, 12n), H.P3)
    b.expect('PAGE_OUT, flags 1', b.hcall('H_SVM_PAGE_OUT', FREE, 1n, 16n), H.P2)
    b.expect('PAGE_OUT, order 12', b.hcall('H_SVM_PAGE_OUT', FREE, 0n, 12n), H.P3)
    b.expect('state', b.state(FREE), 'SECURE')
  }),
  row(94, 'H_SVM_PAGE_IN of a frame that is secure', 'Linux kvmppc_h_svm_page_in', (b) => {
    b.expect('not shared', b.hcall('H_SVM_PAGE_IN', FREE, 0n, 16n), H.PARAMETER)
    b.expect('outside memory', b.hcall('H_SVM_PAGE_IN', 1n << 40n, 0n, 16n), H.PARAMETER)
    b.expect('state', b.state(FREE), 'SECURE')
  }),
  row(
    95,
    'the hypercalls of PEF by a normal VM',
    'Linux kvmppc_pseries_do_hcall',
    (b) => {
      for (const name of ['H_SVM_INIT_START', 'H_SVM_INIT_DONE', 'H_SVM_INIT_ABORT', 'H_SVM_TPM_COMM'])
        b.expect(name, b.hcall(name), H.UNSUPPORTED)
      for (const name of ['H_SVM_PAGE_IN', 'H_SVM_PAGE_OUT'])
        b.expect(name, b.hcall(name, FREE, 0n, 16n), H.UNSUPPORTED)
      b.expect('state', b.machine.vmState, 'normal')
    },
    normal,
  ),
  extra('hcall-page-out', 'H_SVM_PAGE_OUT and H_SVM_PAGE_IN by the SVM', 'Linux kvmppc_h_svm_page_out', (b) => {
    b.write(FREE, Uint8Array.of(0x2a))
    b.expect('PAGE_OUT', b.hcall('H_SVM_PAGE_OUT', FREE, 0n, 16n), H.SUCCESS)
    b.expect('state', b.state(FREE), 'PAGEDOUT')
    b.expect('PAGE_OUT again', b.hcall('H_SVM_PAGE_OUT', FREE, 0n, 16n), H.SUCCESS)
    b.expect('PAGE_OUT outside memory', b.hcall('H_SVM_PAGE_OUT', 1n << 40n, 0n, 16n), H.PARAMETER)
    b.expect('PAGE_IN', b.hcall('H_SVM_PAGE_IN', FREE, 0n, 16n), H.SUCCESS)
    b.expect('state', b.state(FREE), 'SECURE')
    b.expect('content', b.read(FREE, 1), Uint8Array.of(0x2a))
  }),
  extra('hcall-init-again', 'H_SVM_INIT_START and H_SVM_INIT_DONE by an SVM', 'Linux kvmppc_h_svm_init_start', (b) => {
    b.expect('START', b.hcall('H_SVM_INIT_START'), H.PARAMETER)
    b.expect('DONE', b.hcall('H_SVM_INIT_DONE'), H.SUCCESS)
    b.expect('state', b.machine.vmState, 'secure')
    b.expect('frame', b.state(FREE), 'SECURE')
  }),
  row(105, 'reset of an SVM whose virtual processor runs', 'Linux kvmhv_svm_off', (b) => {
    const { hypervisor, ultravisor } = b.machine
    b.expect('KVM_PPC_SVM_OFF', b.hypervisor(resetSvm(hypervisor, hypervisor.vm!)), EBUSY)
    b.expect('SVMs', ultravisor.svms.size, 1)
    b.expect('the program still runs', b.run(['li r3,5']).gpr[3], 5n)
  }),
]
