import { fromBigInt, oaepDecrypt } from '../../../server/esm/crypto/rsa.ts'
import { Procedure, type Steps } from '../steps.ts'
import { FieldReader, pack, sized, trimZeros, u8, u16, u32 } from './bytes.ts'
import type { Command, CommandResult } from './command.ts'
import { ALG, ATTRIBUTE, CC, RC, RH, TAG, TpmError } from './constants.ts'
import { makeObject, openPrivate, type PublicArea, readPublicArea, sealPrivate, type TpmObject } from './object.ts'
import { isPersistent, isPlatformHandle, keyFromSeed, type TpmState } from './state.ts'

interface Template {
  readonly userAuth: Uint8Array
  readonly area: PublicArea
  readonly outsideInfo: Uint8Array
}

/** inSensitive, inPublic, outsideInfo and creationPCR, which CreatePrimary and Create share. */
function readTemplate(parameters: FieldReader): Template {
  parameters.parameter = 1
  const sensitive = new FieldReader(parameters.sized())
  sensitive.parameter = 1
  const userAuth = trimZeros(sensitive.sized())
  if (userAuth.length > 32) throw TpmError.parameter(RC.SIZE, 1)
  if (sensitive.sized().length > 0) throw TpmError.parameter(RC.ATTRIBUTES, 1)
  parameters.parameter = 2
  const area = readPublicArea(parameters.sized(), 2)
  if ((area.attributes & ATTRIBUTE.sensitiveDataOrigin) === 0) throw TpmError.parameter(RC.ATTRIBUTES, 2)
  parameters.parameter = 3
  const outsideInfo = parameters.sized()
  parameters.parameter = 4
  if (parameters.u32() !== 0) throw TpmError.parameter(RC.VALUE, 4)
  return { userAuth, area, outsideInfo }
}

const isStorage = (area: PublicArea): boolean =>
  (area.attributes & (ATTRIBUTE.restricted | ATTRIBUTE.decrypt)) === (ATTRIBUTE.restricted | ATTRIBUTE.decrypt)

/** creationData, its digest and the ticket that says this TPM made it (part 2, 15). */
function creation(tpm: TpmState, template: Template, parent: Parent): Uint8Array {
  const data = pack(
    u32(0),
    sized(tpm.crypto.sha256()),
    u8(1),
    u16(parent.nameAlg),
    sized(parent.name),
    sized(parent.qualifiedName),
    sized(template.outsideInfo),
  )
  const digest = tpm.crypto.sha256(data)
  const ticket = tpm.crypto.sha512(tpm.proof, pack(u16(TAG.CREATION)), digest)
  return pack(sized(data), sized(digest), u16(TAG.CREATION), u32(parent.hierarchy), sized(ticket))
}

interface Parent {
  readonly nameAlg: number
  readonly name: Uint8Array
  readonly qualifiedName: Uint8Array
  readonly hierarchy: number
}

const CREATE_PRIMARY = new Procedure('tpm', 'TPM2_CreatePrimary', 'TPM 2.0 Part 3 §24.1', {
  template: 'read the template of the key',
  derive: 'derive the key pair from the primary seed and the template',
  load: 'load the key',
})

function* createPrimary(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const hierarchy = handles[0]!
  const start = parameters.at
  const template = readTemplate(parameters)
  const description = parameters.bytes.slice(start, parameters.at)
  yield CREATE_PRIMARY.at('template', { attributes: BigInt(template.area.attributes) })
  const { crypto, primarySeed } = tpm
  const handleBytes = pack(u32(hierarchy))
  yield CREATE_PRIMARY.at('derive')
  const key = keyFromSeed(crypto, crypto.hmacSha256(primarySeed, handleBytes, description))
  const seed = isStorage(template.area)
    ? crypto.hmacSha256(primarySeed, new TextEncoder().encode('storage'), handleBytes, description)
    : new Uint8Array(0)
  const area = { ...template.area, modulus: fromBigInt(key.n, 256) }
  const parent: Parent = { nameAlg: ALG.NULL, name: handleBytes, qualifiedName: handleBytes, hierarchy }
  const object = makeObject(crypto, area, key, template.userAuth, seed, parent)
  const handle = tpm.addObject(object)
  yield CREATE_PRIMARY.at('load', { handle: BigInt(handle), name: object.name })
  const made = creation(tpm, template, parent)
  return { handle, parameters: pack(sized(object.publicBytes), made, sized(object.name)) }
}

