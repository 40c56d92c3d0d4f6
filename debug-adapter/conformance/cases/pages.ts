import { findNode, setU64 } from '../../../server/esm/fdt.ts'
import { SECURE_RA_BIT } from '../../machine/memory/real-memory.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { type Bench, FREE, LPID, PAGE } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'
import { changeTree } from '../esm-doings.ts'

const pageIn = (b: Bench, ra: bigint, gpa = FREE, lpid = LPID): bigint => b.host('UV_PAGE_IN', lpid, ra, gpa, 0n, 16n)
const pageOut = (b: Bench, ra: bigint, gpa = FREE, lpid = LPID): bigint => b.host('UV_PAGE_OUT', lpid, ra, gpa, 0n, 16n)
const inval = (b: Bench, gpa = FREE): bigint => b.host('UV_PAGE_INVAL', LPID, gpa, 16n)
const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const SECRET = text('a secret of the SVM')
const shareFree = (b: Bench): void =>
  b.expectCode('UV_SHARE_PAGE', b.guest('UV_SHARE_PAGE', FREE >> 16n, 1n), U.SUCCESS)
/** Where a page of the operand lies that UV_ESM pages in. */
const KERNEL = 0x40_0000n

/** Does something while UV_ESM runs: at the hypercall that says that it is done. */
export function duringEsm(b: Bench, work: (b: Bench) => void): void {
  let done = false
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: the work runs to its end by itself
    *before(_hv, _vm, call) {
      if (call.name !== 'H_SVM_INIT_DONE' || done) return
      done = true
      work(b)
    },
  }
  b.guest('UV_ESM', KERNEL, b.machine.platform.guest!.fdt)
  b.expect('H_SVM_INIT_DONE was seen', done, true)
}

const normal = { start: 'normal' } as const

