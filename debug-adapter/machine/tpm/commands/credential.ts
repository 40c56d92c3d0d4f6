import { oaepDecrypt, oaepEncrypt } from '../../../../server/esm/crypto/rsa.ts'
import { Procedure } from '../../steps.ts'
import { equal, FieldReader, pack, sized } from '../bytes.ts'
import { admin, command, plain, type Run, user } from '../command.ts'
import { CC, RC, TpmError } from '../constants.ts'
import { isObject } from '../handles.ts'
import { integrityOf, rsaOf, storageKey } from '../object.ts'
import { isStorage } from '../public-area.ts'

const LABEL = new TextEncoder().encode('IDENTITY\0')
const NO_IV = new Uint8Array(16)
const SEED_BYTES = 32
const MAX_DIGEST_FIELD = 64
/** TPM2B_NAME: a TPMT_HA. */
const MAX_NAME = 66
/** TPM2B_ID_OBJECT: two TPM2B_DIGEST. */
const MAX_ID_OBJECT = 132
const MAX_SECRET = 384

const MAKE = new Procedure('tpm', 'TPM2_MakeCredential', 'TPM 2.0 Part 3 §12.6', {
  check: 'check that the key can protect a credential',
  seal: 'encrypt it to the key and to the name of the object that it is for',
})

const makeCredential: Run = function* (tpm, handles, parameters) {
  const credential = parameters.next().sized(MAX_DIGEST_FIELD)
  const objectName = parameters.next().sized(MAX_NAME)
  const { crypto, random } = tpm
  const protector = tpm.object(handles[0]!, 1)
  yield MAKE.at('check', { bytes: credential.length, objectName })
  const key = rsaOf(protector.area)
  if (!key || !isStorage(protector.area)) throw TpmError.handle(RC.TYPE, 1)
  if (credential.length > 32) throw TpmError.parameter(RC.SIZE, 1)
  yield MAKE.at('seal')
  const seed = random(SEED_BYTES)
  const secret = oaepEncrypt(key, seed, { crypto, random, label: LABEL })
  const identity = crypto.aesCfbEncrypt(storageKey(crypto, protector, objectName, seed), NO_IV, sized(credential))
  const integrity = integrityOf(crypto, protector, identity, objectName, seed)
  return { parameters: pack(sized(pack(sized(integrity), identity)), sized(secret)) }
}

const ACTIVATE = new Procedure('tpm', 'TPM2_ActivateCredential', 'TPM 2.0 Part 3 §12.5', {
  open: 'open the secret with the key, and the credential where it is for the object',
})

const activateCredential: Run = function* (tpm, handles, parameters) {
  const blob = parameters.next().sized(MAX_ID_OBJECT)
  const secret = parameters.next().sized(MAX_SECRET)
  const { crypto } = tpm
  const { name } = tpm.object(handles[0]!, 1)
  const protector = tpm.object(handles[1]!, 2)
  yield ACTIVATE.at('open', { name })
  const key = protector.sensitive?.key
  if (!key || !isStorage(protector.area)) throw TpmError.handle(RC.TYPE, 2)
  if (secret.length !== key.bytes) throw TpmError.parameter(RC.SIZE, 2)
  const seed = oaepDecrypt(key, secret, { crypto, label: LABEL })
  if (!seed) throw new TpmError(RC.FAILURE)
  if (seed.length > SEED_BYTES) throw TpmError.parameter(RC.VALUE, 2)
  const reader = new FieldReader(blob)
  reader.parameter = 1
  const integrity = reader.sized(MAX_DIGEST_FIELD)
  const identity = reader.rest()
  if (!equal(integrity, integrityOf(crypto, protector, identity, name, seed))) throw reader.fail(RC.INTEGRITY)
  const plainText = new FieldReader(crypto.aesCfbDecrypt(storageKey(crypto, protector, name, seed), NO_IV, identity))
  plainText.parameter = 1
  const credential = plainText.sized(MAX_DIGEST_FIELD)
  if (plainText.left > 0) throw plainText.fail(RC.SIZE)
  return { parameters: sized(credential) }
}

const both = { decrypts: true, encrypts: true } as const

export const credentialCommands = [
  command(CC.MakeCredential, [plain(isObject)], MAKE, makeCredential, both),
  command(CC.ActivateCredential, [admin(isObject), user(isObject)], ACTIVATE, activateCredential, both),
]
