import { writeFdt } from '../../../server/esm/fdt.ts'
import { finding } from '../../../server/esm/findings.ts'
import { MSR } from '../cpu/msr.ts'
import { SPR } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { RadixTable } from '../memory/radix-table.ts'
import { PAGE_BYTES, PAGE_SHIFT } from '../memory/real-memory.ts'
import { HCALL, hcallCodeName } from '../platform/hcall-table.ts'
import { type Refusal, refusalText } from '../refusal.ts'
import { Procedure, type Steps, stepNumber } from '../steps.ts'
import { EsmRefused, EsmRun } from './esm-run.ts'
import { verifyOperand } from './esm-verify.ts'
import { MAX_TREE_BYTES, maxVcpus, parseGuestTree, readRtasTokens, reservePages, rmoTop } from './guest-tree.ts'
import { eraseReserved } from './lockbox.ts'
import { U } from './return-codes.ts'
import { uvRefusal } from './rules.ts'
import { shareWithHypervisor } from './share.ts'
import { Svm } from './svm.ts'
import { pruneTree, refuseForeignDevices } from './tree-policy.ts'
import { crash, type Ultravisor } from './ultravisor.ts'

/** UV_ESM, step by step, in the order of the released firmware (spec/ultravisor.md §4.2). */
const ESM = new Procedure('ultravisor', 'UV_ESM', 'spec/ultravisor.md §4.2', {
  arguments: 'check the kernel base, the device tree address and the partition',
  create: 'create the SVM: state ACTIVE, an empty page table, no pages',
  start: 'H_SVM_INIT_START: the hypervisor registers the memory slots',
  tree: 'page in the device tree and check its header',
  parse: 'copy the device tree into a private workspace, without what no VM has',
  top: 'find the top of the real-mode area in /memory@0',
  reserveKeys: 'reserve pages for keys and digests, and for the attached files',
  rtas: 'look up the RTAS services and the number of processors',
  reserveRtas: 'reserve pages for RTAS and share them with the hypervisor',
  reserveTpm: 'reserve pages for the TPM and share the bounce page with the hypervisor',
  verify: 'verify RTAS, operand, kernel, initrd and boot arguments',
  bootCpu: 'check the boot processor',
  done: 'H_SVM_INIT_DONE: the hypervisor gives up all remaining pages',
  commit: 'point the partition table entry at the page table of the ultravisor, state SECURE',
  clear: 'zero the bytes of paged-in pages that nothing asked for',
  writeBack: 'write the device tree with its new reservations back into the guest',
  registers: 'set PC to the kernel base, MSR[S] to 1, R3 to the device tree, R4 to the kernel base, R5 to 0',
})

const ABORT = new Procedure('ultravisor', 'UV_ESM abort', 'spec/ultravisor.md §4.5', {
  erase: 'state ABORT; erase keys, digests and TPM responses; give the hypervisor the content of the RTAS area back',
  leave: 'H_SVM_INIT_ABORT: the hypervisor takes the pages back and returns to the guest',
})

/** Result register of an aborted UV_ESM: what KVM answers to H_SVM_INIT_ABORT (spec/ultravisor.md §3.3). */
const PAGE = BigInt(PAGE_BYTES)

export function* enterSecureMode(uv: Ultravisor, frame: RegisterFile): Steps<bigint | undefined> {
  const [kbase, fdt] = frame.gpr.slice(4, 6) as [bigint, bigint]
  return yield* ESM.frame({ kbase, fdt, lpid: uv.currentLpid }, esmSteps(uv, frame, kbase, fdt))
}

