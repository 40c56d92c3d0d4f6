import { locateOperand } from '../../../server/esm/cpio.ts'
import {
  type FdtNode,
  type FdtTree,
  findNode,
  parseFdt,
  setBytes,
  setU32,
  setU64,
  writeFdt,
} from '../../../server/esm/fdt.ts'
import { UV_OPAL_FIELDS } from '../../machine/firmware/hand-over.ts'
import { ULTRAVISOR, UV_OPAL } from '../../machine/firmware/memory-map.ts'
import { SECURE_RA_BIT } from '../../machine/memory/real-memory.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, FREE, KERNEL, LPID, PAGE, signed } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'
import { accepted, changeTree, esm, refused, withTree } from '../esm-doings.ts'
import { suiteImage } from '../image.ts'

const normal = { start: 'normal' } as const
const SHARED = 1n
const H_PARAMETER = -4n

type Edit = readonly [what: string, edit: (tree: FdtTree) => void, rule: string]

const rtas = (tree: FdtTree): FdtNode => findNode(tree, '/rtas')!
const chosen = (tree: FdtTree): FdtNode => findNode(tree, '/chosen')!
const memory = (tree: FdtTree): FdtNode => findNode(tree, '/memory@0')!

/** Each change of the device tree alone is the reason; without any of them the VM becomes secure. */
const edited =
  (why: string, edits: readonly Edit[]) =>
  (b: Bench): void => {
    for (const [what, edit, rule] of edits)
      withTree(b, edit, () => {
        refused(b, what, rule)
        b.expectTrue(`why: ${why}`, b.machine.esm?.reason.includes(why) === true)
      })
    accepted(b)
  }

/** The hypervisor answers H_SVM_PAGE_IN of these frames by a refusal. */
function refusing(b: Bench, which: (gpa: bigint, flags: bigint) => boolean): void {
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: it has nothing to ask
    *answer(_hv, _vm, { name, args }) {
      return name === 'H_SVM_PAGE_IN' && which(args[0]!, args[1]!) ? [H_PARAMETER] : undefined
    },
  }
}

/** The hypervisor registers other slots than it should: nothing from `start` to `end`. */
function withHole(b: Bench, start: bigint, end: bigint): void {
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: the calls run to their end by themselves
    *after(_hv, _vm, { name }) {
      if (name !== 'H_SVM_INIT_START') return
      b.expectCode('UV_UNREGISTER_MEM_SLOT', b.host('UV_UNREGISTER_MEM_SLOT', LPID, 0n), U.SUCCESS)
      for (const [id, from, to] of [
        [0n, 0n, start],
        [1n, end, 0x200_0000n],
      ] as const)
        b.expectCode('UV_REGISTER_MEM_SLOT', b.host('UV_REGISTER_MEM_SLOT', LPID, from, to - from, 0n, id), U.SUCCESS)
    },
  }
}

/** An operand with an encrypted key of so many bytes, in free memory, named by the device tree as a zImage does. */
function operandWithKeyOf(b: Bench, bytes: number): (tree: FdtTree) => void {
  const { operand } = locateOperand(suiteImage(b.machine.config.crypto).initrd, 0n)
  const tree = parseFdt(operand!.bytes)
  findNode(tree, '/lockboxes/lockbox-1')!.properties.set('encrypted-symkey', new Uint8Array(bytes).fill(1))
  const blob = writeFdt(tree)
  b.write(FREE, blob)
  return (guest) => {
    setU64(chosen(guest), 'linux,esm-blob-start', FREE)
    setU64(chosen(guest), 'linux,esm-blob-end', FREE + BigInt(blob.length))
  }
}

