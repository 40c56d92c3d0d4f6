import { MSR, SRR1_SC_LEVEL } from '../../machine/cpu/msr.ts'
import { SPR } from '../../machine/cpu/spr.ts'
import { enterUltravisor } from '../../machine/ultravisor/exceptions.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, FREE, hypercallNumber, LPID, load, signed, ultracallNumber } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'

const normal = { start: 'normal' } as const
const SC_LEVEL_2 = 2n << SRR1_SC_LEVEL.shift
const GFN = FREE >> 16n
/** A partition without a VM. */
const NOBODY = 7n
const NO_CHIP = 7n
const WRITABLE_SCOM = 0x6_c081n
const H_PRIVILEGE = -3n

/** Every ultracall with arguments, and the code that the hypervisor gets for them where no VM is secure. */
const calls: readonly (readonly [name: string, args: readonly bigint[], hypervisor: bigint])[] = [
  ['UV_WRITE_PATE', [NOBODY, 0n, 0n], U.SUCCESS],
  ['UV_RESTRICTED_SPR_WRITE', [BigInt(SPR.LPCR), 0n], U.PARAMETER],
  ['UV_RESTRICTED_SPR_READ', [BigInt(SPR.LPCR)], U.PARAMETER],
  ['UV_ESM', [0n, FREE], U.PERMISSION],
  ['UV_READ_SCOM', [NO_CHIP, WRITABLE_SCOM], U.PARAMETER],
  ['UV_WRITE_SCOM', [NO_CHIP, WRITABLE_SCOM, 0n], U.PARAMETER],
  ['UV_RETURN', [], U.PARAMETER],
  ['UV_REGISTER_MEM_SLOT', [NOBODY, 0n, 0x20_0000n, 0n, 0n], U.PARAMETER],
  ['UV_UNREGISTER_MEM_SLOT', [NOBODY, 0n], U.PARAMETER],
  ['UV_PAGE_IN', [NOBODY, 0x3c0_0000n, FREE, 0n, 16n], U.PARAMETER],
  ['UV_PAGE_OUT', [NOBODY, 0x3c0_0000n, FREE, 0n, 16n], U.PARAMETER],
  ['UV_SHARE_PAGE', [GFN, 1n], U.PERMISSION],
  ['UV_UNSHARE_PAGE', [GFN, 1n], U.PERMISSION],
  ['UV_PAGE_INVAL', [NOBODY, FREE, 16n], U.PARAMETER],
  ['UV_SVM_TERMINATE', [NOBODY], U.PARAMETER],
  ['UV_UNSHARE_ALL_PAGES', [], U.PERMISSION],
  ['UV_READ_MEM', [0n, 0n, 0n, 8n], U.PARAMETER],
  ['UV_WRITE_MEM', [0n, 0n, 0n, 8n], U.PARAMETER],
  ['UV_ESMB_GET_FILE', [0n], U.PERMISSION],
  ['UV_SEND_SBE_COMMAND', [NO_CHIP, 0n, 0n], U.PARAMETER],
]

/** Every call by the guest: U_PERMISSION, but for those that `allowed` gives another code. */
function byGuest(b: Bench, allowed: Readonly<Record<string, bigint>>): void {
  const { vmState } = b.machine
  for (const [name, args] of calls) b.expectCode(name, b.guest(name, ...args), allowed[name] ?? U.PERMISSION)
  b.expect('state', b.machine.vmState, vmState)
}

/** A program of the guest that makes each of the six hypercalls. */
const hypercalls = ['INIT_START', 'INIT_DONE', 'PAGE_IN', 'PAGE_OUT', 'TPM_COMM', 'INIT_ABORT'].map((n) => `H_SVM_${n}`)