function* esmSteps(uv: Ultravisor, frame: RegisterFile, kbase: bigint, fdt: bigint): Steps<bigint | undefined> {
  yield walk(uv, 'arguments', { kbase, fdt, lpid: uv.currentLpid })
  if (kbase === 0n) return direct(uv, uvRefusal('UV-ESM-001', 'R4 = 0'), U.P2)
  if (fdt === 0n) return direct(uv, uvRefusal('UV-ESM-002', 'R5 = 0'), U.P3)
  const lpid = uv.currentLpid
  if (lpid === 0) return direct(uv, uvRefusal('UV-ESM-003', 'LPIDR = 0'), U.PERMISSION)
  if (uv.svms.get(lpid)?.state === 'SECURE' && !uv.quirk('Q50')) return U.SUCCESS
  if (uv.svms.has(lpid) || uv.stale.has(lpid))
    return direct(uv, uvRefusal('UV-ESM-004', `an SVM with lpid ${lpid}`), U.RETRY)

  yield walk(uv, 'create')
  let table: RadixTable
  try {
    table = new RadixTable(uv.memory, uv.heap)
  } catch (error) {
    if (uv.quirk('Q27')) uv.stale.add(lpid)
    return direct(uv, uvRefusal('UV-ESM-005', (error as Error).message), U.RETRY)
  }
  const svm = new Svm(lpid, table, uv.parts.memory)
  uv.svms.set(lpid, svm)
  const run = new EsmRun(uv, svm, frame, kbase, fdt)
  try {
    yield* transition(run)
  } catch (error) {
    if (!(error instanceof EsmRefused)) throw error
    yield* abortTransition(run, error.refusal)
    return undefined
  } finally {
    run.bitmap?.release()
  }
  uv.esm = { outcome: 'secure', returnCode: 0n, rules: rulesOf(run), reason: 'the VM is secure' }
  return undefined
}

/** A step of UV_ESM, which stands in the log as well, by its number in the listing. */
function walk(uv: Ultravisor, key: keyof (typeof ESM)['steps'], values = {}) {
  const step = ESM.at(key, values)
  uv.parts.trace.add({ type: 'esm-step', number: stepNumber(step), title: step.title })
  return step
}

/** What the first two steps refuse is answered directly: the VM stays what it was. */
function direct(uv: Ultravisor, refusal: Refusal, code: bigint): bigint {
  uv.note(refusal)
  uv.esm = { outcome: 'refused', returnCode: code, rules: [refusal.rule], reason: refusalText(refusal) }
  return code
}

function rulesOf(run: EsmRun, first?: string): string[] {
  const rank = 'EXWIH'
  const sorted = [...run.findings].sort((a, b) => rank.indexOf(a.severity) - rank.indexOf(b.severity))
  return [...new Set([...(first ? [first] : []), ...sorted.map((finding) => finding.rule)])]
}

