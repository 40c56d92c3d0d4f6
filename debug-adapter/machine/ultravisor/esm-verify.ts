import { locateOperand } from '../../../server/esm/cpio.ts'
import { type Finding, finding, isFatal } from '../../../server/esm/findings.ts'
import { hexBytes } from '../../../server/esm/reader.ts'
import { listAttachments, readAttachment } from '../../../server/esm/verify/attachments.ts'
import { checkMasterKey, compareDigest, type DigestList, openDigests } from '../../../server/esm/verify/digests.ts'
import { inspectBootargs } from '../../../server/esm/verify/image.ts'
import { explainUnwrapFailure, inspectRecipients } from '../../../server/esm/verify/lockboxes.ts'
import { inspectOperand, type Operand } from '../../../server/esm/verify/operand.ts'
import { PAGE_BYTES, PAGE_SHIFT } from '../memory/real-memory.ts'
import { Procedure, type Steps, stepNumber } from '../steps.ts'
import { EsmRefused, type EsmRun } from './esm-run.ts'
import { cells, property } from './guest-tree.ts'
import { openLockbox } from './lockbox.ts'
import { U } from './return-codes.ts'
import { uvRefusal } from './rules.ts'
import { shareWithHypervisor } from './share.ts'
import { crash } from './ultravisor.ts'

const VERIFY = new Procedure('ultravisor', 'verify the operand', 'spec/ultravisor.md §4.2 and spec/esm-operand.md §5', {
  rtas: 'find the RTAS code, page it in and pseudo-share its area',
  initrd: 'find the initrd and page it in',
  bootargs: 'copy the boot arguments',
  locate: 'find the operand: by linux,esm-blob-start, else in the archive in front of the initrd',
  inspect: 'inspect the structure of the operand',
  files: 'copy the attached files to their page',
  lockbox: 'find lockbox-1 and have the TPM open it',
  digests: 'decrypt the list of digests (AES-256-GCM)',
  compareRtas: 'compare the digest of the RTAS code',
  compareKernel: 'page in the kernel and compare its digest',
  compareInitrd: 'compare the digest of the initrd',
  compareBootargs: 'compare the digest of the boot arguments',
  judge: 'count the mismatches',
})

/**
 * @param number of the step of UV_ESM that this is, for the log
 * @throws EsmRefused with the rule of what is wrong
 */
export function* verifyOperand(run: EsmRun, number: number): Steps<void> {
  yield* VERIFY.frame({}, verifySteps(run, number))
}

interface Range {
  start: bigint
  bytes: number
}

/** Makes steps of the verification, which stand in the log as parts of step `number` of UV_ESM. */
const partLog =
  (run: EsmRun, number: number) =>
  (key: keyof (typeof VERIFY)['steps'], values = {}) => {
    const step = VERIFY.at(key, values)
    run.uv.parts.trace.add({ type: 'esm-step', number, part: stepNumber(step), title: step.title })
    return step
  }

