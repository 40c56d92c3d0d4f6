/** What is known of the file behind a value: for hovers and hints. Of a private key nothing but that it is one. */
import { isEncryptedPrivateKey, KeyFormatError, parsePrivateKey, parsePublicKey } from '../../esm/crypto/pem.ts'
import { hexBytes } from '../../esm/reader.ts'
import type { SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { YamlText } from '../../esm/svm-yaml.ts'
import type { Files, FoundFile } from '../files.ts'
import { short } from './inspect.ts'

/** Bytes. */
const KEY_LIMIT = 1 << 16

export interface Facts {
  /** Lines of Markdown, the most important first. */
  readonly lines: readonly string[]
  /** A few words to stand behind the value: editors cut off what is longer than some 40 characters. */
  readonly hint?: string
}

/**
 * @param name  the value's key
 * @param order of the entry among those of its kind, from 0
 * @returns undefined where there is no file behind it
 */
export async function factsOf(
  { kind, values }: SvmBlobEntry,
  name: string,
  order: number,
  document: string,
  files: Files,
): Promise<Facts | undefined> {
  const value = values.get(name)
  if (!value) return undefined
  if (name === 'args') return argumentFacts(value, files)
  if (!['pubkey', 'seckey', 'kernel', 'initramfs', 'path'].includes(name)) return undefined
  const found = await files.find(document, value.text)
  if (!found) return { lines: ['There is no such file.'] }
  switch (name) {
    case 'pubkey':
      return publicKeyFacts(found, kind === 'recipient' ? order : undefined, files)
    case 'seckey':
      return secretKeyFacts(found, files)
    case 'kernel':
      return kernelFacts(found, files)
    case 'initramfs':
      return initrdFacts(found, files)
    default:
      return { lines: [sizeText(found)], hint: sizeText(found) }
  }
}

function argumentFacts(value: YamlText, { host: { crypto } }: Files): Facts {
  const bytes = new TextEncoder().encode(value.text)
  const digest = crypto.sha512(bytes)
  return { lines: [`${bytes.length} bytes, SHA-512 \`${hexBytes(digest)}\``], hint: short(digest) }
}

async function publicKeyFacts(found: FoundFile, recipient: number | undefined, files: Files): Promise<Facts> {
  const bytes = await files.host.read(found.uri, KEY_LIMIT)
  if (!bytes) return { lines: ['The file cannot be read.'] }
  const print = hexBytes(files.host.crypto.sha256(bytes))
  try {
    const bits = parsePublicKey(bytes).n.toString(2).length
    const place =
      recipient === undefined
        ? []
        : [
            recipient === 0
              ? "`lockbox-1`, the only one that the ultravisor opens: it has to be the key of the machine's TPM"
              : `\`lockbox-${recipient + 1}\`: not looked at by UV_ESM, only its owner can use it`,
          ]
    return {
      lines: [`RSA public key of ${bits} bits`, ...place, `Fingerprint (SHA-256 of the file) \`${print}\``],
      hint: `${recipient === undefined ? '' : `lockbox-${recipient + 1} · `}RSA-${bits} · ${print.slice(0, 12)}…`,
    }
  } catch (error) {
    if (!(error instanceof KeyFormatError)) throw error
    return { lines: [`No RSA public key: ${error.message}`] }
  }
}

async function secretKeyFacts(found: FoundFile, files: Files): Promise<Facts> {
  const bytes = await files.host.read(found.uri, KEY_LIMIT)
  if (!bytes) return { lines: ['The file cannot be read.'] }
  if (isEncryptedPrivateKey(bytes)) return { lines: ['RSA private key under a passphrase'], hint: 'under a passphrase' }
  try {
    const bits = parsePrivateKey(bytes).n.toString(2).length
    return { lines: [`RSA private key of ${bits} bits, without a passphrase`], hint: `RSA-${bits}` }
  } catch (error) {
    if (!(error instanceof KeyFormatError || error instanceof RangeError)) throw error
    return { lines: ['No RSA private key.'] }
  }
}

async function kernelFacts(found: FoundFile, files: Files): Promise<Facts> {
  const kernel = await files.kernel(found)
  if (!kernel) return { lines: [`${sizeText(found)}, no ELF kernel for ppc64`] }
  return {
    lines: [
      `${sizeText(found)}; the flat image, which is hashed, has ${bytesText(kernel.bytes)}`,
      `SHA-512 \`${hexBytes(kernel.digest)}\``,
    ],
    hint: `${bytesText(kernel.bytes)} · ${short(kernel.digest)}`,
  }
}

async function initrdFacts(found: FoundFile, files: Files): Promise<Facts> {
  const digest = await files.sha512(found)
  return {
    lines: [sizeText(found), `SHA-512 \`${hexBytes(digest)}\``],
    hint: `${sizeText(found)} · ${short(digest)}`,
  }
}

const sizeText = ({ stat }: FoundFile): string => bytesText(stat.size)

/** `1,234 bytes` for what is small, else with a unit: powers of 1024. */
export function bytesText(bytes: number): string {
  if (bytes < 10_000) return `${bytes.toLocaleString('en-US')} bytes`
  return bytes < 1 << 20 ? `${(bytes / 1024).toFixed(1)} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`
}