function* transition(run: EsmRun): Steps<void> {
  const { uv, svm, frame } = run
  const { cpu } = uv.parts
  yield walk(uv, 'start')
  yield* mustSucceed(run, HCALL.H_SVM_INIT_START, 'UV-ESM-006')

  yield walk(uv, 'tree', { fdt: run.fdt })
  yield* fetchTree(run)
  yield walk(uv, 'parse', { bytes: run.treeBytes })
  run.tree = parseGuestTree(run.read(run.fdt, run.treeBytes))
  for (const name of pruneTree(run.tree)) uv.note(uvRefusal('UV-ESM-019', `/${name}`))
  refuseForeignDevices(run.tree)
  yield walk(uv, 'top')
  run.top = rmoTop(run.tree)
  yield walk(uv, 'reserveKeys', { top: run.top })
  reservePages(run, 'keys and digests', 1)
  reservePages(run, 'files', 1)
  yield walk(uv, 'rtas')
  readRtasTokens(run)
  const vcpus = maxVcpus(run.tree)
  svm.vcpus = vcpus
  yield walk(uv, 'reserveRtas', { vcpus })
  yield* reserveShared(run, 'RTAS arguments', 1)
  yield* reserveShared(run, 'RTAS bounce buffers', 4)
  yield* reserveShared(run, 'RTAS stop-self', 1)
  yield walk(uv, 'reserveTpm')
  yield* reserveShared(run, 'TPM bounce', 1)
  reservePages(run, 'TPM response', 1)

  const verify = walk(uv, 'verify')
  yield verify
  yield* verified(run, stepNumber(verify))

  yield walk(uv, 'bootCpu', { bootCpu: run.tree.bootCpu, vcpus })
  // Checked before INIT_DONE, while the transition can still be aborted (Q30).
  const nobody = run.tree.bootCpu >= vcpus ? `processor ${run.tree.bootCpu} of ${vcpus}` : undefined
  if (nobody && !uv.quirk('Q30')) throw new EsmRefused(uvRefusal('UV-ESM-016', nobody))
  const tree = writeFdt(run.tree)
  const room = ((BigInt(run.treeBytes) + (run.fdt % PAGE) + PAGE - 1n) & -PAGE) - (run.fdt % PAGE)
  if (BigInt(tree.length) > room)
    throw new EsmRefused(uvRefusal('UV-ESM-017', `${tree.length} bytes where ${room} are free`))
  yield walk(uv, 'done')
  yield* mustSucceed(run, HCALL.H_SVM_INIT_DONE, 'UV-ESM-015')
  if (nobody) crash('Q30', `a boot processor that is none: ${nobody}`)

  yield walk(uv, 'commit')
  const pate = uv.pateAddress(svm.lpid)
  svm.hypervisorTable = uv.memory.u64(pate)
  uv.memory.setU64(pate, svm.table.pateDoubleword0)
  svm.state = 'SECURE'
  cpu.flushTranslations()
  uv.parts.trace.add({ type: 'vm-state', lpid: svm.lpid, from: 'transient', to: 'secure' })

  yield walk(uv, 'clear')
  if (!uv.quirk('Q31')) clearUnrequested(run)
  yield walk(uv, 'writeBack', { bytes: tree.length })
  run.write(run.fdt, tree)

  yield walk(uv, 'registers', { nia: run.kbase })
  frame.nia = run.kbase
  frame.msr = (frame.msr | MSR.S) & ~(MSR.HV | MSR.EE)
  frame.gpr[3] = run.fdt
  frame.gpr[4] = run.kbase
  frame.gpr[5] = 0n
  cpu.load(frame)
  cpu.setSpr(SPR.USRR0, frame.nia)
}

/** The operand is in order; with Q29 it need not be: the released configuration warns, and takes in all memory as it is. */
function* verified(run: EsmRun, step: number): Steps<void> {
  try {
    yield* verifyOperand(run, step)
  } catch (error) {
    if (!(error instanceof EsmRefused) || !run.uv.quirk('Q29')) throw error
    if (!run.findings.some((finding) => finding.rule === error.refusal.rule)) run.uv.note(error.refusal)
    // No reason of a refusal, but why there is none.
    const { rule, severity, message } = finding('ESM137', { found: 'one that goes on (quirk Q29)' })
    run.uv.parts.trace.add({ type: 'finding', rule, severity, message })
    for (const { start, bytes } of run.svm.slots.values()) yield* run.fetch(start, bytes, 'all memory')
  }
}

function* mustSucceed(run: EsmRun, number: number, rule: 'UV-ESM-006' | 'UV-ESM-015'): Steps<void> {
  const [r3] = yield* run.uv.crossing.hypercall(number, [], run.frame.msr)
  const code = BigInt.asIntN(64, r3!)
  if (code !== 0n) throw new EsmRefused(uvRefusal(rule, hcallCodeName(code)))
}

/** Pages in the first page of the tree, checks the header, then pages in the rest (steps 7 and 8). */
function* fetchTree(run: EsmRun): Steps<void> {
  const firstPage = PAGE - (run.fdt % PAGE)
  yield* run.fetch(run.fdt, firstPage < 40n ? 40n : firstPage, 'device tree')
  run.svm.requested.pop()
  const header = new DataView(run.read(run.fdt, 8).buffer)
  const magic = header.getUint32(0)
  if (magic !== 0xd00dfeed)
    throw new EsmRefused(uvRefusal('UV-ESM-008', `0x${magic.toString(16)} at gpa 0x${run.fdt.toString(16)}`))
  run.treeBytes = header.getUint32(4)
  if (run.treeBytes > MAX_TREE_BYTES) throw new EsmRefused(uvRefusal('UV-ESM-009', `${run.treeBytes} bytes`))
  yield* run.fetch(run.fdt, BigInt(Math.max(run.treeBytes, 40)), 'device tree')
}

