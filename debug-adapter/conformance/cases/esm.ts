import { type FdtTree, findNode, setBytes, setU32, setU64 } from '../../../server/esm/fdt.ts'
import { MSR, SRR1_SC_LEVEL } from '../../machine/cpu/msr.ts'
import { SPR } from '../../machine/cpu/spr.ts'
import { enterUltravisor } from '../../machine/ultravisor/exceptions.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { FREE, KERNEL, signed } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'
import { accepted, changeTree, esm, hypercalls, refused, withTree } from '../esm-doings.ts'

const normal = { start: 'normal' } as const
/** SRR1: the level of an `sc 2`. */
const SC_LEVEL_2 = 2n << SRR1_SC_LEVEL.shift

const text = (value: string): Uint8Array => new TextEncoder().encode(value)

/** UV_ESM (spec/ultravisor.md §2.5, §4). */
export const esmCases: readonly ConformanceCase[] = [
  row(
    81,
    'arguments of UV_ESM',
    'syscall_ultracall_esm_svm',
    (b) => {
      const { fdt } = b.machine.platform.guest!
      const { cpu, ultravisor } = b.machine
      b.expectCode('R4 = 0', signed(esm(b, 0n).gpr[3]!), U.P2)
      b.expectCode('R5 = 0', signed(esm(b, KERNEL, 0n).gpr[3]!), U.P3)
      b.expectCode('both 0', signed(esm(b, 0n, 0n).gpr[3]!), U.P2)
      b.expect('rules', b.rules(), ['UV-ESM-001', 'UV-ESM-002', 'UV-ESM-001'])
      const saved = cpu.save()
      for (const [register, value] of [0xf110n, KERNEL, fdt].entries()) cpu.setGpr(3 + register, value)
      cpu.setSpr(SPR.LPIDR, 0n)
      cpu.setSpr(SPR.SRR0, cpu.nia)
      cpu.setSpr(SPR.SRR1, MSR.SF | MSR.ME | SC_LEVEL_2)
      b.steps(enterUltravisor(ultravisor, 0xc00))
      b.expectCode('LPIDR = 0', signed(cpu.gpr(3)), U.PERMISSION)
      b.expect('rule', b.rules().at(-1), 'UV-ESM-003')
      cpu.load(saved)
      b.enterProblemState()
      b.expectCode('PR = 1', signed(esm(b).gpr[3]!), U.PERMISSION)
      b.expect('SVMs', ultravisor.svms.size, 0)
    },
    normal,
  ),
  row(82, 'UV_ESM by an SVM: it is what it wants to be', 'Linux, ultravisor.rst', (b) => {
    b.expectCode('UV_ESM', b.guest('UV_ESM', KERNEL, FREE), U.SUCCESS)
    b.expect('state', b.machine.vmState, 'secure')
  }),
  real(82, 'Q50', 'UV_ESM by an SVM', 'create_svm', (b) => {
    b.expectCode('UV_ESM', b.guest('UV_ESM', KERNEL, FREE), U.RETRY)
    b.expect('state', b.machine.vmState, 'secure')
  }),
  row(
    83,
    'secure guests are not enabled for this VM',
    'spec/ultravisor.md §3.3',
    (b) => {
      const seen = hypercalls(b)
      b.machine.hypervisor.secureGuestsEnabled = false
      refused(b, 'UV_ESM', 'UV-ESM-006')
      b.expect('hypercalls', seen, ['H_SVM_INIT_START', 'H_SVM_INIT_ABORT'])
      b.machine.hypervisor.secureGuestsEnabled = true
      accepted(b)
    },
    normal,
  ),
  row(
    84,
    'a device tree of 1.5 MiB, without /memory@0, or with another base',
    'svm_fdt_fetch, svm_fdt_get_rmo_top',
    (b) => {
      const { fdt } = b.machine.platform.guest!
      const size = b.read(fdt + 4n, 4).slice()
      b.write(fdt + 4n, Uint8Array.of(0, 0x18, 0, 0))
      refused(b, '1.5 MiB', 'UV-ESM-009')
      b.write(fdt + 4n, size)
      const memory = (tree: FdtTree) => findNode(tree, '/memory@0')!
      withTree(
        b,
        (tree) => tree.root.children.splice(tree.root.children.indexOf(memory(tree)), 1),
        () => refused(b, 'no /memory@0', 'UV-ESM-010'),
      )
      withTree(
        b,
        (tree) => setU64(memory(tree), 'reg', 0x1_0000n, 0x200_0000n),
        () => refused(b, 'base 0x10000', 'UV-ESM-010'),
      )
      b.write(fdt, Uint8Array.of(0))
      refused(b, 'no device tree', 'UV-ESM-008')
      b.expectTrue('why', b.machine.esm?.reason.includes('found 0xdfeed at') === true)
      b.write(fdt, Uint8Array.of(0xd0))
      accepted(b)
    },
    normal,
  ),
  row(
    85,
    'nvram-store is missing, then ibm,nmi-register',
    'svm_rtas_token_lookup',
    (b) => {
      const without = (name: string) => (tree: FdtTree) => findNode(tree, '/rtas')!.properties.delete(name)
      withTree(b, without('nvram-store'), () => refused(b, 'no nvram-store', 'UV-ESM-012'))
      changeTree(b, without('ibm,nmi-register'))
      accepted(b)
    },
    normal,
  ),
  row(
    86,
    '4097 virtual processors',
    'svm_rtas_fdt_upd_hdlr',
    (b) => {
      withTree(
        b,
        (tree) => setU32(findNode(tree, '/rtas')!, 'ibm,lrdr-capacity', 0, 0, 0, 0, 4097),
        () => refused(b, '4097 cores', 'UV-ESM-013'),
      )
      accepted(b)
    },
    normal,
  ),
  row(
    87,
    'a byte of the kernel changed',
    'svm_esm_blob_chk',
    (b) => {
      b.write(KERNEL + 0x8000n, Uint8Array.of(1))
      refused(b, 'changed', 'ESM054')
      b.write(KERNEL + 0x8000n, Uint8Array.of(0))
      accepted(b)
    },
    normal,
  ),
  real(
    87,
    'Q29',
    'a byte of the kernel changed',
    'svm_esm_blob_chk',
    (b) => {
      b.write(KERNEL + 0x8000n, Uint8Array.of(1))
      accepted(b)
      b.expect('the byte is still changed', b.read(KERNEL + 0x8000n, 1), Uint8Array.of(1))
    },
    normal,
  ),
  row(
    88,
    'boot arguments that differ by the trailing NUL alone, and by more',
    'svm_esmb_digest_chk',
    (b) => {
      const set = (value: string) => (tree: FdtTree) => setBytes(findNode(tree, '/chosen')!, 'bootargs', text(value))
      withTree(b, set('svm=on init=/bin/sh\0'), () => refused(b, 'more', 'ESM057'))
      withTree(b, set('svm=o\0'), () => refused(b, 'less', 'ESM057'))
      accepted(b)
    },
    normal,
  ),
  row(
    89,
    'an operand for the TPM of another machine',
    'svm_esmb_symkey_get',
    (b) => refused(b, 'another machine', 'ESM022'),
    { ...normal, config: { seed: 3 } },
  ),
  extra(
    'T089-name',
    'the wrapping key has another Name than OPAL measured',
    'UV_TSS_ReadPublic (row 89)',
    (b) => refused(b, 'another Name', 'ESM132'),
    {
      ...normal,
      config: {
        interventions: {
          wrappingKeyProperties: (properties) => {
            const name = properties.get('wrapping-key-publicname')
            if (!name) throw new Error(`no wrapping-key-publicname among ${[...properties.keys()].join(', ')}`)
            properties.set(
              'wrapping-key-publicname',
              name.map((byte, i) => (i === name.length - 1 ? byte ^ 1 : byte)),
            )
          },
        },
      },
    },
  ),
  row(
    90,
    'QEMU without a TPM proxy',
    'svm_tss_to_errno',
    (b) => {
      refused(b, 'H_FUNCTION', 'ESM135')
      b.expectTrue('why', b.machine.esm?.reason.includes('H_FUNCTION') === true)
    },
    {
      ...normal,
      config: { interventions: { tpmCommReturns: -2n } },
    },
  ),
]