/** UV_ESM refused for one reason at a time (spec/ultravisor.md §4.2). */
export const esmRefusalCases: readonly ConformanceCase[] = [
  extra(
    'esm-ranges',
    'what the device tree names lies outside the VM',
    'svm_page_in_gpa_range',
    edited('outside the VM', [
      ['RTAS behind memory', (t) => setU32(rtas(t), 'linux,rtas-base', 0xf000_0000), 'UV-ESM-007'],
      ['RTAS up to behind memory', (t) => setU32(rtas(t), 'linux,rtas-base', 0x1ff_fff0), 'UV-ESM-007'],
      ['an initrd up to behind memory', (t) => setU64(chosen(t), 'linux,initrd-end', 1n << 40n), 'UV-ESM-007'],
      [
        'RTAS without a byte',
        (t) => ['rtas-size', 'slof,rtas-size'].map((name) => setU32(rtas(t), name, 0)),
        'UV-ESM-007',
      ],
    ]),
    normal,
  ),
  extra(
    'esm-hole',
    'an initrd across a hole between two slots',
    'svm_page_in_gpa_range',
    (b) => {
      withHole(b, 0x180_0000n, 0x181_0000n)
      const across = (t: FdtTree): void => setU64(chosen(t), 'linux,initrd-end', 0x190_0000n)
      withTree(b, across, () => refused(b, 'across', 'UV-ESM-007'))
      b.expectTrue('the hole is named', b.machine.esm?.reason.includes('gfn 0x180 in no memory slot') === true)
    },
    normal,
  ),
  extra(
    'esm-hole-reserved',
    'a hole where UV_ESM would reserve its pages',
    'svm_fdt_mem_rsv',
    (b) => {
      const tree = b.machine.platform.guest!.fdt & -PAGE
      withHole(b, 0x180_0000n, tree)
      refused(b, 'below the device tree', 'UV-ESM-011')
      b.expectTrue('the hole is named', b.machine.esm?.reason.includes('in no memory slot') === true)
    },
    normal,
  ),
  extra(
    'esm-rtas-area',
    'an RTAS area whose sizes do not fit, or that nobody describes',
    'svm_esm_rtas_gpa_get',
    edited('rtas-size', [
      ['more code than area', (t) => setU32(rtas(t), 'slof,rtas-size', 0x10_0001), 'ESM082'],
      ['an area above 1 MiB', (t) => setU32(rtas(t), 'rtas-size', 0x10_0001), 'ESM082'],
      ['no rtas-size', (t) => rtas(t).properties.delete('rtas-size'), 'ESM082'],
    ]),
    normal,
  ),
  extra(
    'esm-chosen',
    'what is missing in /chosen',
    'svm_esm_initrd_gpa_get',
    edited('', [
      ['no linux,initrd-end', (t) => chosen(t).properties.delete('linux,initrd-end'), 'ESM080'],
      ['no linux,initrd-start', (t) => chosen(t).properties.delete('linux,initrd-start'), 'ESM080'],
      ['an address of 5 bytes', (t) => setBytes(chosen(t), 'linux,initrd-start', new Uint8Array(5)), 'ESM080'],
      ['an end before the start', (t) => setU64(chosen(t), 'linux,initrd-end', 0n), 'ESM080'],
      ['no bootargs', (t) => chosen(t).properties.delete('bootargs'), 'ESM081'],
      ['empty bootargs', (t) => setBytes(chosen(t), 'bootargs', new Uint8Array(0)), 'ESM081'],
    ]),
    normal,
  ),
  extra(
    'esm-memory',
    'a real-mode area that cannot be read',
    'svm_fdt_get_rmo_top',
    edited('', [
      ['reg of 8 bytes', (t) => setBytes(memory(t), 'reg', new Uint8Array(8)), 'UV-ESM-010'],
      ['reg of 15 bytes', (t) => setBytes(memory(t), 'reg', new Uint8Array(15)), 'UV-ESM-010'],
    ]),
    normal,
  ),
  extra(
    'esm-room',
    'a real-mode area without room for the reserved pages',
    'svm_fdt_mem_rsv',
    edited('free pages for', [
      ['64 KiB', (t) => setU64(memory(t), 'reg', 0n, 0x1_0000n), 'UV-ESM-011'],
      ['reserved altogether', (t) => t.reservations.push({ address: 0n, size: 0x200_0000n }), 'UV-ESM-011'],
    ]),
    normal,
  ),
  extra(
    'esm-processors',
    'a boot processor that is none, and a capacity that cannot be read',
    'find_boot_vcpu',
    (b) => {
      withTree(
        b,
        (t) => void (t.bootCpu = 5),
        () => refused(b, 'boot processor 5', 'UV-ESM-016'),
      )
      const threads = (t: FdtTree): void => {
        setU32(rtas(t), 'ibm,lrdr-capacity', 0, 0, 0, 0, 1025)
        const cpu = t.root.children.find(({ name }) => name === 'cpus')!.children[0]!
        setU32(cpu, 'ibm,ppc-interrupt-server#s', 0, 1, 2, 3)
      }
      withTree(b, threads, () => refused(b, '1025 cores of 4 threads', 'UV-ESM-013'))
      changeTree(b, (t) => setBytes(rtas(t), 'ibm,lrdr-capacity', new Uint8Array(4)))
      accepted(b)
      b.expect('processors', b.machine.ultravisor.svms.get(1)!.vcpus, 1)
    },
    normal,
  ),
  extra(
    'esm-tree-room',
    'a device tree that fills its page: no room for the reservations',
    'svm_fdt_finalize',
    (b) => {
      const { fdt } = b.machine.platform.guest!
      const tree = parseFdt(b.read(fdt, 0x1_0000 - Number(fdt % PAGE)).slice())
      const pad = (bytes: number) => setBytes(tree.root, 'padding', new Uint8Array(bytes))
      pad(4)
      pad(Number(PAGE) - writeFdt(tree).length - 8)
      b.write(FREE, writeFdt(tree, { padTo: Number(PAGE) }))
      const { gpr } = esm(b, KERNEL, FREE)
      b.expectCode('a full page', signed(gpr[3]!), U.PARAMETER)
      b.expect('rules', b.machine.esm?.rules, ['UV-ESM-017'])
      pad(4)
      b.write(FREE, writeFdt(tree))
      b.expect('with room', esm(b, KERNEL, FREE).how, 'kernel')
    },
    normal,
  ),
  extra(
    'esm-share-refused',
    'the hypervisor does not share what the ultravisor needs',
    'page_share_with_hv',
    (b) => {
      refusing(b, (_, flags) => flags === SHARED)
      refused(b, 'nothing', 'UV-ESM-007')
      b.expectTrue('why', b.machine.esm?.reason.includes('RTAS arguments') === true)
      const base = b.machine.platform.guest!.rtasBase & -PAGE
      refusing(b, (gpa, flags) => flags === SHARED && gpa === base)
      refused(b, 'the RTAS area', 'UV-ESM-007')
      b.expectTrue('why', b.machine.esm?.reason.includes('does not share the RTAS area') === true)
      b.machine.hypervisor.behaviour = {}
      accepted(b)
    },
    normal,
  ),
  extra(
    'esm-warned-Q29',
    'a mismatch that is no finding, in the released configuration',
    'svm_esm_blob_chk',
    (b) => {
      changeTree(b, (t) => setU64(chosen(t), 'linux,initrd-end', 1n << 40n))
      accepted(b)
      b.expectTrue('rule UV-ESM-007', b.rules().includes('UV-ESM-007'))
    },
    { ...normal, quirks: ['Q29'] },
  ),
  extra(
    'esm-tpm-command',
    'an encrypted key that no TPM command has room for',
    'UV_TSS_Decrypt',
    (b) => {
      withTree(b, operandWithKeyOf(b, 5000), () => refused(b, '5000 bytes', 'ESM135'))
      b.expectTrue('why', b.machine.esm?.reason.includes('a command of') === true)
      accepted(b)
    },
    normal,
  ),
  extra(
    'esm-wrapping-key',
    'the store of the ultravisor holds no device tree, or one that is too long',
    'uv_crypto_wrap_key_init',
    (b) => {
      const { memory: view } = b.machine.ultravisor
      const store = SECURE_RA_BIT + BigInt(ULTRAVISOR.storeOffset)
      const handedOver = view.u64(BigInt(UV_OPAL.start + UV_OPAL_FIELDS.uvFdt))
      b.expect('what OPAL handed over', view.read(handedOver, 64), new Uint8Array(64))
      const before = view.read(store, 8).slice()
      for (const [what, at, word] of [
        ['no device tree', 0n, 0],
        ['too long', 4n, ULTRAVISOR.storeBytes + 1],
      ] as const) {
        const bytes = new Uint8Array(4)
        new DataView(bytes.buffer).setUint32(0, word)
        view.write(store + at, bytes)
        refused(b, what, 'ESM130')
        view.write(store, before)
      }
      accepted(b)
    },
    normal,
  ),
  extra(
    'esm-heap',
    'a heap without room for a page table',
    'pgd_alloc',
    (b) => {
      const { heap } = b.machine.ultravisor
      const taken = heap.freeBytes
      for (let bytes = 1n << 24n; bytes >= 0x100n; bytes >>= 1n) while (heap.allocate(bytes) !== undefined);
      b.expectTrue('bytes taken', taken > 0n)
      b.expectCode('UV_ESM', signed(esm(b).gpr[3]!), U.RETRY)
      b.expect('rule', b.rules(), ['UV-ESM-005'])
      b.expect('state', b.machine.vmState, 'normal')
      b.expect('SVMs', b.machine.ultravisor.svms.size, 0)
    },
    normal,
  ),
  extra(
    'esm-clear',
    'bytes of paged-in pages that nobody asked for are zero',
    'destroy_pagein_tracking, Q31',
    (b) => {
      // Behind the initrd, in its last page.
      const { initrd } = b.machine.platform.guest!
      const end = initrd!.end
      b.write(end, new Uint8Array(16).fill(0x55))
      b.write(KERNEL + 0x8000n, new Uint8Array(1))
      accepted(b)
      b.expect('behind the initrd', b.read(end, 16), new Uint8Array(16))
      b.expectTrue(
        'the initrd',
        b.read(initrd!.start, 16).some((byte) => byte !== 0),
      )
    },
    normal,
  ),
  extra(
    'esm-reserve-around',
    'reserved pages keep off what the device tree names',
    'svm_fdt_mem_rsv',
    (b) => {
      const { initrd, fdt } = b.machine.platform.guest!
      const bytes = b.read(initrd!.start, Number(initrd!.end - initrd!.start)).slice()
      // Right below the device tree, where the first reserved page would be.
      const start = (fdt & -PAGE) - PAGE
      b.write(start, bytes)
      changeTree(b, (t) => {
        setU64(chosen(t), 'linux,initrd-start', start)
        setU64(chosen(t), 'linux,initrd-end', start + BigInt(bytes.length))
      })
      accepted(b)
      const over = [...b.machine.ultravisor.svms.get(1)!.reserved].filter(
        ([, { gpa, pages }]) => gpa < start + BigInt(bytes.length) && start < gpa + BigInt(pages) * PAGE,
      )
      b.expect('pages over the initrd', over.length, 0)
      b.expect('the initrd', b.read(start, bytes.length), bytes)
    },
    normal,
  ),
  extra(
    'esm-tpm-response',
    'a response of the TPM that the buffer has no room for',
    'svm_tss_resp_set',
    (b) => {
      b.machine.hypervisor.behaviour = { tpmResponse: () => new Uint8Array(5000) }
      refused(b, '5000 bytes', 'ESM135')
      b.expectTrue('why', b.machine.esm?.reason.includes('a response of 5000 bytes') === true)
      b.machine.hypervisor.behaviour = {}
      accepted(b)
      const { reserved } = b.machine.ultravisor.svms.get(1)!
      b.expect(
        'the bounce page',
        b.machine.hypervisor.vm!.read(reserved.get('TPM bounce')!.gpa, 4096),
        new Uint8Array(4096),
      )
    },
    normal,
  ),
  extra(
    'esm-crash-Q29',
    'a crash of the ultravisor is no warning',
    'svm_tss_resp_set',
    (b) => {
      b.machine.hypervisor.behaviour = { tpmResponse: () => new Uint8Array(5000) }
      b.expect('the program', esm(b).how, 'machine')
      b.expectTrue(`the ultravisor stops: ${b.ended}`, b.ended?.includes('Q32') === true)
    },
    { ...normal, quirks: ['Q29', 'Q32'] },
  ),
  extra(
    'esm-unregister',
    'the hypervisor takes slots away, or the SVM, while UV_ESM runs',
    'free_memslot, destroy_svm',
    (b) => {
      const low = 0x20_0000n
      const seen: bigint[] = []
      withHole(b, low, low)
      const { hypervisor } = b.machine
      hypervisor.behaviour = {
        ...hypervisor.behaviour,
        // biome-ignore lint/correctness/useYield: the calls run to their end by themselves
        *before(_hv, _vm, { name }) {
          if (name === 'H_SVM_INIT_DONE') seen.push(b.host('UV_SVM_TERMINATE', LPID))
          if (name !== 'H_SVM_TPM_COMM' || seen.length > 0) return
          b.expectCode('a slot behind', b.host('UV_REGISTER_MEM_SLOT', LPID, 1n << 33n, low, 0n, 7n), U.SUCCESS)
          // Those that UV_ESM does not use may go: the lowest and the highest.
          for (const slot of [0n, 7n, 1n]) seen.push(b.host('UV_UNREGISTER_MEM_SLOT', LPID, slot))
        },
      }
      b.expect('the program', esm(b).how, 'machine')
      b.expect('UV_UNREGISTER_MEM_SLOT, then UV_SVM_TERMINATE', seen, [U.SUCCESS, U.SUCCESS, U.RETRY, U.SUCCESS])
      b.expect('rules', [...new Set(b.rules())], ['UV-SLOT-009', 'UV-RTN-005'])
      b.expect('SVMs', b.machine.ultravisor.svms.size, 0)
    },
    normal,
  ),
]