const CREATE = new Procedure('tpm', 'TPM2_Create', 'TPM 2.0 Part 3 §12.1', {
  template: 'read the template and the authValue of the key',
  generate: 'generate an RSA-2048 key pair',
  seal: 'encrypt the private area under the seed of the parent',
})

function storageParent(tpm: TpmState, handle: number, index: number): TpmObject {
  const parent = tpm.object(handle, index)
  if (!isStorage(parent.area)) throw TpmError.handle(RC.TYPE, index)
  return parent
}

function* create(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const parent = storageParent(tpm, handles[0]!, 1)
  const template = readTemplate(parameters)
  yield CREATE.at('template', { attributes: BigInt(template.area.attributes) })
  yield CREATE.at('generate')
  const key = keyFromSeed(tpm.crypto, tpm.random(32))
  const seed = isStorage(template.area) ? tpm.random(32) : new Uint8Array(0)
  const area = { ...template.area, modulus: fromBigInt(key.n, 256) }
  const object = makeObject(tpm.crypto, area, key, template.userAuth, seed, parent)
  yield CREATE.at('seal', { name: object.name })
  const sealed = sealPrivate(tpm.crypto, parent, object, tpm.random)
  const made = creation(tpm, template, { ...parent, nameAlg: ALG.SHA256 })
  return { parameters: pack(sized(sealed), sized(object.publicBytes), made) }
}

const LOAD = new Procedure('tpm', 'TPM2_Load', 'TPM 2.0 Part 3 §12.2', {
  open: 'check the integrity of the private area and decrypt it with the seed of the parent',
  load: 'load the key',
})

function* load(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const parent = storageParent(tpm, handles[0]!, 1)
  parameters.parameter = 1
  const privateArea = parameters.sized()
  parameters.parameter = 2
  const area = readPublicArea(parameters.sized(), 2)
  yield LOAD.at('open')
  const object = openPrivate(tpm.crypto, parent, area, privateArea)
  const handle = tpm.addObject({ ...object, authValue: trimZeros(object.authValue) })
  yield LOAD.at('load', { handle: BigInt(handle), name: object.name })
  return { handle, parameters: sized(object.name) }
}

const READ_PUBLIC = new Procedure('tpm', 'TPM2_ReadPublic', 'TPM 2.0 Part 3 §12.4', {
  read: 'read the public area and the names',
})

function* readPublic(tpm: TpmState, handles: readonly number[]): Steps<CommandResult> {
  const object = tpm.object(handles[0]!, 1)
  yield READ_PUBLIC.at('read', { name: object.name })
  return { parameters: pack(sized(object.publicBytes), sized(object.name), sized(object.qualifiedName)) }
}

const CHANGE_AUTH = new Procedure('tpm', 'TPM2_ObjectChangeAuth', 'TPM 2.0 Part 3 §12.8', {
  read: 'read the new authValue',
  seal: 'seal the same key with the new authValue under the seed of the parent',
})

function* objectChangeAuth(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const object = tpm.object(handles[0]!, 1)
  const parent = storageParent(tpm, handles[1]!, 2)
  parameters.parameter = 1
  const newAuth = trimZeros(parameters.sized())
  if (newAuth.length > 32) throw TpmError.parameter(RC.SIZE, 1)
  yield CHANGE_AUTH.at('read', { bytes: newAuth.length })
  const changed = { ...object, authValue: newAuth }
  yield CHANGE_AUTH.at('seal')
  return { parameters: sized(sealPrivate(tpm.crypto, parent, changed, tpm.random)) }
}

