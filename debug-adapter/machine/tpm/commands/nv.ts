import { Procedure } from '../../steps.ts'
import { readHash } from '../algorithms.ts'
import { type FieldReader, pack, sized, trimZeros } from '../bytes.ts'
import { command, plain, type Run, user } from '../command.ts'
import { CC, RC, RH, TpmError } from '../constants.ts'
import { isNvIndex, nvAuth, ownerOrPlatform } from '../handles.ts'
import { NV, NV_RESERVED, type NvIndex, nvHas, nvName, nvPublic, nvType } from '../nv-index.ts'

/** Largest index, and most bytes in one command. */
const MAX_INDEX = 2048
const MAX_BUFFER = 1024
/** Bytes that all indices together may hold. */
const NV_BYTES = 0x1_0000
const MAX_DIGEST_FIELD = 64

const DEFINE = new Procedure('tpm', 'TPM2_NV_DefineSpace', 'TPM 2.0 Part 3 §31.3', {
  check: 'check the attributes of the index',
  define: 'reserve its bytes',
})

/** A TPM2B_NV_PUBLIC (part 2, 13.6). */
function readNvPublic(parameters: FieldReader) {
  return parameters.structure(() => {
    const handle = parameters.u32()
    if (!isNvIndex(handle)) throw parameters.fail(RC.VALUE)
    // Names of this TPM are SHA-256.
    if (readHash(parameters) !== 'sha256') throw parameters.fail(RC.HASH)
    const attributes = parameters.u32()
    if ((attributes & NV_RESERVED) !== 0) throw parameters.fail(RC.RESERVED_BITS)
    const authPolicy = parameters.sized(MAX_DIGEST_FIELD)
    const size = parameters.u16()
    if (size > MAX_INDEX) throw parameters.fail(RC.SIZE)
    return { handle, attributes, authPolicy, size }
  })
}

const defineSpace: Run = function* (tpm, handles, parameters) {
  const hierarchy = handles[0]!
  const authValue = trimZeros(parameters.next().sized(MAX_DIGEST_FIELD))
  const { handle, attributes, authPolicy, size } = readNvPublic(parameters.next())
  yield DEFINE.at('check', { index: BigInt(handle), bytes: size })
  const wrong = (code: number) => parameters.fail(code)
  const is = (attribute: number) => (attributes & attribute) !== 0
  // UndefineSpaceSpecial is not there to remove such an index.
  if (is(NV.policyDelete)) throw wrong(RC.ATTRIBUTES)
  if (authPolicy.length !== 0 && authPolicy.length !== 32) throw wrong(RC.SIZE)
  if (authValue.length > 32) throw TpmError.parameter(RC.SIZE, 1)
  // Ordinary indices only: nothing here counts, extends or sets bits.
  if (nvType(attributes) !== 0) throw wrong(RC.ATTRIBUTES)
  const state = NV.written | NV.writeLocked | NV.readLocked
  const readable = is(NV.ownerRead | NV.ppRead | NV.authRead | NV.policyRead)
  const writable = is(NV.ownerWrite | NV.ppWrite | NV.authWrite | NV.policyWrite)
  if (is(state) || !readable || !writable) throw wrong(RC.ATTRIBUTES)
  if (is(NV.clearStClear) && is(NV.writeDefine)) throw wrong(RC.ATTRIBUTES)
  if (is(NV.platformCreate) !== (hierarchy === RH.PLATFORM)) throw TpmError.handle(RC.ATTRIBUTES, 1)
  if (is(NV.writeAll) && size > MAX_BUFFER) throw wrong(RC.SIZE)
  if (tpm.nv.has(handle)) throw new TpmError(RC.NV_DEFINED)
  const used = [...tpm.nv.values()].reduce((sum, { data }) => sum + data.length, 0)
  if (used + size > NV_BYTES) throw new TpmError(RC.NV_SPACE)
  yield DEFINE.at('define')
  // What was never written reads as erased flash.
  tpm.nv.set(handle, { handle, attributes, authPolicy, authValue, data: new Uint8Array(size).fill(0xff) })
  return {}
}

const UNDEFINE = new Procedure('tpm', 'TPM2_NV_UndefineSpace', 'TPM 2.0 Part 3 §31.4', { remove: 'remove the index' })

