/** The machine that a recipe is for: its key has to be the first recipient's, for UV_ESM opens lockbox-1 only (ESM129). */
import { KeyFormatError, parsePrivateKey, parsePublicKey } from '../../esm/crypto/pem.ts'
import type { SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { TextFindings, YamlText } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import { joinUri } from '../uris.ts'
import type { Image } from './images.ts'

/** Bytes. */
const KEY_LIMIT = 1 << 16
/** Of a machine whose image names none. */
const DEFAULT_SEED = 1

/** The key that a machine opens lockboxes with. */
export interface MachineKey {
  /** Who has it, for messages. */
  readonly owner: string
  /** Modulus. */
  readonly n: bigint
  /** What the emulated TPM makes it from; absent where a file has it. */
  readonly seed?: number
}

interface Recipient {
  readonly entry: SvmBlobEntry
  readonly path: YamlText
  /** Modulus; undefined where the file is no public key. */
  readonly n?: bigint
}

/** Which machine the first recipient should be and is not. */
export interface MissedMachine {
  readonly first: Recipient
  /** The recipient that should be first. */
  readonly recipient?: Recipient
  /** Absent where only names tell. */
  readonly machine?: MachineKey
  /** The recipe is made anew for that very machine. */
  readonly isSure: boolean
}

/** ESM129 about the first recipient. */
export async function inspectMachine(
  entries: readonly SvmBlobEntry[],
  images: readonly Image[],
  document: string,
  files: Files,
  findings: TextFindings,
): Promise<void> {
  const missed = await missedMachine(entries, images, document, files)
  if (!missed) return
  const { first, recipient, machine, isSure } = missed
  const place = recipient ? `the key of ${recipient.path.text}` : 'another key'
  const found = machine
    ? `${first.path.text}; ${machine.owner} has ${place}`
    : `${first.path.text}; ${recipient!.path.text} looks like the key of a TPM`
  findings.add('ESM129', first.path, { severity: isSure ? 'E' : machine ? 'W' : 'I', found })
}

/** @returns undefined where the first recipient is the machine that is meant, or that cannot be told */
export async function missedMachine(
  entries: readonly SvmBlobEntry[],
  images: readonly Image[],
  document: string,
  files: Files,
): Promise<MissedMachine | undefined> {
  const [first, ...others] = await recipientsOf(entries, document, files)
  if (first?.n === undefined) return undefined
  const machines = await machinesOf(images, files)
  if (machines.some(({ n }) => n === first.n)) return undefined
  const among = (machine: MachineKey) => others.find(({ n }) => n === machine.n)
  // Without an image nobody says what is going to boot: the emulator, if it is a recipient at all.
  const [machine] = images.length > 0 ? machines : machines.filter(among)
  const recipient = machine ? among(machine) : images.length === 0 && !isTpm(first) ? others.find(isTpm) : undefined
  if (!machine && !recipient) return undefined
  return {
    first,
    ...(recipient && { recipient }),
    ...(machine && { machine }),
    isSure: machine !== undefined && images.some(({ isMade }) => isMade),
  }
}

const isTpm = ({ entry, path }: Recipient): boolean =>
  /(^|[^a-z])tpm([^a-z]|$)/i.test(`${path.text} ${entry.values.get('comment')?.text ?? ''}`)

async function recipientsOf(entries: readonly SvmBlobEntry[], document: string, files: Files): Promise<Recipient[]> {
  const recipients: Recipient[] = []
  for (const entry of entries) {
    const path = entry.kind === 'recipient' ? entry.values.get('pubkey') : undefined
    if (!path) continue
    const n = modulus(await files.read(document, path.text, KEY_LIMIT), parsePublicKey)
    recipients.push({ entry, path, ...(n !== undefined && { n }) })
  }
  return recipients
}

/** The keys of the images' machines, as far as they are known; where there is no image, the emulator's. */
async function machinesOf(images: readonly Image[], files: Files): Promise<MachineKey[]> {
  if (images.length === 0) {
    const key = emulated('the emulator', DEFAULT_SEED, files)
    return key ? [key] : []
  }
  const keys = images.map(async ({ name, configuration: { tpmKey, seed, folder } }) => {
    if (!tpmKey) return emulated(name, seed, files)
    const n = modulus(await files.host.read(joinUri(folder, tpmKey.text), KEY_LIMIT), parsePrivateKey)
    return n === undefined ? undefined : { owner: name, n }
  })
  return (await Promise.all(keys)).filter((key) => key !== undefined)
}

function emulated(owner: string, seed: number, { host }: Files): MachineKey | undefined {
  const pem = host.tpmPublicKey?.(seed)
  const n = modulus(pem === undefined ? undefined : new TextEncoder().encode(pem), parsePublicKey)
  return n === undefined ? undefined : { owner, n, seed }
}

function modulus(bytes: Uint8Array | undefined, parse: (bytes: Uint8Array) => { n: bigint }): bigint | undefined {
  try {
    return bytes && parse(bytes).n
  } catch (error) {
    if (error instanceof KeyFormatError || error instanceof RangeError) return undefined
    throw error
  }
}