function* verifySteps(run: EsmRun, number: number): Steps<void> {
  const log = partLog(run, number)
  const { crypto } = run.uv.parts
  yield log('rtas')
  const rtas = yield* fetchRtas(run)
  yield log('initrd')
  const initrd = yield* fetchInitrd(run)
  yield log('bootargs')
  const bootargs = property(run.tree!, '/chosen', 'bootargs')
  if (!bootargs || bootargs.length === 0) return run.judge([finding('ESM081', { found: 'no /chosen/bootargs' })])
  const bootargsFindings = inspectBootargs(bootargs)

  yield log('locate')
  const blob = yield* locate(run, initrd)
  yield log('inspect', { bytes: blob.length })
  const { operand, findings } = inspectOperand(blob)
  // The real code meets a fault where it looks: the structure first, lockboxes and digests at their own steps.
  const stage = (from: number, to: number) => findings.filter((f) => ruleNumber(f) >= from && ruleNumber(f) < to)
  run.judge([...stage(0, 20), ...findings.filter((f) => ruleNumber(f) >= 20 && !isFatal(f))])
  if (!operand) return run.judge([finding('ESM009', { found: 'no operand that can be read' })])

  yield log('files', { bytes: operand.filesFdt?.length ?? 0 })
  run.judge(stage(60, 70))
  copyFiles(run, operand)

  yield log('lockbox')
  const lockbox = operand.lockbox1
  run.judge(stage(20, 40).filter((f) => f.rule !== 'ESM025'))
  const { key, tpmPublicKeyPem } = yield* openLockbox(run, lockbox!.encryptedSymkey!, (found, pem) =>
    explainUnwrapFailure(operand, { ...(pem && { tpmPublicKeyPem: pem }), crypto, found }),
  )
  // It opened: what its fingerprint says is of interest, not a reason to refuse.
  run.log(inspectRecipients(operand, tpmPublicKeyPem, crypto).map((f) => ({ ...f, severity: 'W' as const })))
  run.judge(checkMasterKey(key))
  // The released firmware finds a damaged attachment only when the guest reads it; telling it now costs nothing.
  for (const { name } of listAttachments(operand.filesFdt)) {
    const { findings: damaged } = readAttachment(operand.filesFdt!, name, key, crypto)
    run.log(damaged.map((f) => ({ ...f, severity: 'W' as const })))
  }

  yield log('digests', { bytes: operand.digestsFdt?.ciphertext?.length ?? 0 })
  run.judge(stage(40, 60))
  const opened = openDigests(operand, key, crypto)
  // A digest of a wrong length is compared all the same, so that every mismatch is told.
  if (opened.digests) run.log(opened.findings)
  else run.judge(opened.findings)
  yield* compareAll(run, log, opened.digests!, rtas, initrd, bootargs, bootargsFindings)
}

const ruleNumber = (f: Finding): number => Number(f.rule.slice(3))

function* compareAll(
  run: EsmRun,
  log: ReturnType<typeof partLog>,
  digests: DigestList,
  rtas: Range,
  initrd: Range,
  bootargs: Uint8Array,
  bootargsFindings: readonly Finding[],
): Steps<void> {
  const { crypto } = run.uv.parts
  const mismatches: Finding[] = []
  const judge = (what: 'rtas' | 'kernel' | 'initrd' | 'bootargs', found: Uint8Array, bytes: number): void => {
    const expected = digests[what]
    run.uv.parts.trace.add({ type: 'digest', what, expected: hexBytes(expected), found: hexBytes(found), bytes })
    const mismatch = compareDigest(what, expected, found)
    if (mismatch) mismatches.push(mismatch)
  }
  const rtasFound = run.sha512(rtas.start, rtas.bytes)
  yield log('compareRtas', { expected: digests.rtas, found: rtasFound, bytes: rtas.bytes })
  judge('rtas', rtasFound, rtas.bytes)
  // A kernel that does not fit into the VM is a mismatch, not a walk through memory that is not there.
  yield log('compareKernel', { kbase: run.kbase, bytes: digests.kernelSize })
  yield* run.fetch(run.kbase, BigInt(digests.kernelSize), 'kernel')
  judge('kernel', run.sha512(run.kbase, digests.kernelSize), digests.kernelSize)
  const initrdFound = run.sha512(initrd.start, initrd.bytes)
  yield log('compareInitrd', { expected: digests.initrd, found: initrdFound, bytes: initrd.bytes })
  judge('initrd', initrdFound, initrd.bytes)
  // The last byte is dropped unseen: it is meant to be the NUL (spec/esm-operand.md §4.1).
  const text = bootargs.subarray(0, bootargs.length - 1)
  const textFound = crypto.sha512(text)
  yield log('compareBootargs', { expected: digests.bootargs, found: textFound, bytes: text.length })
  judge('bootargs', textFound, text.length)
  yield log('judge', { mismatches: mismatches.length })
  const bootargsDiffer = mismatches.some((f) => f.rule === 'ESM057')
  // What looks odd in the boot arguments is a reason only where their digest does not match.
  run.log(bootargsFindings.filter((f) => !isFatal(f) || bootargsDiffer))
  run.judge(mismatches)
}

