import { Procedure } from '../../steps.ts'
import { equal, FieldReader, pack, sized, trimZeros } from '../bytes.ts'
import { admin, command, plain, type Run, user } from '../command.ts'
import { ALG, ATTRIBUTE, CC, RC, RH, TpmError } from '../constants.ts'
import {
  hierarchyOrNull,
  isObject,
  isPersistent,
  isPlatformHandle,
  MAX_PERSISTENT,
  ownerOrPlatform,
} from '../handles.ts'
import {
  checkUnique,
  externalObject,
  isParent,
  isTemporary,
  makeObject,
  openPrivate,
  qualified,
  readSensitive,
  type Sensitive,
  sealedDigest,
  sealPrivate,
  skimSensitive,
} from '../object.ts'
import { checkPublic, checkSchemes, has, type PublicArea, readPublic } from '../public-area.ts'
import type { TpmState } from '../state.ts'

/** Format-one codes blame parameter `index`; the others stay what they are. */
function blaming<T>(index: number, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (error instanceof TpmError && error.code >= 0x80 && error.code < 0xc0)
      throw TpmError.parameter(error.code, index)
    throw error
  }
}

const LOAD = new Procedure('tpm', 'TPM2_Load', 'TPM 2.0 Part 3 §12.2', {
  open: 'check the integrity of the private area and decrypt it with the seed of the parent',
  load: 'load the key',
})
/** TPM2B_PRIVATE. */
const MAX_PRIVATE = 1024

const load: Run = function* (tpm, handles, parameters) {
  const privateArea = parameters.next().sized(MAX_PRIVATE)
  const area = parameters.next().structure(() => readPublic(parameters))
  yield LOAD.at('open')
  tpm.freeObjectHandle()
  if (privateArea.length === 0) throw TpmError.parameter(RC.SIZE, 1)
  const parent = tpm.object(handles[0]!, 1)
  if (!isParent(parent)) throw TpmError.handle(RC.TYPE, 1)
  const sensitive = openPrivate(tpm.crypto, parent, area, privateArea)
  blaming(2, () => checkPublic(area, parent.area))
  const object = makeObject(tpm.crypto, area, sensitive, parent)
  const handle = tpm.addObject(object)
  yield LOAD.at('load', { handle: BigInt(handle), name: object.name })
  return { handle, parameters: sized(object.name) }
}

const LOAD_EXTERNAL = new Procedure('tpm', 'TPM2_LoadExternal', 'TPM 2.0 Part 3 §12.3', {
  check: 'check that the public area, and the private one if there is one, can be those of an object',
  load: 'load the object',
})

const loadExternal: Run = function* (tpm, _, parameters) {
  const start = parameters.next().at
  const privateBytes = readExternalPrivate(parameters)
  const privateSize = privateBytes.length
  const area = parameters.next().structure(() => readPublic(parameters, true))
  const hierarchy = parameters.next().u32()
  if (!hierarchyOrNull(hierarchy)) throw parameters.fail(RC.VALUE)
  yield LOAD_EXTERNAL.at('check', { bytes: parameters.at - start, hierarchy: BigInt(hierarchy) })
  tpm.freeObjectHandle()
  if (privateSize > 0 && hierarchy !== RH.NULL) throw TpmError.parameter(RC.HIERARCHY, 3)
  const { fixedTPM, fixedParent, restricted } = ATTRIBUTE
  if (privateSize > 0 && (area.attributes & (fixedTPM | fixedParent | restricted)) !== 0)
    throw TpmError.parameter(RC.ATTRIBUTES, 2)
  blaming(2, () => {
    if (privateSize === 0 || area.nameAlg === ALG.NULL) checkSchemes(area, undefined)
    else checkPublic(area, undefined)
    checkUnique(area, privateSize > 0)
  })
  const sensitive = privateSize > 0 ? externalSensitive(tpm, area, privateBytes) : undefined
  const object = externalObject(tpm.crypto, area, sensitive, hierarchy)
  const handle = tpm.addObject(object)
  yield LOAD_EXTERNAL.at('load', { handle: BigInt(handle), name: object.name })
  return { handle, parameters: sized(object.name) }
}

/** An optional TPM2B_SENSITIVE, as bytes: what it has to be like is in the public area, which comes after it. */
function readExternalPrivate(parameters: FieldReader): Uint8Array {
  const size = parameters.u16()
  const start = parameters.at
  if (size === 0) return new Uint8Array(0)
  skimSensitive(parameters)
  if (parameters.at - start !== size) throw parameters.fail(RC.SIZE)
  return parameters.bytesFrom(start)
}

function externalSensitive(tpm: TpmState, area: PublicArea, bytes: Uint8Array): Sensitive {
  const reader = new FieldReader(bytes)
  reader.parameter = 1
  const sensitive = readSensitive(reader, area)
  if (area.type !== ALG.KEYEDHASH || area.nameAlg === ALG.NULL) return sensitive
  if (sensitive.seed.length !== 32) throw TpmError.parameter(RC.KEY_SIZE, 1)
  if (!equal(area.unique, sealedDigest(tpm.crypto, sensitive.seed, sensitive.data!))) throw new TpmError(RC.BINDING)
  return sensitive
}