const EVICT = new Procedure('tpm', 'TPM2_EvictControl', 'TPM 2.0 Part 3 §28.5', {
  check: 'check that the hierarchy may use the persistent handle',
  change: 'make the object persistent, or remove the persistent one',
})

function* evictControl(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const [hierarchy, objectHandle] = handles as [number, number]
  const object = tpm.object(objectHandle, 2)
  parameters.parameter = 1
  const persistent = parameters.u32()
  yield EVICT.at('check', { objectHandle: BigInt(objectHandle), persistent: BigInt(persistent) })
  if (isPersistent(objectHandle)) {
    if (isPlatformHandle(objectHandle) !== (hierarchy === RH.PLATFORM)) throw TpmError.handle(RC.HIERARCHY, 2)
    if (objectHandle !== persistent) throw TpmError.parameter(RC.VALUE, 1)
    yield EVICT.at('change')
    tpm.objects.delete(objectHandle)
    return {}
  }
  if (!isPersistent(persistent) || isPlatformHandle(persistent) !== (hierarchy === RH.PLATFORM))
    throw TpmError.parameter(RC.RANGE, 1)
  if (tpm.objects.has(persistent)) throw new TpmError(0x14c) // TPM_RC_NV_DEFINED
  yield EVICT.at('change')
  tpm.objects.set(persistent, object)
  return {}
}

const DECRYPT = new Procedure('tpm', 'TPM2_RSA_Decrypt', 'TPM 2.0 Part 3 §14.3', {
  check: 'check the length of the ciphertext and the scheme',
  decrypt: 'open it: RSAES-OAEP with the private key',
})

function* rsaDecrypt(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const object = tpm.object(handles[0]!, 1)
  parameters.parameter = 1
  const ciphertext = parameters.sized()
  parameters.parameter = 2
  const scheme = parameters.u16()
  const hash = scheme === ALG.NULL ? ALG.NULL : parameters.u16()
  parameters.parameter = 3
  const label = parameters.sized()
  yield DECRYPT.at('check', { ciphertextBytes: ciphertext.length, keyBytes: object.key.bytes })
  if (ciphertext.length !== object.key.bytes) throw new TpmError(RC.SIZE)
  const own = object.area.scheme
  if (!own || own.algorithm !== ALG.OAEP || own.hash !== ALG.SHA256) throw TpmError.parameter(RC.SCHEME, 2)
  if (scheme !== ALG.NULL && (scheme !== own.algorithm || hash !== own.hash)) throw TpmError.parameter(RC.SCHEME, 2)
  if (label.length > 0 && label.at(-1) !== 0) throw TpmError.parameter(RC.VALUE, 3)
  yield DECRYPT.at('decrypt')
  const message = oaepDecrypt(object.key, ciphertext, { crypto: tpm.crypto, label })
  // The reference code answers so, and stays usable (spec/tpm.md §4.6).
  if (!message) throw new TpmError(RC.FAILURE)
  return { parameters: sized(message) }
}

const entry = (
  code: number,
  handles: number,
  authorized: number,
  procedure: unknown,
  run: Command['run'],
  role: 'user' | 'admin' = 'user',
): Command => ({ code, handles, authorized, role, procedure: procedure as Procedure, run })

export const objectCommands: readonly Command[] = [
  entry(CC.CreatePrimary, 1, 1, CREATE_PRIMARY, createPrimary),
  entry(CC.Create, 1, 1, CREATE, create),
  entry(CC.Load, 1, 1, LOAD, load),
  entry(CC.ReadPublic, 1, 0, READ_PUBLIC, readPublic),
  entry(CC.ObjectChangeAuth, 2, 1, CHANGE_AUTH, objectChangeAuth, 'admin'),
  entry(CC.EvictControl, 2, 1, EVICT, evictControl),
  entry(CC.RSA_Decrypt, 1, 1, DECRYPT, rsaDecrypt),
]