function* fetchRtas(run: EsmRun): Steps<Range> {
  const base = cells(property(run.tree!, '/rtas', 'linux,rtas-base'))
  const area = cells(property(run.tree!, '/rtas', 'rtas-size'))
  const code = cells(property(run.tree!, '/rtas', 'slof,rtas-size'))
  const missing = Object.entries({ 'linux,rtas-base': base, 'rtas-size': area, 'slof,rtas-size': code })
    .filter(([, value]) => value === undefined)
    .map(([name]) => name)
  if (missing.length > 0) run.judge([finding('ESM082', { found: `no ${missing.join(', ')} in /rtas` })])
  if (code! > area! || area! > 1n << 20n)
    run.judge([finding('ESM082', { found: `slof,rtas-size ${code} in an area of ${area} bytes` })])
  yield* run.fetch(base!, area!, 'RTAS')
  const first = base! >> PAGE_SHIFT
  const pages = ((base! + area! - 1n) >> PAGE_SHIFT) - first + 1n
  const shared = yield* shareWithHypervisor(run.uv, run.svm, first, pages, 'pseudo', run.frame.msr)
  if (shared !== U.SUCCESS)
    throw new EsmRefused(uvRefusal('UV-ESM-007', 'a hypervisor that does not share the RTAS area'))
  return { start: base!, bytes: Number(code) }
}

function* fetchInitrd(run: EsmRun): Steps<Range> {
  const start = cells(property(run.tree!, '/chosen', 'linux,initrd-start'))
  const end = cells(property(run.tree!, '/chosen', 'linux,initrd-end'))
  if (start === undefined || end === undefined || end <= start)
    run.judge([
      finding('ESM080', {
        found: start === undefined || end === undefined ? 'no linux,initrd-start and -end' : 'an empty initrd',
      }),
    ])
  yield* run.fetch(start!, end! - start!, 'initrd')
  return { start: start!, bytes: Number(end! - start!) }
}

/** Step 17: the operand's bytes; `initrd` shrinks to what is behind the archive. */
function* locate(run: EsmRun, initrd: Range): Steps<Uint8Array> {
  const start = cells(property(run.tree!, '/chosen', 'linux,esm-blob-start'))
  const end = cells(property(run.tree!, '/chosen', 'linux,esm-blob-end'))
  const bytes = run.read(initrd.start, initrd.bytes)
  const found = locateOperand(bytes, initrd.start)
  if (start !== undefined && end !== undefined && end > start) {
    run.log(
      [
        found.operand
          ? finding('ESM078', { found: 'an operand by property and one in the initrd' })
          : finding('ESM079', {}),
      ].map(
        // Both are told; the digest of the initrd decides.
        (f) => ({ ...f, severity: 'W' as const }),
      ),
    )
    yield* run.fetch(start, end - start, 'operand')
    return run.read(start, Number(end - start))
  }
  if (!found.operand) run.judge(found.findings)
  run.log(found.findings.map((f) => ({ ...f, severity: 'W' as const })))
  initrd.start += BigInt(found.archiveBytes)
  initrd.bytes -= found.archiveBytes
  return found.operand!.bytes
}

/** Copies the nested tree of attachments to its page; of one that is larger only the beginning fits (ESM061, Q49). */
function copyFiles(run: EsmRun, operand: Operand): void {
  const page = run.svm.securePage(run.svm.reserved.get('files')!.gpa >> PAGE_SHIFT)!
  if (!operand.filesFdt) return
  const { uv } = run
  const copied = uv.quirk('Q49') ? operand.filesFdt : operand.filesFdt.subarray(0, PAGE_BYTES)
  if (uv.parts.memory.offsetOf(page, copied.length) < 0) crash('Q49', `${copied.length} bytes of attached files`)
  uv.memory.write(page, copied)
  uv.parts.cpu.codeWritten(page, copied.length)
}