const READ_PUBLIC = new Procedure('tpm', 'TPM2_ReadPublic', 'TPM 2.0 Part 3 §12.4', {
  read: 'read the public area and the names',
})

const readPublicCommand: Run = function* (tpm, handles) {
  const object = tpm.object(handles[0]!, 1)
  yield READ_PUBLIC.at('read', { name: object.name })
  return { parameters: pack(sized(object.publicBytes), sized(object.name), sized(object.qualifiedName)) }
}

const CHANGE_AUTH = new Procedure('tpm', 'TPM2_ObjectChangeAuth', 'TPM 2.0 Part 3 §12.8', {
  read: 'read the new authValue',
  seal: 'seal the same key with the new authValue under the seed of the parent',
})
const MAX_AUTH_FIELD = 64

const objectChangeAuth: Run = function* (tpm, handles, parameters) {
  const newAuth = trimZeros(parameters.next().sized(MAX_AUTH_FIELD))
  yield CHANGE_AUTH.at('read', { bytes: newAuth.length })
  const object = tpm.object(handles[0]!, 1)
  const parent = tpm.object(handles[1]!, 2)
  if (newAuth.length > 32) throw TpmError.parameter(RC.SIZE, 1)
  if (!equal(object.qualifiedName, qualified(tpm.crypto, parent.qualifiedName, object.name)) || !isParent(parent))
    throw TpmError.handle(RC.TYPE, 2)
  const changed = { ...object, sensitive: { ...object.sensitive!, authValue: newAuth } }
  yield CHANGE_AUTH.at('seal')
  return { parameters: sized(sealPrivate(tpm.crypto, parent, changed, tpm.random)) }
}

const EVICT = new Procedure('tpm', 'TPM2_EvictControl', 'TPM 2.0 Part 3 §28.5', {
  check: 'check that the hierarchy may use the persistent handle',
  change: 'make the object persistent, or remove the persistent one',
})

const evictControl: Run = function* (tpm, handles, parameters) {
  const [hierarchy, objectHandle] = handles as [number, number]
  const persistent = parameters.next().u32()
  if (!isPersistent(persistent)) throw parameters.fail(RC.VALUE)
  yield EVICT.at('check', { objectHandle: BigInt(objectHandle), persistent: BigInt(persistent) })
  const object = tpm.object(objectHandle, 2)
  const wrong = (code: number) => TpmError.handle(code, 2)
  if (isTemporary(object) || object.stClear || !object.sensitive) throw wrong(RC.ATTRIBUTES)
  const removes = isPersistent(objectHandle)
  if (removes && objectHandle !== persistent) throw wrong(RC.HANDLE)
  const ofPlatform = object.hierarchy === RH.PLATFORM
  // The platform may remove what is the owner's, and not the other way round.
  if (hierarchy === RH.OWNER ? ofPlatform : !ofPlatform && !removes) throw wrong(RC.HIERARCHY)
  if (!removes && isPlatformHandle(persistent) !== (hierarchy === RH.PLATFORM)) throw parameters.fail(RC.RANGE)
  if (!removes && tpm.objects.has(persistent)) throw new TpmError(RC.NV_DEFINED)
  const kept = [...tpm.objects.keys()].filter(isPersistent).length
  if (!removes && kept >= MAX_PERSISTENT) throw new TpmError(RC.NV_SPACE)
  yield EVICT.at('change')
  if (removes) tpm.objects.delete(objectHandle)
  else tpm.objects.set(persistent, object)
  return {}
}

const UNSEAL = new Procedure('tpm', 'TPM2_Unseal', 'TPM 2.0 Part 3 §12.7', { open: 'give the sealed data back' })

const unseal: Run = function* (tpm, handles) {
  const { area, sensitive } = tpm.object(handles[0]!, 1)
  yield UNSEAL.at('open')
  if (area.type !== ALG.KEYEDHASH) throw TpmError.handle(RC.TYPE, 1)
  const { decrypt, sign, restricted } = ATTRIBUTE
  if (has(area, decrypt | sign | restricted)) throw TpmError.handle(RC.ATTRIBUTES, 1)
  return { parameters: sized(sensitive!.data!) }
}

const both = { decrypts: true, encrypts: true } as const

export const objectCommands = [
  command(CC.Load, [user(isObject)], LOAD, load, { ...both, makesHandle: true }),
  command(CC.LoadExternal, [], LOAD_EXTERNAL, loadExternal, { ...both, makesHandle: true }),
  command(CC.ReadPublic, [plain(isObject)], READ_PUBLIC, readPublicCommand, { encrypts: true }),
  command(CC.ObjectChangeAuth, [admin(isObject), plain(isObject)], CHANGE_AUTH, objectChangeAuth, both),
  command(CC.EvictControl, [user(ownerOrPlatform), plain(isObject)], EVICT, evictControl, { changesNv: true }),
  command(CC.Unseal, [user(isObject)], UNSEAL, unseal, { encrypts: true }),
]
