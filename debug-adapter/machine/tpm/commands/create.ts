import { fromBigInt } from '../../../../server/esm/crypto/rsa.ts'
import { Procedure } from '../../steps.ts'
import { type FieldReader, pack, sized, trimZeros, u8, u16, u32 } from '../bytes.ts'
import { command, type Run, user } from '../command.ts'
import { ALG, ATTRIBUTE, CC, RC, TAG, TpmError } from '../constants.ts'
import { hierarchyOrNull, isObject } from '../handles.ts'
import {
  isParent,
  makeObject,
  type ParentOf,
  type Sensitive,
  sealedDigest,
  sealPrivate,
  type TpmObject,
} from '../object.ts'
import { digestOf, readSelections, type Selection, writeSelections } from '../pcr-selection.ts'
import { checkPublic, has, isStorage, type PublicArea, readPublic, writePublicArea } from '../public-area.ts'
import { keyFromSeed } from '../rsa-keys.ts'
import type { TpmState } from '../state.ts'
import { ticketDigest } from '../tickets.ts'

interface Template {
  readonly userAuth: Uint8Array
  /** What is to be sealed. */
  readonly data: Uint8Array
  readonly area: PublicArea
  readonly outsideInfo: Uint8Array
  readonly creationPcr: readonly Selection[]
}

const MAX_AUTH_FIELD = 64
const MAX_DATA = 128
/** TPM2B_DATA: a TPMT_HA. */
const MAX_OUTSIDE_INFO = 66

/** inSensitive, inPublic, outsideInfo and creationPCR, which CreatePrimary and Create share. */
function readTemplate(parameters: FieldReader): Template {
  const sensitive = parameters.next().structure(() => ({
    userAuth: trimZeros(parameters.sized(MAX_AUTH_FIELD)),
    data: parameters.sized(MAX_DATA),
  }))
  const area = parameters.next().structure(() => readPublic(parameters))
  const outsideInfo = parameters.next().sized(MAX_OUTSIDE_INFO)
  return { ...sensitive, area, outsideInfo, creationPcr: readSelections(parameters.next()) }
}

/** Whether such an object can be made (TPM 2.0 part 3, 12.1.1). */
function checkTemplate({ area, data, userAuth }: Template, parent: PublicArea | undefined): void {
  try {
    const own = has(area, ATTRIBUTE.sensitiveDataOrigin)
    const isData = area.type === ALG.KEYEDHASH
    // Data comes from the caller, the secret of a key from the TPM.
    if (isData ? own === data.length > 0 || own : !own || (parent && data.length > 0)) throw new TpmError(RC.ATTRIBUTES)
    checkPublic(area, parent)
  } catch (error) {
    throw error instanceof TpmError ? TpmError.parameter(error.code, 2) : error
  }
  if (userAuth.length > 32) throw TpmError.parameter(RC.SIZE, 1)
}

/** A public exponent: 65537, or a larger prime. */
function exponentOf({ exponent }: PublicArea): number {
  if (exponent === 0 || exponent === 65537) return 65537
  if (exponent < 65537) throw new TpmError(RC.RANGE)
  for (let divisor = 2; divisor * divisor <= exponent; divisor++)
    if (exponent % divisor === 0) throw new TpmError(RC.RANGE)
  return exponent
}

/** @param draw seeds for the key pair and for what the object protects below it */
function generate(
  tpm: TpmState,
  { area, userAuth, data }: Template,
  draw: (what: 'key' | 'storage') => Uint8Array,
): { readonly area: PublicArea; readonly sensitive: Sensitive } {
  if (area.type === ALG.KEYEDHASH) {
    const seed = draw('storage')
    return {
      area: { ...area, unique: sealedDigest(tpm.crypto, seed, data) },
      sensitive: { authValue: userAuth, seed, data },
    }
  }
  const key = keyFromSeed(tpm.crypto, draw('key'), area.keyBits, exponentOf(area))
  const seed = isStorage(area) ? draw('storage') : new Uint8Array(0)
  return {
    area: { ...area, unique: fromBigInt(key.n, area.keyBits / 8) },
    sensitive: { authValue: userAuth, seed, key },
  }
}

