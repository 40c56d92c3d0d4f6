import { readAttachment } from '../../../server/esm/verify/attachments.ts'
import { SPR } from '../cpu/spr.ts'
import type { RegisterFile } from '../cpu/types.ts'
import { PAGE_BYTES } from '../memory/real-memory.ts'
import { Procedure, type Steps } from '../steps.ts'
import { masterKeyOf } from './lockbox.ts'
import { U } from './return-codes.ts'
import type { Svm } from './svm.ts'
import { crash, type Ultravisor } from './ultravisor.ts'

const GET_FILE = new Procedure('ultravisor', 'UV_ESMB_GET_FILE', 'spec/ultravisor.md §2.5', {
  check: 'check the reader and the offset: a file is read once, forward, by one process',
  decrypt: 'find the file in the attachments of the operand and decrypt it (AES-256-GCM)',
  result: 'put up to 64 bytes into R4 to R11, their number into R3',
})

const CHUNK = 64
const MAX_OFFSET = 0x1_0000n

export function* getFile(uv: Ultravisor, frame: RegisterFile): Steps<bigint> {
  const name = unpackName(frame)
  const offset = frame.gpr[4]!
  return yield* GET_FILE.frame({ name, offset }, getFileSteps(uv, frame, name, offset))
}

function* getFileSteps(uv: Ultravisor, frame: RegisterFile, name: string, offset: bigint): Steps<bigint> {
  const svm = uv.currentSvm
  if (!svm) return uv.refuse('UV-FILE-001', `lpid ${uv.currentLpid}, which has no SVM`, U.PARAMETER)
  const process = frame.spr.get(SPR.PIDR) ?? 0n
  const reader = svm.files.get(name) ?? { owner: process, last: 0n }
  yield GET_FILE.at('check', { process, owner: reader.owner, last: reader.last })
  if (reader.owner !== process || offset < reader.last)
    return uv.refuse('UV-FILE-002', `process ${process} at offset ${offset}`, U.PARAMETER)
  if (offset >= MAX_OFFSET && uv.quirk('Q25')) crash('Q25', `UV_ESMB_GET_FILE at offset ${offset}`)
  if (offset >= MAX_OFFSET) return uv.refuse('UV-FILE-003', offset.toString(), U.PARAMETER)

  yield GET_FILE.at('decrypt')
  const opened = readAttachment(attachments(uv, svm), name, masterKeyOf(uv, svm), uv.parts.crypto)
  if (!opened.bytes)
    return uv.refuse('UV-FILE-004', `"${name}": ${opened.findings[0]?.message ?? 'not attached'}`, U.PARAMETER)
  const data = opened.bytes.subarray(Number(offset), Number(offset) + CHUNK)
  yield GET_FILE.at('result', { bytes: data.length })
  svm.files.set(name, { owner: process, last: offset + BigInt(data.length) })
  const packed = new Uint8Array(CHUNK)
  packed.set(data)
  const view = new DataView(packed.buffer)
  for (let i = 0; i < 8; i++) frame.gpr[4 + i] = view.getBigUint64(i * 8)
  return BigInt(data.length)
}

/** The nested device tree of attachments, from the page that UV_ESM copied it to. */
function attachments(uv: Ultravisor, svm: Svm): Uint8Array {
  const page = svm.reserved.get('files')!
  const ra = svm.securePage(page.gpa >> 16n)
  // The hypervisor may remove the slot that it lies in.
  if (ra === undefined) return new Uint8Array(0)
  // The released firmware reads on behind the page, as it has written (Q49).
  const whole = uv.quirk('Q49') ? Math.max(uv.memory.u32(ra + 4n), PAGE_BYTES) : PAGE_BYTES
  return uv.memory.read(ra, uv.parts.memory.offsetOf(ra, whole) < 0 ? PAGE_BYTES : whole)
}

/** Eight doublewords big-endian, zero padded, hold a name of up to 64 bytes (spec/ultravisor.md §2.5). */
function unpackName(frame: RegisterFile): string {
  const bytes = new Uint8Array(64)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < 8; i++) view.setBigUint64(i * 8, frame.gpr[5 + i]!)
  const end = bytes.indexOf(0)
  return new TextDecoder('latin1').decode(end < 0 ? bytes : bytes.subarray(0, end))
}
