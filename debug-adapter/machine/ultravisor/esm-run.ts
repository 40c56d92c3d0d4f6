import type { FdtTree } from '../../../server/esm/fdt.ts'
import { type Finding, isFatal } from '../../../server/esm/findings.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_BYTES, PAGE_SHIFT } from '../memory/real-memory.ts'
import { HCALL } from '../platform/hcall-table.ts'
import type { Refusal } from '../refusal.ts'
import { Procedure, type Steps } from '../steps.ts'
import { PageInBitmap } from './page-in-bitmap.ts'
import { uvRefusal } from './rules.ts'
import type { Svm } from './svm.ts'
import type { Ultravisor } from './ultravisor.ts'

/** UV_ESM cannot go on; thrown inside its steps and turned into the abort of the transition. */
export class EsmRefused extends Error {
  constructor(readonly refusal: Refusal) {
    super(`${refusal.rule}: ${refusal.found}`)
    this.name = 'EsmRefused'
  }
}

const PAGE = BigInt(PAGE_BYTES)

const FETCH = new Procedure('ultravisor', 'page in a range', 'spec/ultravisor.md §4.2', {
  pages: 'ask the hypervisor for the pages that are not in secure memory yet: H_SVM_PAGE_IN',
})

/** One UV_ESM in progress: what its steps hand to each other. */
export class EsmRun {
  /** The guest's device tree, once it is parsed. */
  tree: FdtTree | undefined
  treeBytes = 0
  top = 0n
  readonly findings: Finding[] = []
  /** Only where it has the limits of the released firmware's (Q47); else {@link Svm.pagedIn} says everything. */
  readonly bitmap: PageInBitmap | undefined

  constructor(
    readonly uv: Ultravisor,
    readonly svm: Svm,
    readonly frame: RegisterFile,
    readonly kbase: bigint,
    readonly fdt: bigint,
  ) {
    this.bitmap = uv.quirk('Q47') ? new PageInBitmap(uv) : undefined
  }

  /**
   * Brings the guest's bytes at `gpa` into secure memory, page by page, and remembers the range: only what was asked for
   * keeps its content.
   * @throws EsmRefused UV-ESM-007
   */
  *fetch(gpa: bigint, bytes: bigint, what: string): Steps<void> {
    yield* FETCH.frame({ gpa, bytes, what }, this.#fetch(gpa, bytes, what))
  }

  *#fetch(gpa: bigint, bytes: bigint, what: string): Steps<void> {
    const { svm, uv } = this
    const end = gpa + bytes
    const last = (end - 1n) >> PAGE_SHIFT
    if (bytes <= 0n || !svm.slotOf(last))
      throw new EsmRefused(uvRefusal('UV-ESM-007', `${what} at 0x${gpa.toString(16)}, ${bytes} bytes: outside the VM`))
    const missing: bigint[] = []
    for (let gfn = gpa >> PAGE_SHIFT; gfn <= last; gfn++) {
      if (!svm.slotOf(gfn))
        throw new EsmRefused(uvRefusal('UV-ESM-007', `${what}: gfn 0x${gfn.toString(16)} in no memory slot`))
      const known = svm.pagedIn.has(gfn) && !this.bitmap?.forgets(gfn)
      if (!known && !svm.isReserved(gfn) && svm.stateOf(gfn) === 'SECURE') missing.push(gfn)
    }
    if (missing.length > 0) yield FETCH.at('pages', { pages: missing.length })
    for (const gfn of missing) {
      const [code] = yield* uv.crossing.hypercall(HCALL.H_SVM_PAGE_IN, [gfn * PAGE, 0n, PAGE_SHIFT], this.frame.msr)
      const answer = BigInt.asIntN(64, code!)
      if (answer !== 0n || !svm.pagedIn.has(gfn))
        throw new EsmRefused(
          uvRefusal('UV-ESM-007', `H_SVM_PAGE_IN(0x${(gfn * PAGE).toString(16)}) = ${answer} for ${what}`),
        )
      this.bitmap?.note(gfn)
    }
    svm.requested.push({ start: gpa, end })
  }

  /** The guest's bytes at `gpa`, out of secure memory. The range must have been fetched. */
  read(gpa: bigint, bytes: number): Uint8Array {
    const out = new Uint8Array(bytes)
    this.#eachPage(gpa, bytes, (ra, at, size) => out.set(this.uv.memory.read(ra, size), at))
    return out
  }

  /** SHA-512 over guest bytes without holding them all at once. */
  sha512(gpa: bigint, bytes: number): Uint8Array {
    const hash = this.uv.parts.crypto.sha512Stream()
    this.#eachPage(gpa, bytes, (ra, _, size) => hash.update(this.uv.memory.read(ra, size)))
    return hash.digest()
  }

  write(gpa: bigint, bytes: Uint8Array): void {
    this.#eachPage(gpa, bytes.length, (ra, at, size) => {
      this.uv.memory.write(ra, bytes.subarray(at, at + size))
      this.uv.parts.cpu.codeWritten(ra, size)
    })
  }

  #eachPage(gpa: bigint, bytes: number, visit: (ra: bigint, at: number, size: number) => void): void {
    for (let at = 0; at < bytes; ) {
      const here = gpa + BigInt(at)
      const size = Math.min(bytes - at, PAGE_BYTES - Number(here % PAGE))
      visit(this.svm.securePage(here >> PAGE_SHIFT)! + (here % PAGE), at, size)
      at += size
    }
  }

  /**
   * Logs findings of the verifier; those that UV_ESM refuses become refusals.
   * @throws EsmRefused for the first fatal one, after all of them are logged
   */
  judge(findings: readonly Finding[]): void {
    const fatal = this.log(findings)
    if (fatal) throw new EsmRefused(fatal)
  }

  /** Logs findings. @returns the first that refuses UV_ESM */
  log(findings: readonly Finding[]): Refusal | undefined {
    let first: Refusal | undefined
    for (const finding of findings) {
      if (this.findings.some((seen) => seen.rule === finding.rule && seen.message === finding.message)) continue
      this.findings.push(finding)
      const { rule, severity, message } = finding
      if (!isFatal(finding)) {
        this.uv.parts.trace.add({ type: 'finding', rule, severity, message })
        continue
      }
      const refusal = {
        rule,
        expected: finding.expected,
        found: finding.found ?? message,
        source: 'spec/esm-operand.md §12',
      }
      this.uv.note(refusal)
      first ??= refusal
    }
    return first
  }
}