/** creationData, its digest and the ticket that says this TPM made it (part 2, 15). */
function creation(
  tpm: TpmState,
  { creationPcr, outsideInfo }: Template,
  object: TpmObject,
  parent: Parent,
): Uint8Array {
  const data = pack(
    writeSelections(creationPcr),
    sized(digestOf(tpm, creationPcr)),
    // Locality 0.
    u8(1),
    u16(parent.nameAlg),
    sized(parent.name),
    sized(parent.qualifiedName),
    sized(outsideInfo),
  )
  const digest = tpm.crypto.sha256(data)
  const proof = ticketDigest(tpm, TAG.CREATION, parent.hierarchy, object.name, digest)
  return pack(sized(data), sized(digest), u16(TAG.CREATION), u32(parent.hierarchy), sized(proof))
}

interface Parent extends ParentOf {
  readonly nameAlg: number
  readonly name: Uint8Array
}

const CREATE_PRIMARY = new Procedure('tpm', 'TPM2_CreatePrimary', 'TPM 2.0 Part 3 §24.1', {
  template: 'read the template of the key',
  derive: 'derive the key pair from the primary seed and the template',
  load: 'load the key',
})

const createPrimary: Run = function* (tpm, handles, parameters) {
  const hierarchy = handles[0]!
  const template = readTemplate(parameters)
  yield CREATE_PRIMARY.at('template', { attributes: BigInt(template.area.attributes) })
  tpm.freeObjectHandle()
  checkTemplate(template, undefined)
  const { crypto } = tpm
  const handleBytes = pack(u32(hierarchy))
  yield CREATE_PRIMARY.at('derive')
  // Same seed, template and data: same key, whatever its authValue (part 1, 14.5).
  const description = [handleBytes, writePublicArea(template.area), template.data]
  const made = generate(tpm, template, (what) =>
    crypto.hmacSha256(tpm.seedOf(hierarchy), new TextEncoder().encode(what), ...description),
  )
  const parent: Parent = { nameAlg: ALG.NULL, name: handleBytes, qualifiedName: handleBytes, hierarchy }
  const object = makeObject(crypto, made.area, made.sensitive, parent)
  const handle = tpm.addObject(object)
  yield CREATE_PRIMARY.at('load', { handle: BigInt(handle), name: object.name })
  const said = creation(tpm, template, object, parent)
  return { handle, parameters: pack(sized(object.publicBytes), said, sized(object.name)) }
}

const CREATE = new Procedure('tpm', 'TPM2_Create', 'TPM 2.0 Part 3 §12.1', {
  template: 'read the template and the authValue of the key',
  generate: 'generate an RSA-2048 key pair',
  seal: 'encrypt the private area under the seed of the parent',
})

const create: Run = function* (tpm, handles, parameters) {
  const template = readTemplate(parameters)
  yield CREATE.at('template', { attributes: BigInt(template.area.attributes) })
  const parent = tpm.object(handles[0]!, 1)
  if (!isParent(parent)) throw TpmError.handle(RC.TYPE, 1)
  tpm.freeObjectHandle()
  checkTemplate(template, parent.area)
  yield CREATE.at('generate')
  const made = generate(tpm, template, () => tpm.random(32))
  const object = makeObject(tpm.crypto, made.area, made.sensitive, parent)
  yield CREATE.at('seal', { name: object.name })
  const sealed = sealPrivate(tpm.crypto, parent, object, tpm.random)
  const said = creation(tpm, template, object, { ...parent, nameAlg: parent.area.nameAlg })
  return { parameters: pack(sized(sealed), sized(object.publicBytes), said) }
}

const both = { decrypts: true, encrypts: true } as const

export const createCommands = [
  command(CC.CreatePrimary, [user(hierarchyOrNull)], CREATE_PRIMARY, createPrimary, { ...both, makesHandle: true }),
  command(CC.Create, [user(isObject)], CREATE, create, both),
]
