import { readFileSync } from 'node:fs'
import { nodeCrypto as crypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'
import { openWith } from '../../server/esm/edit.ts'
import { hexBytes } from '../../server/esm/reader.ts'
import { listAttachments, readAttachment } from '../../server/esm/verify/attachments.ts'
import { openDigests } from '../../server/esm/verify/digests.ts'
import { inspectOperand } from '../../server/esm/verify/operand.ts'

const bytesOf = (path: string) => new Uint8Array(readFileSync(path))

/** All that an operand says to its owner, and nothing that is random: two operands that were made alike say the same. */
export function contents(path: string, seckey: string, passphrase?: string) {
  const blob = bytesOf(path)
  const { operand, findings } = inspectOperand(blob)
  const masterKey = openWith(blob, parsePrivateKey(bytesOf(seckey), passphrase), crypto)
  const { digests } = openDigests(operand!, masterKey, crypto)
  const files = listAttachments(operand!.filesFdt).map(({ name, comment }) => {
    const { bytes } = readAttachment(operand!.filesFdt!, name, masterKey, crypto)
    return { name, comment, bytes: bytes && hexBytes(bytes) }
  })
  const lockboxes = operand!.lockboxes.map(({ name, comment, fingerprint, encryptedSymkey }) => {
    return { name, comment, fingerprint: hexBytes(fingerprint!), size: encryptedSymkey!.length }
  })
  return { bytes: blob.length, rules: findings.map(({ rule }) => rule), lockboxes, digests, files }
}
