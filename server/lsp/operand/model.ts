/** An operand taken apart for the read-only editor. */
import { locateOperand } from '../../esm/cpio.ts'
import { KeyFormatError, parsePrivateKey } from '../../esm/crypto/pem.ts'
import type { RsaPrivateKey } from '../../esm/crypto/rsa.ts'
import { modelOf } from '../../esm/operand-model.ts'
import { latin1 } from '../../esm/reader.ts'
import type { Files } from '../files.ts'
import { keysBeside } from '../keys-beside.ts'
import type { OperandModel, PefServerRequests } from '../protocol.ts'
import { nameOf, parentOf } from '../uris.ts'

/** Bytes: an operand is at most some 130 KiB, and stands at the beginning of an initrd. */
const FILE_LIMIT = 1 << 20
const KEY_LIMIT = 1 << 16

/** @throws Error naming what the file is instead, or why the key cannot be used */
export async function operandModel(
  { uri, key: given }: PefServerRequests['pef/operand']['arguments'],
  files: Files,
): Promise<OperandModel> {
  const file = await files.host.read(uri, FILE_LIMIT)
  if (!file) throw new Error(`There is no file ${nameOf(uri)}.`)
  const { bytes, offset } = findOperand(file, nameOf(uri))
  const named = await keysBeside(parentOf(uri), files)
  if (given) named.unshift({ name: nameOf(given.uri), key: await readKey(given, files) })
  return modelOf(bytes, offset, named, files.host.crypto)
}

function findOperand(file: Uint8Array, name: string): { bytes: Uint8Array; offset: number } {
  if (!latin1(file.subarray(0, 4)).startsWith('0707')) return { bytes: file, offset: 0 }
  const { operand } = locateOperand(file)
  if (!operand) throw new Error(`${name} is an initrd without an operand in front.`)
  return operand
}

async function readKey(
  { uri, passphrase }: { uri: string; passphrase?: string },
  files: Files,
): Promise<RsaPrivateKey> {
  const bytes = await files.host.read(uri, KEY_LIMIT)
  if (!bytes) throw new Error(`There is no file ${nameOf(uri)}.`)
  try {
    return parsePrivateKey(bytes, passphrase)
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    throw new Error(`${nameOf(uri)}: ${error.message}`)
  }
}