const undefineSpace: Run = function* (tpm, handles) {
  const [hierarchy, handle] = handles as [number, number]
  yield UNDEFINE.at('remove', { index: BigInt(handle) })
  const index = tpm.index(handle, 2)
  if (hierarchy === RH.OWNER && nvHas(index, NV.platformCreate)) throw new TpmError(RC.NV_AUTHORIZATION)
  tpm.nv.delete(handle)
  return {}
}

/** Whether who authorized may do so (part 3, 31.1). @param attributes for the owner and for the platform */
function checkAccess(
  index: NvIndex,
  by: number,
  locked: number,
  attributes: { owner: number; platform: number },
): void {
  if (nvHas(index, locked)) throw new TpmError(RC.NV_LOCKED)
  const allowed =
    by === RH.OWNER
      ? nvHas(index, attributes.owner)
      : by === RH.PLATFORM
        ? nvHas(index, attributes.platform)
        : by === index.handle
  if (!allowed) throw new TpmError(RC.NV_AUTHORIZATION)
}

const WRITE = new Procedure('tpm', 'TPM2_NV_Write', 'TPM 2.0 Part 3 §31.7', {
  check: 'check that the index may be written',
  write: 'write the bytes',
})

const nvWrite: Run = function* (tpm, handles, parameters) {
  const [by, handle] = handles as [number, number]
  const data = parameters.next().sized(MAX_BUFFER)
  const offset = parameters.next().u16()
  yield WRITE.at('check', { index: BigInt(handle), offset, bytes: data.length })
  const index = tpm.index(handle, 2)
  checkAccess(index, by, NV.writeLocked, { owner: NV.ownerWrite, platform: NV.ppWrite })
  const size = index.data.length
  if (offset > size) throw parameters.fail(RC.VALUE)
  if (data.length > size - offset) throw new TpmError(RC.NV_RANGE)
  if (nvHas(index, NV.writeAll) && data.length < size) throw new TpmError(RC.NV_RANGE)
  yield WRITE.at('write')
  index.data.set(data, offset)
  index.attributes = (index.attributes | NV.written) >>> 0
  return {}
}

const READ = new Procedure('tpm', 'TPM2_NV_Read', 'TPM 2.0 Part 3 §31.13', {
  check: 'check that the index may be read',
  read: 'read the bytes',
})

const nvRead: Run = function* (tpm, handles, parameters) {
  const [by, handle] = handles as [number, number]
  const size = parameters.next().u16()
  const offset = parameters.next().u16()
  yield READ.at('check', { index: BigInt(handle), offset, bytes: size })
  const index = tpm.index(handle, 2)
  checkAccess(index, by, NV.readLocked, { owner: NV.ownerRead, platform: NV.ppRead })
  if (!nvHas(index, NV.written)) throw new TpmError(RC.NV_UNINITIALIZED)
  if (size > MAX_BUFFER) throw TpmError.parameter(RC.VALUE, 1)
  if (offset > index.data.length) throw TpmError.parameter(RC.VALUE, 2)
  if (size > index.data.length - offset) throw new TpmError(RC.NV_RANGE)
  yield READ.at('read')
  return { parameters: sized(index.data.slice(offset, offset + size)) }
}

const READ_PUBLIC = new Procedure('tpm', 'TPM2_NV_ReadPublic', 'TPM 2.0 Part 3 §31.6', { find: 'find the NV index' })

const nvReadPublic: Run = function* (tpm, handles) {
  const index = tpm.index(handles[0]!, 1)
  yield READ_PUBLIC.at('find', { index: BigInt(handles[0]!) })
  return { parameters: pack(sized(nvPublic(index)), sized(nvName(tpm.crypto, index))) }
}

const index = plain(isNvIndex)

export const nvCommands = [
  command(CC.NV_DefineSpace, [user(ownerOrPlatform)], DEFINE, defineSpace, { decrypts: true, changesNv: true }),
  command(CC.NV_UndefineSpace, [user(ownerOrPlatform), index], UNDEFINE, undefineSpace, { changesNv: true }),
  command(CC.NV_Write, [user(nvAuth), index], WRITE, nvWrite, { decrypts: true, writesNv: true, changesNv: true }),
  command(CC.NV_Read, [user(nvAuth), index], READ, nvRead, { encrypts: true }),
  command(CC.NV_ReadPublic, [index], READ_PUBLIC, nvReadPublic, { encrypts: true }),
]
