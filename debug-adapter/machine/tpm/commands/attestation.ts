import { Procedure } from '../../steps.ts'
import { algorithmOf, isSigning, readHash, readScheme, type Scheme } from '../algorithms.ts'
import { type FieldReader, pack, sized, u16, u32, u64 } from '../bytes.ts'
import { admin, command, plain, type Run, user } from '../command.ts'
import { ALG, ATTRIBUTE, CC, GENERATED, RC, RH, TAG, TpmError } from '../constants.ts'
import { isObject, objectOrNull } from '../handles.ts'
import { EMPTY, kdfa } from '../key-derivation.ts'
import { rsaOf, type TpmObject } from '../object.ts'
import { readSelections, writeSelections } from '../pcr-selection.ts'
import { FIRMWARE_VERSION } from '../properties.ts'
import { has } from '../public-area.ts'
import { sign, verify } from '../rsa-schemes.ts'
import type { TpmState } from '../state.ts'
import { ticket } from '../tickets.ts'
import { clockInfo } from './startup.ts'

/** TPM2B_DATA. */
const MAX_QUALIFYING = 66
const MAX_DIGEST_FIELD = 64
const MAX_SIGNATURE = 384

const STEPS = { check: 'check the key and the scheme', sign: 'sign what the TPM says' } as const

/** The key that signs, and how; undefined where nobody signs: the handle is the null one. */
interface Signer {
  readonly object: TpmObject
  readonly scheme: Scheme
}

/**
 * The scheme of a signature: that of the key where it has one (TPM 2.0 part 3, 18.1).
 * @param index of the handle in the command; the scheme is parameter 2
 */
function signerOf(tpm: TpmState, handle: number, index: number, given: Scheme | undefined): Signer | undefined {
  if (handle === RH.NULL) return undefined
  const object = tpm.object(handle, index)
  if (object.area.type !== ALG.RSA || !has(object.area, ATTRIBUTE.sign)) throw TpmError.handle(RC.KEY, index)
  const own = object.area.scheme
  const scheme = own ?? given
  const differs = own && given && (own.algorithm !== given.algorithm || own.hash !== given.hash)
  if (!scheme || differs) throw TpmError.parameter(RC.SCHEME, 2)
  return { object, scheme }
}

/** A TPMS_ATTEST (part 2, 10.12.8) around what is attested. */
function attest(
  tpm: TpmState,
  type: number,
  signer: Signer | undefined,
  extra: Uint8Array,
  said: Uint8Array,
): Uint8Array {
  const name = signer?.object.qualifiedName ?? pack(u32(RH.NULL))
  const [major, minor] = FIRMWARE_VERSION
  let firmware = (BigInt(major) << 32n) | BigInt(minor)
  let { resetCount, restartCount } = tpm
  const hierarchy = signer?.object.hierarchy
  if (hierarchy !== RH.ENDORSEMENT && hierarchy !== RH.PLATFORM) {
    // Who can read these could tell that two keys live in one TPM (part 1, 36.7).
    const mask = kdfa(tpm.crypto, tpm.proofOf(RH.OWNER), 'OBFUSCATE', name, EMPTY, 128)
    const view = new DataView(mask.buffer, mask.byteOffset)
    firmware = BigInt.asUintN(64, firmware + view.getBigUint64(0))
    resetCount = (resetCount + view.getUint32(8)) >>> 0
    restartCount = (restartCount + view.getUint32(12)) >>> 0
  }
  const head = pack(u32(GENERATED), u16(type), sized(name), sized(extra))
  return pack(head, clockInfo(tpm, resetCount, restartCount), u64(firmware), said)
}

/** The attestation and its TPMT_SIGNATURE. */
function signed(tpm: TpmState, signer: Signer | undefined, said: Uint8Array): Uint8Array {
  if (!signer) return pack(sized(said), u16(ALG.NULL))
  const { object, scheme } = signer
  const bank = scheme.hash!
  const signature = sign(tpm, object.sensitive!.key!, scheme, tpm.crypto[bank](said))
  return pack(sized(said), u16(scheme.algorithm), u16(algorithmOf[bank]), sized(signature))
}

const readQuestion = (parameters: FieldReader) => ({
  qualifying: parameters.next().sized(MAX_QUALIFYING),
  scheme: readScheme(parameters.next(), isSigning, RC.SCHEME),
})

const QUOTE = new Procedure('tpm', 'TPM2_Quote', 'TPM 2.0 Part 3 §18.4', STEPS)

const quote: Run = function* (tpm, handles, parameters) {
  const { qualifying, scheme } = readQuestion(parameters)
  const selections = readSelections(parameters.next())
  yield QUOTE.at('check', { selections: selections.length })
  const signer = signerOf(tpm, handles[0]!, 1, scheme)
  if (!signer) throw TpmError.parameter(RC.SCHEME, 2)
  const values = selections.flatMap(({ bank, mask }) => tpm.pcrs.selected(bank, mask).map(({ value }) => value))
  const digest = tpm.crypto[signer.scheme.hash!](...values)
  const said = attest(tpm, TAG.ATTEST_QUOTE, signer, qualifying, pack(writeSelections(selections), sized(digest)))
  yield QUOTE.at('sign', { pcrDigest: digest, key: signer.object.name })
  tpm.disturbed()
  return { parameters: signed(tpm, signer, said) }
}

const CERTIFY = new Procedure('tpm', 'TPM2_Certify', 'TPM 2.0 Part 3 §18.2', STEPS)

const certify: Run = function* (tpm, handles, parameters) {
  const { qualifying, scheme } = readQuestion(parameters)
  const { name, qualifiedName } = tpm.object(handles[0]!, 1)
  yield CERTIFY.at('check', { name })
  const signer = signerOf(tpm, handles[1]!, 2, scheme)
  const said = attest(tpm, TAG.ATTEST_CERTIFY, signer, qualifying, pack(sized(name), sized(qualifiedName)))
  yield CERTIFY.at('sign', { qualifiedName })
  if (signer) tpm.disturbed()
  return { parameters: signed(tpm, signer, said) }
}

const VERIFY = new Procedure('tpm', 'TPM2_VerifySignature', 'TPM 2.0 Part 3 §20.1', {
  check: 'compare what the signature opens to with the digest',
})

const verifySignature: Run = function* (tpm, handles, parameters) {
  const digest = parameters.next().sized(MAX_DIGEST_FIELD)
  const algorithm = parameters.next().u16()
  if (!isSigning(algorithm)) throw parameters.fail(RC.SCHEME)
  const hash = readHash(parameters)
  const signature = parameters.sized(MAX_SIGNATURE)
  yield VERIFY.at('check', { digest })
  const { area, hierarchy, name } = tpm.object(handles[0]!, 1)
  if (!has(area, ATTRIBUTE.sign)) throw TpmError.handle(RC.ATTRIBUTES, 1)
  const key = rsaOf(area)
  if (!key) throw parameters.fail(RC.SCHEME)
  if (!verify(tpm, key, { algorithm, hash }, digest, signature)) throw parameters.fail(RC.SIGNATURE)
  const owner = area.nameAlg === ALG.NULL ? RH.NULL : hierarchy
  return { parameters: ticket(tpm, TAG.VERIFIED, owner, digest, name) }
}

const both = { decrypts: true, encrypts: true } as const

export const attestationCommands = [
  command(CC.Quote, [user(objectOrNull)], QUOTE, quote, both),
  command(CC.Certify, [admin(isObject), user(objectOrNull)], CERTIFY, certify, both),
  command(CC.VerifySignature, [plain(isObject)], VERIFY, verifySignature, { decrypts: true }),
]