/** Every caller of every call (spec/ultravisor.md §2.2, §2.3). */
export const callerCases: readonly ConformanceCase[] = [
  extra(
    'caller-nvm-kernel',
    'all ultracalls by the kernel of a normal VM',
    'syscall_ultracall',
    (b) => byGuest(b, { UV_ESM: U.P2 }),
    normal,
  ),
  extra(
    'caller-nvm-user',
    'all ultracalls by a user of a normal VM',
    'syscall_ultracall',
    (b) => {
      b.enterProblemState()
      byGuest(b, {})
    },
    normal,
  ),
  extra('caller-svm-kernel', 'all ultracalls by the kernel of an SVM', 'syscall_ultracall', (b) =>
    byGuest(b, {
      UV_ESM: U.P2,
      UV_SHARE_PAGE: U.SUCCESS,
      UV_UNSHARE_PAGE: U.SUCCESS,
      UV_UNSHARE_ALL_PAGES: U.SUCCESS,
      UV_ESMB_GET_FILE: U.PARAMETER,
    }),
  ),
  extra('caller-svm-user', 'all ultracalls by a user of an SVM', 'syscall_ultracall', (b) => {
    b.enterProblemState()
    byGuest(b, { UV_ESMB_GET_FILE: U.PARAMETER })
  }),
  extra(
    'caller-hypervisor',
    'all ultracalls by the hypervisor',
    'syscall_ultracall',
    (b) => {
      for (const [name, args, code] of calls) b.expectCode(name, b.host(name, ...args), code)
    },
    normal,
  ),
  extra(
    'caller-host-user',
    'all ultracalls by a user of the host',
    'syscall_ultracall',
    (b) => {
      for (const [name, args] of calls)
        b.expectCode(name, b.hostRegisters(MSR.PR, ultracallNumber(name), args)[0]!, U.PERMISSION)
    },
    normal,
  ),
  extra(
    'caller-transaction',
    'all ultracalls by a hypervisor with an active transaction',
    'check_regs_on_hv_exit',
    (b) => {
      for (const [name, args] of calls.filter(([name]) => name !== 'UV_RETURN'))
        for (const state of [MSR.TS_S, MSR.TS_T])
          b.expectCode(name, b.hostRegisters(state, ultracallNumber(name), args)[0]!, U.BAD_MODE)
      b.expect('SVMs', b.machine.ultravisor.svms.has(Number(LPID)), true)
    },
  ),
  extra('caller-ultravisor', 'an ultracall by the ultravisor itself', 'exception_entry', (b) => {
    const { cpu, ultravisor } = b.machine
    cpu.setGpr(3, BigInt(ultracallNumber('UV_SVM_TERMINATE')))
    cpu.setGpr(4, LPID)
    cpu.setSpr(SPR.SRR0, cpu.nia)
    cpu.setSpr(SPR.SRR1, MSR.SF | MSR.S | MSR.HV | SC_LEVEL_2)
    b.steps(enterUltravisor(ultravisor, 0xc00))
    b.expectTrue(`the machine stops: ${b.ended}`, b.ended?.includes('out of the ultravisor itself') === true)
    b.expect('SVMs', ultravisor.svms.size, 1)
  }),
  extra('hcall-svm-user', 'the hypercalls of PEF by a user of an SVM', 'spec/ultravisor.md §1.7', (b) => {
    b.enterProblemState()
    for (const name of hypercalls) b.expect(name, b.hcall(name, FREE, 0n, 16n), H_PRIVILEGE)
    b.expect('rules', [...new Set(b.rules())], ['UV-HCALL-002'])
  }),
  extra(
    'hcall-nvm-user',
    'the hypercalls of PEF by a user of a normal VM',
    'Linux kvmppc_handle_exit_hv',
    (b) => {
      b.enterProblemState()
      const msr = b.machine.cpu.msr
      for (const name of hypercalls) {
        b.machine.cpu.msr = msr
        const { vector } = b.run([...load(3, BigInt(hypercallNumber(name))), 'sc 1'])
        b.expect(`${name}: vector`, vector, 0x700)
        b.expect(`${name}: SRR1, privileged instruction`, b.spr(SPR.SRR1) & 0x783f_0000n, 0x4_0000n)
      }
    },
    normal,
  ),
  extra(
    'hcall-svm-kernel-abort',
    'H_SVM_INIT_ABORT and H_SVM_TPM_COMM by the kernel of an SVM',
    'get_n_hcall_regs',
    (b) => {
      for (const name of ['H_SVM_INIT_ABORT', 'H_SVM_TPM_COMM'])
        b.expect(name, signed(b.call(1, hypercallNumber(name), [1n, FREE, 16n, FREE, 4096n])[0]!), -2n)
      b.expect('state', b.machine.vmState, 'secure')
    },
  ),
]
