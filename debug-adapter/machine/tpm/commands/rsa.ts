import { Procedure } from '../../steps.ts'
import { isDecrypting, readScheme, type Scheme } from '../algorithms.ts'
import { type FieldReader, sized } from '../bytes.ts'
import { command, plain, type Run, user } from '../command.ts'
import { ALG, ATTRIBUTE, CC, RC, TpmError } from '../constants.ts'
import { isObject } from '../handles.ts'
import { rsaOf } from '../object.ts'
import { has, type PublicArea } from '../public-area.ts'
import { decrypt, encrypt } from '../rsa-schemes.ts'

/** An RSA-3072 modulus: the largest that the field takes, whatever the key. */
const MAX_MODULUS = 384
/** TPM2B_DATA. */
const MAX_LABEL = 66

interface Operation {
  readonly input: Uint8Array
  readonly scheme: Scheme | undefined
  readonly label: Uint8Array
}

const readOperation = (parameters: FieldReader): Operation => ({
  input: parameters.next().sized(MAX_MODULUS),
  scheme: readScheme(parameters.next(), isDecrypting),
  label: parameters.next().sized(MAX_LABEL),
})

/** A label ends with NUL; the scheme is the key's where it has one (TPM 2.0 part 3, 14.2). */
function schemeOf({ scheme: own }: PublicArea, { scheme, label }: Operation): Scheme | undefined {
  if (label.length > 0 && label.at(-1) !== 0) throw TpmError.parameter(RC.VALUE, 3)
  if (!own || !scheme) return own ?? scheme
  if (scheme.algorithm !== own.algorithm || scheme.hash !== own.hash) throw TpmError.parameter(RC.SCHEME, 2)
  return own
}

const DECRYPT = new Procedure('tpm', 'TPM2_RSA_Decrypt', 'TPM 2.0 Part 3 §14.3', {
  check: 'check the length of the ciphertext and the scheme',
  decrypt: 'open it: RSAES-OAEP with the private key',
})

const rsaDecrypt: Run = function* (tpm, handles, parameters) {
  const operation = readOperation(parameters)
  const { input: ciphertext, label } = operation
  const { area, sensitive } = tpm.object(handles[0]!, 1)
  yield DECRYPT.at('check', { ciphertextBytes: ciphertext.length, keyBytes: area.unique.length })
  if (area.type !== ALG.RSA) throw TpmError.handle(RC.KEY, 1)
  if (has(area, ATTRIBUTE.restricted) || !has(area, ATTRIBUTE.decrypt)) throw TpmError.handle(RC.ATTRIBUTES, 1)
  const scheme = schemeOf(area, operation)
  if (scheme && !isDecrypting(scheme.algorithm)) throw new TpmError(RC.SCHEME)
  if (ciphertext.length !== area.unique.length) throw new TpmError(RC.SIZE)
  yield DECRYPT.at('decrypt')
  const message = decrypt(tpm, sensitive!.key!, ciphertext, scheme, label)
  // The reference code answers so, and stays usable (spec/tpm.md §4.6).
  if (!message) throw new TpmError(RC.FAILURE)
  return { parameters: sized(message) }
}

const ENCRYPT = new Procedure('tpm', 'TPM2_RSA_Encrypt', 'TPM 2.0 Part 3 §14.2', {
  check: 'check the scheme and the label',
  encrypt: 'encrypt with the public key',
})

const rsaEncrypt: Run = function* (tpm, handles, parameters) {
  const operation = readOperation(parameters)
  const { input: message, label } = operation
  const { area } = tpm.object(handles[0]!, 1)
  yield ENCRYPT.at('check', { bytes: message.length, keyBytes: area.unique.length })
  const key = rsaOf(area)
  if (!key) throw TpmError.handle(RC.KEY, 1)
  if (!has(area, ATTRIBUTE.decrypt)) throw TpmError.handle(RC.ATTRIBUTES, 1)
  const scheme = schemeOf(area, operation)
  yield ENCRYPT.at('encrypt')
  return { parameters: sized(encrypt(tpm, key, message, scheme, label)) }
}

const both = { decrypts: true, encrypts: true } as const

export const rsaCommands = [
  command(CC.RSA_Decrypt, [user(isObject)], DECRYPT, rsaDecrypt, both),
  command(CC.RSA_Encrypt, [plain(isObject)], ENCRYPT, rsaEncrypt, both),
]
