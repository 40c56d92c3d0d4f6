import type { Bench } from '../bench.ts'
import { PAGE } from '../bench.ts'
import { type ConformanceCase, extra } from '../case.ts'
import { accepted, changeTree, esm, hypercalls } from '../esm-doings.ts'

const normal = { start: 'normal' } as const

/** Half a page right below the device tree, where the first reserved page would be, is somebody's already. @returns where it begins */
export function reserveHalfPage(b: Bench): bigint {
  const half = PAGE / 2n
  const address = (b.machine.platform.guest!.fdt & -PAGE) - half
  changeTree(b, (t) => t.reservations.push({ address, size: half }))
  return address
}

/** Reserved pages of the SVM that lie over the half page at `address`. */
export const pagesOver = (b: Bench, address: bigint): string[] =>
  [...b.machine.ultravisor.svms.get(1)!.reserved].flatMap(([purpose, { gpa, pages }]) =>
    gpa < address + PAGE / 2n && address < gpa + BigInt(pages) * PAGE ? [purpose] : [],
  )

/** What the released firmware does otherwise in UV_ESM, where spec/ultravisor.md §10 has no row for it. */
export const esmQuirkCases: readonly ConformanceCase[] = [
  extra(
    'esm-processors-Q30',
    'a boot processor that is none, noticed when it is too late',
    'find_boot_vcpu',
    (b) => {
      changeTree(b, (t) => void (t.bootCpu = 5))
      const seen = hypercalls(b)
      b.expect('the guest', esm(b).how, 'machine')
      b.expectTrue(`why: ${b.ended}`, b.ended?.includes('Q30') === true && b.ended.includes('processor 5 of 1'))
      b.expect('the last hypercall', seen.at(-1), 'H_SVM_INIT_DONE')
    },
    { ...normal, quirks: ['Q30'] },
  ),
  extra(
    'esm-clear-Q31',
    'bytes of paged-in pages that nobody asked for are handed over',
    'destroy_pagein_tracking',
    (b) => {
      const { end } = b.machine.platform.guest!.initrd!
      const behind = new Uint8Array(16).fill(0x55)
      b.write(end, behind)
      accepted(b)
      b.expect('behind the initrd', b.read(end, 16), behind)
    },
    { ...normal, quirks: ['Q31'] },
  ),
  extra(
    'esm-reserve-half',
    'reserved pages keep off a range that begins within a page',
    'svm_fdt_mem_rsv',
    (b) => {
      const address = reserveHalfPage(b)
      accepted(b)
      b.expect('pages over the range', pagesOver(b, address), [])
    },
    normal,
  ),
  extra(
    'esm-reserve-half-Q43',
    'a reserved page over a range that begins within a page',
    'svm_fdt_mem_rsv',
    (b) => {
      const address = reserveHalfPage(b)
      accepted(b)
      b.expect('pages over the range', pagesOver(b, address), ['keys and digests'])
    },
    { ...normal, quirks: ['Q43'] },
  ),
]