function* reserveShared(run: EsmRun, purpose: string, pages: number): Steps<void> {
  const gpa = reservePages(run, purpose, pages)
  const code = yield* shareWithHypervisor(run.uv, run.svm, gpa >> PAGE_SHIFT, BigInt(pages), 'implicit', run.frame.msr)
  if (code !== U.SUCCESS)
    throw new EsmRefused(uvRefusal('UV-ESM-007', `a hypervisor that does not share the pages for: ${purpose}`))
}

/** Only what UV_ESM asked for enters the SVM; everything else of those pages would be the hypervisor's choice (Q31). */
function clearUnrequested(run: EsmRun): void {
  const { svm, uv } = run
  const ranges = [...svm.requested].sort((a, b) => (a.start < b.start ? -1 : 1))
  for (const gfn of svm.pagedIn) {
    let at = gfn * PAGE
    const end = at + PAGE
    const page = svm.securePage(gfn)!
    const zero = (from: bigint, to: bigint) => {
      if (to > from) uv.clear(page + (from - gfn * PAGE), Number(to - from))
    }
    for (const range of ranges) {
      if (range.end <= at || range.start >= end) continue
      zero(at, range.start)
      at = range.end < end ? range.end : end
    }
    zero(at, end)
  }
}

/**
 * The RTAS area was shared with zeros while the guest kept its content in secure memory: as a normal VM it needs it again. The
 * hypervisor had all of it before (spec/ultravisor.md §4.5, Q33).
 */
function restorePseudoShared(uv: Ultravisor, svm: Svm): void {
  if (uv.quirk('Q33')) return
  for (const [gfn, { state, hvPage }] of svm.frames) {
    if (state !== 'PSEUDO_SHARED' || hvPage === undefined || !svm.pagedIn.has(gfn)) continue
    uv.memory.write(hvPage, uv.memory.read(svm.securePage(gfn)!, PAGE_BYTES))
    uv.parts.cpu.codeWritten(hvPage, PAGE_BYTES)
  }
}

/** The way back: the VM goes on as a normal VM with −4 in R3, and nothing of the operand's secrets is left behind. */
function* abortTransition(run: EsmRun, refusal: Refusal): Steps<void> {
  const { uv, svm, frame } = run
  if (!run.findings.some((finding) => finding.rule === refusal.rule)) uv.note(refusal)
  const steps = function* (): Steps<void> {
    const { cpu } = uv.parts
    yield ABORT.at('erase')
    svm.state = 'ABORT'
    eraseReserved(uv, svm)
    restorePseudoShared(uv, svm)
    yield ABORT.at('leave')
    // No cookie: the frame is the guest's own, and the hypervisor returns to it by rfid (spec/ultravisor.md §4.5).
    const shown = { ...frame, gpr: [...frame.gpr], spr: new Map(frame.spr) }
    shown.gpr[3] = BigInt(HCALL.H_SVM_INIT_ABORT)
    shown.spr.set(SPR.SRR0, frame.nia)
    shown.spr.set(SPR.SRR1, frame.msr | 0x10_0000n)
    shown.msr = MSR.SF | MSR.HV | MSR.ME
    shown.nia = 0xc00n
    for (const number of [SPR.HSPRG0, SPR.HSPRG1, SPR.LPCR, SPR.LPIDR, SPR.PTCR]) shown.spr.set(number, cpu.spr(number))
    cpu.load(shown)
    yield* uv.parts.hypervisor(0xc00)
  }
  yield* ABORT.frame({ rule: refusal.rule }, steps())
  const returnCode = BigInt.asIntN(64, uv.parts.cpu.gpr(3))
  uv.esm = { outcome: 'refused', returnCode, rules: rulesOf(run, refusal.rule), reason: refusalText(refusal) }
}