/** Paging (spec/ultravisor.md §2.4, §5.4, §5.5). */
export const pageCases: readonly ConformanceCase[] = [
  row(28, 'UV_PAGE_IN with order 12', 'handle_page_in', (b) => {
    for (const order of [0n, 12n, 17n, 21n])
      b.expectCode(`order ${order}`, b.host('UV_PAGE_IN', LPID, b.hostPage(0), FREE, 0n, order), U.P5)
    b.expectCode('UV_PAGE_OUT', b.host('UV_PAGE_OUT', LPID, b.hostPage(0), FREE, 0n, 12n), U.P5)
    b.expect('rules', [...new Set(b.rules())], ['UV-PAGE-001'])
  }),
  row(29, 'UV_PAGE_IN of a page that the hypervisor does not have', 'svm_valid_hv_address', (b) => {
    for (const ra of [0n, SECURE_RA_BIT, SECURE_RA_BIT | b.hostPage(0), 0xffff_0000n, b.hostPage(0) + 0x1000n]) {
      b.expectCode(`in 0x${ra.toString(16)}`, pageIn(b, ra), U.P2)
      b.expectCode(`out 0x${ra.toString(16)}`, pageOut(b, ra), U.P2)
    }
    b.expect('rules', [...new Set(b.rules())], ['UV-PAGE-002'])
  }),
  row(30, 'UV_PAGE_IN without an SVM', 'handle_page_in', (b) => {
    b.expectCode('lpid 7', pageIn(b, b.hostPage(0), FREE, 7n), U.PARAMETER)
    b.expectCode('lpid 2^32 + 1', pageIn(b, b.hostPage(0), FREE, (1n << 32n) + 1n), U.PARAMETER)
  }),
  row(
    31,
    'UV_PAGE_IN while UV_ESM is aborted',
    'handle_page_in',
    (b) => {
      duringAbort(b, () => b.expectCode('UV_PAGE_IN', pageIn(b, b.hostPage(0)), U.STATE))
    },
    normal,
  ),
  row(32, 'UV_PAGE_IN outside the slots', 'handle_page_in', (b) => {
    for (const gpa of [1n << 40n, 32n << 20n, (1n << 64n) - PAGE])
      for (const call of [pageIn, pageOut]) b.expectCode(`gpa 0x${gpa.toString(16)}`, call(b, b.hostPage(0), gpa), U.P3)
  }),
  row(
    33,
    'UV_PAGE_IN while UV_ESM runs, and again',
    '__handle_page_in',
    (b) => {
      duringEsm(b, () => {
        b.hostWrite(b.hostPage(0), SECRET)
        b.expectCode('first', pageIn(b, b.hostPage(0)), U.SUCCESS)
        b.expectCode('again', pageIn(b, b.hostPage(0)), U.P2)
        b.expectCode('the kernel, which is verified', pageIn(b, b.hostPage(0), KERNEL), U.P2)
      })
      b.expect('what nobody asked for', b.read(FREE, SECRET.length), new Uint8Array(SECRET.length))
    },
    normal,
  ),
  row(34, 'UV_PAGE_IN of a secure frame', 'handle_page_in', (b) => {
    b.write(FREE, SECRET)
    b.hostWrite(b.hostPage(0), text('replaced by the hypervisor'))
    b.expectCode('UV_PAGE_IN', pageIn(b, b.hostPage(0)), U.P2)
    b.expect('content', b.read(FREE, SECRET.length), SECRET)
  }),
  row(35, 'UV_PAGE_OUT and UV_PAGE_IN', 'spec/ultravisor.md §5.5', (b) => {
    b.write(FREE, SECRET)
    b.expectCode('out', pageOut(b, b.hostPage(0)), U.SUCCESS)
    b.expect('state', b.state(FREE), 'PAGEDOUT')
    const ciphertext = b.hostRead(b.hostPage(0))
    b.expectTrue(
      'the page of the hypervisor is no plaintext',
      !includes(ciphertext, SECRET) && ciphertext.some((byte) => byte !== 0),
    )
    b.expectCode('in', pageIn(b, b.hostPage(0)), U.SUCCESS)
    b.expect('state', b.state(FREE), 'SECURE')
    b.expect('content', b.read(FREE, SECRET.length), SECRET)
  }),
  row(36, 'one bit of the ciphertext flipped', 'page_decrypt', (b) => {
    b.write(FREE, SECRET)
    pageOut(b, b.hostPage(0))
    const ciphertext = b.hostRead(b.hostPage(0))
    for (const bit of [0, 1, 0x7_ffff]) {
      b.hostWrite(
        b.hostPage(0),
        ciphertext.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte)),
      )
      b.expectCode(`bit ${bit}`, pageIn(b, b.hostPage(0)), U.P3)
      b.expect('state', b.state(FREE), 'PAGEDOUT')
    }
    b.hostWrite(b.hostPage(0), ciphertext)
    b.expectCode('as it was', pageIn(b, b.hostPage(0)), U.SUCCESS)
    b.expect('content', b.read(FREE, SECRET.length), SECRET)
  }),
  row(37, 'ciphertext of before, replayed', '__handle_page_in', (b) => {
    b.write(FREE, SECRET)
    pageOut(b, b.hostPage(0))
    pageIn(b, b.hostPage(0))
    b.write(FREE, text('version 2'))
    pageOut(b, b.hostPage(1))
    b.expectCode('version 1', pageIn(b, b.hostPage(0)), U.P3)
    b.expectCode('version 2', pageIn(b, b.hostPage(1)), U.SUCCESS)
    b.expect('content', b.read(FREE, 9), text('version 2'))
  }),
  row(38, 'two pages swapped', '__handle_page_in', (b) => {
    const other = FREE + PAGE
    b.write(FREE, text('a'))
    b.write(other, text('b'))
    pageOut(b, b.hostPage(0))
    pageOut(b, b.hostPage(1), other)
    b.expectCode('b for a', pageIn(b, b.hostPage(1)), U.P3)
    b.expectCode('a for b', pageIn(b, b.hostPage(0), other), U.P3)
    b.expectCode('a', pageIn(b, b.hostPage(0)), U.SUCCESS)
    b.expectCode('b', pageIn(b, b.hostPage(1), other), U.SUCCESS)
    b.expect('rules', [...new Set(b.rules())], ['UV-PAGE-007'])
  }),
  row(39, 'two page-outs of the same content', 'get_next_iv', (b) => {
    const svm = b.machine.ultravisor.svms.get(1)!
    pageOut(b, b.hostPage(0))
    const first = b.hostRead(b.hostPage(0))
    const iv = svm.frames.get(FREE >> 16n)!.sealed!.iv
    pageIn(b, b.hostPage(0))
    pageOut(b, b.hostPage(1))
    const next = svm.frames.get(FREE >> 16n)!.sealed!.iv
    b.expectTrue('ciphertexts differ', !includes(b.hostRead(b.hostPage(1)), first))
    b.expect('IV: 12 bytes', [iv.length, next.length], [12, 12])
    b.expect('the first 4 stay', next.slice(0, 4), iv.slice(0, 4))
    const counter = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(4)
    b.expect('the counter goes up by 1', counter(next), counter(iv) + 1n)
    b.expect('tag: 16 bytes', svm.frames.get(FREE >> 16n)!.sealed!.tag.length, 16)
    b.expect('key: 16 bytes', svm.pagingKey!.length, 16)
  }),
  row(
    40,
    'ciphertext of one SVM for another',
    'svm_get_encrypt_key',
    (b) => {
      const { crypto } = b.machine.config
      const [one, two] = [1, 2].map((lpid) => b.machine.ultravisor.svms.get(lpid))
      b.expect('two SVMs', [one !== undefined, two !== undefined], [true, true])
      b.expectCode('1 out', pageOut(b, b.hostPage(0), FREE, 1n), U.SUCCESS)
      b.expectCode('2 out', pageOut(b, b.hostPage(1), FREE, 2n), U.SUCCESS)
      b.expectCode('that of 1 into 2', pageIn(b, b.hostPage(0), FREE, 2n), U.P3)
      b.expectCode('that of 2 into 1', pageIn(b, b.hostPage(1), FREE, 1n), U.P3)
      const sealed = two!.frames.get(FREE >> 16n)!.sealed!
      const opened = crypto.aesGcmDecrypt(one!.pagingKey!, sealed.iv, b.hostRead(b.hostPage(1)), sealed.tag)
      b.expect('the key of 1 opens what left 2', opened, undefined)
      b.expectCode('2 in', pageIn(b, b.hostPage(1), FREE, 2n), U.SUCCESS)
    },
    { config: { virtualMachines: 2, secureMemoryBytes: 128 << 20 } },
  ),
  row(41, 'UV_PAGE_OUT of a shared frame', 'handle_page_out', (b) => {
    shareFree(b)
    b.hostWrite(b.hostPage(0), text('untouched'))
    b.expectCode('UV_PAGE_OUT', pageOut(b, b.hostPage(0)), U.SUCCESS)
    b.expect('the page named', b.hostRead(b.hostPage(0), 9), text('untouched'))
    b.expect('state', b.state(FREE), 'SHARED')
  }),
  real(41, 'Q50', 'UV_PAGE_OUT of a shared frame', 'handle_page_out', (b) => {
    shareFree(b)
    b.expectCode('UV_PAGE_OUT', pageOut(b, b.hostPage(0)), U.PARAMETER)
  }),
  row(42, 'UV_PAGE_OUT twice', 'handle_page_out', (b) => {
    b.expectCode('first', pageOut(b, b.hostPage(0)), U.SUCCESS)
    b.expectCode('again', pageOut(b, b.hostPage(1)), U.PARAMETER)
    b.expectCode('and back', pageIn(b, b.hostPage(0)), U.SUCCESS)
  }),
  row(43, 'UV_PAGE_OUT between unshare and its end', 'handle_page_out', (b) => {
    b.guest('UV_SHARE_PAGE', FREE >> 16n, 2n)
    let seen: bigint | undefined
    b.machine.hypervisor.behaviour = {
      // The first frame waits as HV_UNSHARED while the hypervisor is asked for the second.
      // biome-ignore lint/correctness/useYield: the call runs to its end by itself
      *before(_hv, _vm, call) {
        if (call.name === 'H_SVM_PAGE_IN' && call.args[0] === FREE + PAGE) seen = pageOut(b, b.hostPage(0))
      },
    }
    b.expectCode('UV_UNSHARE_PAGE', b.guest('UV_UNSHARE_PAGE', FREE >> 16n, 2n), U.SUCCESS)
    b.expectCode('UV_PAGE_OUT', seen ?? 99n, U.RETRY)
  }),
  row(
    44,
    'UV_PAGE_OUT while UV_ESM is aborted',
    '__handle_page_out',
    (b) => {
      const { kernelBase } = b.machine.platform.guest!
      const before = b.read(kernelBase, 64)
      duringAbort(b, () => {
        b.expectCode('the kernel', pageOut(b, b.hostPage(0), kernelBase), U.SUCCESS)
        b.expect('its content', b.hostRead(b.hostPage(0), 64), before)
        const keys = BigInt(b.machine.ultravisor.svms.get(1)!.reserved.get('keys and digests')!.gpa)
        b.hostWrite(b.hostPage(1), text('old'))
        b.expectCode('the page of keys', pageOut(b, b.hostPage(1), keys), U.SUCCESS)
        b.expect(
          'zeros',
          b.hostRead(b.hostPage(1)).every((byte) => byte === 0),
          true,
        )
      })
    },
    normal,
  ),
  real(
    44,
    'Q33',
    'UV_PAGE_OUT while UV_ESM is aborted',
    '__handle_page_out',
    (b) => {
      duringAbort(b, () => {
        b.hostWrite(b.hostPage(0), text('untouched'))
        b.expectCode('the kernel', pageOut(b, b.hostPage(0), KERNEL), U.SUCCESS)
        b.expect('the page named', b.hostRead(b.hostPage(0), 9), text('untouched'))
      })
    },
    normal,
  ),
  row(
    45,
    'UV_PAGE_OUT of a shared frame while UV_ESM is aborted',
    '__handle_page_out',
    (b) => {
      duringAbort(b, () => {
        const gpa = b.machine.ultravisor.svms.get(1)!.reserved.get('TPM bounce')!.gpa
        b.expect('state', b.state(gpa), 'SHARED_IMPLICIT')
        b.expectCode('UV_PAGE_OUT', pageOut(b, b.hostPage(0), gpa), U.PARAMETER)
      })
    },
    { ...normal, config: { quirks: ['Q50'] } },
  ),
  row(46, 'UV_PAGE_INVAL with order 21', 'handle_page_inval', (b) => {
    b.expectCode('order 21', b.host('UV_PAGE_INVAL', LPID, FREE, 21n), U.P3)
  }),
  row(47, 'UV_PAGE_INVAL of a secure and of a paged-out frame', 'handle_page_inval', (b) => {
    b.expectCode('SECURE', inval(b), U.P2)
    pageOut(b, b.hostPage(0))
    b.expectCode('PAGEDOUT', inval(b), U.P2)
    b.expectCode('it is still there', pageIn(b, b.hostPage(0)), U.SUCCESS)
  }),
  row(48, 'UV_PAGE_INVAL of a shared frame, twice', 'handle_page_inval', (b) => {
    shareFree(b)
    b.expectCode('first', inval(b), U.SUCCESS)
    b.expect('state', b.state(FREE), 'SHARED_INV')
    b.expectCode('again', inval(b), U.SUCCESS)
    b.expect('state', b.state(FREE), 'SHARED_INV')
  }),
  row(49, 'the SVM reads a shared frame whose page was withdrawn', 'svm_e00_handle', (b) => {
    shareFree(b)
    b.write(FREE, Uint8Array.of(0x2a))
    const { vm } = b.machine.hypervisor
    const page = vm!.pageOf(FREE)!
    b.expectCode('UV_PAGE_INVAL', inval(b), U.SUCCESS)
    const read = b.run(['lis r4,256', 'lbz r3,0(r4)'])
    b.expect('read', [read.how, read.gpr[3]], ['end', 0x2an])
    b.expect('state', b.state(FREE), 'SHARED')
    b.expect('the same page', b.machine.guestRealAddress(FREE), page)
    const out = b.machine.trace.of('reflection').find((r) => r.vector === 0xe00 && r.direction === 'out')
    b.expect('ASDR of the hypervisor', out?.registers?.find((r) => r.name === 'ASDR')?.hypervisor, FREE)
  }),
  row(50, 'UV_PAGE_INVAL outside the slots', 'handle_page_inval', (b) => {
    b.expectCode('gpa 2^40', inval(b, 1n << 40n), U.P2)
    b.expect('rule', b.rules(), ['UV-PAGE-005'])
  }),
  extra(
    'inval-abort',
    'UV_PAGE_INVAL while UV_ESM is aborted',
    'handle_page_inval',
    (b) => {
      duringAbort(b, () => b.expectCode('UV_PAGE_INVAL', inval(b), U.STATE))
    },
    normal,
  ),
  extra(
    'page-out-esm',
    'UV_PAGE_OUT while UV_ESM runs',
    'spec/ultravisor.md §2.4, Q16',
    (b) => {
      duringEsm(b, () => {
        b.expectCode('a frame that UV_ESM works on', pageOut(b, b.hostPage(0), KERNEL), U.RETRY)
        b.expectCode('another', pageOut(b, b.hostPage(0)), U.SUCCESS)
        b.expectCode('and back', pageIn(b, b.hostPage(0)), U.SUCCESS)
      })
      b.expect('content', b.read(FREE, 8), new Uint8Array(8))
    },
    normal,
  ),
  extra(
    'page-out-esm-Q16',
    'a page that leaves while UV_ESM runs and comes back',
    '__handle_page_in',
    (b) => {
      duringEsm(b, () => {
        b.expectCode('out', pageOut(b, b.hostPage(0)), U.SUCCESS)
        b.expectCode('in', pageIn(b, b.hostPage(0)), U.SUCCESS)
        b.expect(
          'content is ciphertext',
          b.machine.ultravisor.memory.read(b.machine.ultravisor.svms.get(1)!.securePage(FREE >> 16n)!, 32),
          b.hostRead(b.hostPage(0), 32),
        )
      })
    },
    { ...normal, quirks: ['Q16'] },
  ),
  extra('page-in-flags', 'flags of UV_PAGE_IN and UV_PAGE_OUT', 'handle_page_in, Q14', (b) => {
    b.expectCode('in', b.host('UV_PAGE_IN', LPID, b.hostPage(0), FREE, 1n, 16n), U.P4)
    b.expectCode('out', b.host('UV_PAGE_OUT', LPID, b.hostPage(0), FREE, 1n, 16n), U.P4)
    b.expect('rules', b.rules(), ['UV-PAGE-008', 'UV-PAGE-008'])
  }),
  extra(
    'page-in-flags-Q14',
    'flags of UV_PAGE_OUT',
    'handle_page_in',
    (b) => {
      b.expectCode('out', b.host('UV_PAGE_OUT', LPID, b.hostPage(0), FREE, 1n, 16n), U.SUCCESS)
    },
    { quirks: ['Q14'] },
  ),
  extra(
    'page-in-reserved',
    'pages that UV_ESM keeps for itself, filled by the hypervisor before and after it knows them',
    'svm_fdt_mem_rsv',
    (b) => {
      const JUNK = new Uint8Array(Number(PAGE)).fill(0x55)
      const svm = () => b.machine.ultravisor.svms.get(1)!
      // Where the reserved pages will be is no secret: below the device tree, which lies on top.
      const tree = b.machine.platform.guest!.fdt & -PAGE
      const likely = Array.from({ length: 10 }, (_, i) => tree - BigInt(i + 1) * PAGE)
      const seen: bigint[] = []
      b.hostWrite(b.hostPage(0), JUNK)
      b.machine.hypervisor.behaviour = {
        // biome-ignore lint/correctness/useYield: the calls run to their end by themselves
        *after(_hv, _vm, { name }) {
          if (name === 'H_SVM_INIT_START') for (const gpa of likely) seen.push(pageIn(b, b.hostPage(0), gpa))
          if (name !== 'H_SVM_INIT_DONE') return
          for (const purpose of ['keys and digests', 'files', 'TPM response'])
            b.expectCode(purpose, pageIn(b, b.hostPage(0), svm().reserved.get(purpose)!.gpa), U.P2)
        },
      }
      b.guest('UV_ESM', KERNEL, b.machine.platform.guest!.fdt)
      b.expect('before', [...new Set(seen)], [U.SUCCESS])
      b.expect(`state: ${b.machine.esm?.reason}`, b.machine.vmState, 'secure')
      for (const purpose of ['keys and digests', 'files', 'TPM response']) {
        const page = svm().securePage(svm().reserved.get(purpose)!.gpa >> 16n)!
        b.expect(
          `${purpose}: junk at the end`,
          b.machine.ultravisor.memory.read(page + PAGE - 16n, 16),
          new Uint8Array(16),
        )
      }
      const files = svm().securePage(svm().reserved.get('files')!.gpa >> 16n)!
      b.expect('the attached files', b.machine.ultravisor.memory.u32(files), 0xd00dfeed)
    },
    normal,
  ),
  extra(
    'rtas-lost-Q33',
    'a UV_ESM that was refused loses the RTAS area',
    '__handle_page_out',
    (b) => {
      b.machine.hypervisor.behaviour = {
        // biome-ignore lint/correctness/useYield: it has nothing to ask
        *answer(_hv, _vm, { name }) {
          return name === 'H_SVM_INIT_DONE' ? [-75n] : undefined
        },
      }
      b.guest('UV_ESM', KERNEL, b.machine.platform.guest!.fdt)
      b.expect('state', b.machine.vmState, 'normal')
      b.expect('RTAS', b.read(b.machine.platform.guest!.rtasBase, 8), new Uint8Array(8))
    },
    { ...normal, quirks: ['Q33'] },
  ),
  extra(
    'bitmap-Q47',
    'the bitmap of paged-in frames is given back',
    'destroy_pagein_tracking',
    (b) => {
      const { pages } = b.machine.ultravisor
      const free = pages.freeBytes
      b.machine.hypervisor.secureGuestsEnabled = false
      b.expectCode('refused', b.guest('UV_ESM', KERNEL, b.machine.platform.guest!.fdt), U.PARAMETER)
      b.expect('secure memory is free again', pages.freeBytes, free)
      b.machine.hypervisor.secureGuestsEnabled = true
      b.guest('UV_ESM', KERNEL, b.machine.platform.guest!.fdt)
      b.expect('state', b.machine.vmState, 'secure')
      const bitmaps = [...b.machine.memory.owned()].filter(({ use }) => use.startsWith('bitmap'))
      b.expect('bitmaps left', bitmaps.length, 0)
      const next = pages.allocate(0x20_0000n)!
      b.expectTrue(
        'the memory of the bitmap is zero',
        b.machine.ultravisor.memory.read(next, 0x20_0000).every((byte) => byte === 0),
      )
    },
    { ...normal, quirks: ['Q47'] },
  ),
  extra(
    'bitmap-none-Q47',
    'no secure memory for the bitmap of paged-in frames',
    'init_pagein_tracking',
    (b) => {
      while (b.machine.ultravisor.takePage() !== undefined);
      b.expectCode('UV_ESM', b.guest('UV_ESM', KERNEL, b.machine.platform.guest!.fdt), U.PARAMETER)
      b.expect('rules', b.rules(), ['UV-SLOT-007', 'UV-ESM-006'])
    },
    { ...normal, quirks: ['Q47'] },
  ),
  extra(
    'bitmap-beyond-Q47',
    'a frame far behind the bitmap of paged-in frames',
    'set_page_paged_in',
    (b) => {
      const far = 1n << 46n
      changeTree(b, (tree) => {
        const chosen = findNode(tree, '/chosen')!
        setU64(chosen, 'linux,esm-blob-start', far)
        setU64(chosen, 'linux,esm-blob-end', far + PAGE)
      })
      b.machine.hypervisor.behaviour = {
        // biome-ignore lint/correctness/useYield: the calls run to their end by themselves
        *answer(_hv, _vm, { name, args }) {
          if (name !== 'H_SVM_PAGE_IN' || args[0] !== far) return undefined
          return [pageIn(b, b.hostPage(0), far)]
        },
        // biome-ignore lint/correctness/useYield: the calls run to their end by themselves
        *after(_hv, _vm, { name }) {
          if (name === 'H_SVM_INIT_START')
            b.expectCode('slot', b.host('UV_REGISTER_MEM_SLOT', LPID, far, PAGE, 0n, 5n), U.SUCCESS)
        },
      }
      b.guest('UV_ESM', KERNEL, b.machine.platform.guest!.fdt)
      b.expectTrue(`the ultravisor stops: ${b.ended}`, b.ended?.includes('Q47') === true)
    },
    { ...normal, quirks: ['Q47'] },
  ),
]

function includes(haystack: Uint8Array, needle: Uint8Array): boolean {
  for (let at = 0; at + needle.length <= haystack.length; at++) {
    let i = 0
    while (i < needle.length && haystack[at + i] === needle[i]) i++
    if (i === needle.length) return true
  }
  return false
}

/** Does something while a UV_ESM that was refused is taken back: at H_SVM_INIT_ABORT. */
export function duringAbort(b: Bench, work: () => void): void {
  let aborted = false
  b.machine.hypervisor.behaviour = {
    // biome-ignore lint/correctness/useYield: the work runs to its end by itself
    *before(_hv, _vm, call) {
      if (call.name !== 'H_SVM_INIT_ABORT') return
      aborted = true
      work()
    },
    // biome-ignore lint/correctness/useYield: it has nothing to ask
    *answer(_hv, _vm, call) {
      return call.name === 'H_SVM_INIT_DONE' ? [-75n] : undefined
    },
  }
  b.expectCode('UV_ESM', b.guest('UV_ESM', KERNEL, b.machine.platform.guest!.fdt), U.PARAMETER)
  b.expect('H_SVM_INIT_ABORT was seen', aborted, true)
}
