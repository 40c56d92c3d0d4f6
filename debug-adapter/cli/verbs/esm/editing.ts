/** svm-tool's verbs that change an operand or read one: create, authorize, revoke, attach, detach, digest, display, extract. */
import { randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { nodeCrypto } from '../../../../server/esm/crypto/node.ts'
import { KeyFormatError, parsePublicKey } from '../../../../server/esm/crypto/pem.ts'
import {
  attach,
  authorize,
  createOperand,
  detach,
  EditError,
  lockboxNumber,
  openWith,
  readOperand,
  revoke,
  sealDigests,
} from '../../../../server/esm/edit.ts'
import { KernelImageError } from '../../../../server/esm/kernel-image.ts'
import { type DigestSources, digestList, OperandError, type Sealing } from '../../../../server/esm/make.ts'
import { hexBytes } from '../../../../server/esm/reader.ts'
import { ruleOf } from '../../../../server/esm/rules.ts'
import { listAttachments, readAttachment } from '../../../../server/esm/verify/attachments.ts'
import type { Terminal } from '../../terminal.ts'
import type { Arguments, Option } from './arguments.ts'
import { contents, readHead, readWhole, writeOutputs } from './files.ts'
import { sha512File } from './hash.ts'
import { readPrivateKey } from './keys.ts'
import { printable } from './report.ts'
import { ToolError, type Verb } from './verb.ts'

export const sealing: Sealing = {
  crypto: nodeCrypto,
  random: (length) => new Uint8Array(randomBytes(length)),
}

const DRY_RUN: Option = { letter: 'n', name: 'dry-run', help: 'check and compute everything, write nothing' }
const VERBOSE: Option = { letter: 'v', name: 'verbose', help: 'say on standard error what is done' }
export const COMMON = [DRY_RUN, VERBOSE] as const
export const BLOB: Option = { letter: 'b', name: 'blob', value: 'BLOB', required: true, help: 'the operand' }
const COMMENT: Option = { letter: 'c', name: 'comment', value: 'TEXT', help: 'one line, stored in clear' }
const SECKEY: Option = {
  letter: 's',
  name: 'seckey',
  value: 'SECKEY',
  required: true,
  help: "the owner's private key; its passphrase is asked for where it has one",
}
const PUBKEY: Option = {
  letter: 'p',
  name: 'pubkey',
  value: 'PUBKEY',
  required: true,
  help: 'an RSA public key, PEM or DER',
}

/** Tells on standard error what is done, where -v asks for it. */
export function debug(args: Arguments, terminal: Terminal, text: string): void {
  if (args.count('verbose') > 0) terminal.error(`esm: debug1: ${text}\n`)
}

/** Runs what works on an operand, and names the file in what goes wrong. */
export function onFile<T>(path: string, work: () => T): T {
  const told = (error: unknown): never => {
    throw named(path, error)
  }
  try {
    const result = work()
    return result instanceof Promise ? (result.catch(told) as T) : result
  } catch (error) {
    return told(error)
  }
}

function named(path: string, error: unknown): unknown {
  if (error instanceof EditError || error instanceof KeyFormatError) return new ToolError(`${path}: ${error.message}`)
  if (error instanceof KernelImageError) return new ToolError(`${path}: ${error.finding.rule}: ${error.message}`)
  if (!(error instanceof OperandError)) return error
  const isTheOperand = error.findings.every(({ rule }) => ruleOf(rule).stage === 'esm')
  return new ToolError(`${path}${isTheOperand ? ' is invalid' : ''}: ${error.message}`)
}

/** Writes the changed operand in place of the old one, unless -n. */
async function replace(args: Arguments, terminal: Terminal, bytes: Uint8Array): Promise<number> {
  const path = args.needed('blob')
  if (args.count('dry-run') > 0) return 0
  debug(args, terminal, `writing ${bytes.length} bytes to ${path}`)
  await writeOutputs(contents(path, bytes))
  return 0
}

/** The operand and its master key. */
async function opened(args: Arguments): Promise<{ blob: Uint8Array; masterKey: Uint8Array }> {
  const [path, seckey] = [args.needed('blob'), args.needed('seckey')]
  const blob = await readWhole(path)
  onFile(path, () => readOperand(blob))
  const key = await readPrivateKey(seckey)
  return { blob, masterKey: onFile(seckey, () => openWith(blob, key, nodeCrypto)) }
}

const create: Verb = {
  usage: '[-nv] [-c TEXT] -b BLOB -p PUBKEY',
  summary: 'a new operand that only its owner can open',
  description: "Makes an operand with a new key, which is locked up for the owner's public key.",
  options: [...COMMON, COMMENT, { ...BLOB, help: 'the operand, which is written' }, PUBKEY],
  example: 'pef esm create -b blob -p owner.pub',
  async run(args, terminal) {
    const pubkey = args.needed('pubkey')
    const publicKey = await readWhole(pubkey)
    const owner = { publicKey, comment: args.value('comment') ?? '' }
    return replace(
      args,
      terminal,
      onFile(pubkey, () => createOperand(owner, sealing.random(32), sealing)),
    )
  },
}

const authorizeVerb: Verb = {
  usage: '[-nv] [-c TEXT] -b BLOB -p PUBKEY... -s SECKEY',
  summary: 'let the holder of a public key open the operand',
  description: `Adds a lockbox for each -p, in order. The ultravisor opens lockbox-1 only: the first key that is authorized has to be
the wrapping key of the machine that is to boot.`,
  options: [...COMMON, COMMENT, BLOB, { ...PUBKEY, help: `${PUBKEY.help}; may be repeated` }, SECKEY],
  example: 'pef esm authorize -b blob -p tpm.pem -s owner.key -c "the build machine"',
  async run(args, terminal) {
    const pubkeys = args.values('pubkey')
    const comment = args.value('comment') ?? ''
    const files = await Promise.all(pubkeys.map(readWhole))
    for (const [i, path] of pubkeys.entries()) onFile(path, () => parsePublicKey(files[i]!))
    const { blob, masterKey } = await opened(args)
    const changed = pubkeys.reduce(
      (bytes, path, i) => onFile(path, () => authorize(bytes, [{ publicKey: files[i]!, comment }], masterKey, sealing)),
      blob,
    )
    return replace(args, terminal, changed)
  },
}

const revokeVerb: Verb = {
  usage: '[-nv] -b BLOB -p PUBKEY',
  summary: 'remove the lockbox of a public key',
  description: 'Removes the lockbox that carries the fingerprint of this very file. The key itself does not change.',
  options: [...COMMON, BLOB, PUBKEY],
  example: 'pef esm revoke -b blob -p tpm.pem',
  async run(args, terminal) {
    const [path, pubkey] = [args.needed('blob'), args.needed('pubkey')]
    const blob = await readWhole(path)
    onFile(path, () => readOperand(blob))
    const publicKey = await readWhole(pubkey)
    return replace(
      args,
      terminal,
      onFile(pubkey, () => revoke(blob, publicKey, nodeCrypto)),
    )
  },
}

/** The length of an attachment is kept in 16 bits (spec/esm-operand.md §12.4, ESM067). */
const MOST_ATTACHED = 0xffff

const attachVerb: Verb = {
  usage: '[-nv] [-c TEXT] [-r NAME] -b BLOB -f FILE -s SECKEY',
  summary: 'encrypt a file into the operand',
  description: 'Attaches a file of less than 64 KiB. The secure VM reads it by its name.',
  options: [
    ...COMMON,
    COMMENT,
    { letter: 'r', name: 'name', value: 'NAME', help: 'its name in the operand; default: the last part of its path' },
    BLOB,
    { letter: 'f', name: 'file', value: 'FILE', required: true, help: 'the file' },
    SECKEY,
  ],
  example: 'pef esm attach -b blob -f disk.key -r rootd -s owner.key',
  async run(args, terminal) {
    const file = args.needed('file')
    const bytes = await readHead(file, MOST_ATTACHED + 1)
    if (bytes.length > MOST_ATTACHED)
      throw new ToolError(`${file}: ESM067: it has more than the ${MOST_ATTACHED} bytes that an attachment can have`)
    // An empty -r is none, as in svm-tool.
    const name = args.value('name') || basename(file)
    const { blob, masterKey } = await opened(args)
    const attachment = { name, bytes, comment: args.value('comment') ?? '' }
    return replace(
      args,
      terminal,
      onFile(file, () => attach(blob, [attachment], masterKey, sealing)),
    )
  },
}

const detachVerb: Verb = {
  usage: '[-nv] -b BLOB -f NAME',
  summary: 'remove an attachment',
  description: 'Removes an attachment by its name in the operand.',
  options: [
    ...COMMON,
    BLOB,
    { letter: 'f', name: 'file', value: 'NAME', required: true, help: 'its name in the operand' },
  ],
  example: 'pef esm detach -b blob -f rootd',
  async run(args, terminal) {
    const [path, name] = [args.needed('blob'), args.needed('file')]
    const blob = await readWhole(path)
    onFile(path, () => readOperand(blob))
    return replace(
      args,
      terminal,
      onFile(name, () => detach(blob, name)),
    )
  },
}

const extract: Verb = {
  usage: '[-nv] -b BLOB -f NAME -s SECKEY',
  summary: 'decrypt an attachment to standard output',
  description: 'Prints the bytes of an attachment. With -n it is decrypted and not printed.',
  options: [
    ...COMMON,
    COMMENT,
    BLOB,
    { letter: 'f', name: 'file', value: 'NAME', required: true, help: 'its name in the operand' },
    SECKEY,
  ],
  example: 'pef esm extract -b blob -f rootd -s owner.key > disk.key',
  async run(args) {
    const name = args.needed('file')
    const { blob, masterKey } = await opened(args)
    const { filesFdt } = readOperand(blob)
    const { bytes, findings } = filesFdt ? readAttachment(filesFdt, name, masterKey, nodeCrypto) : { findings: [] }
    if (findings.length > 0)
      throw new ToolError(`${name}: ${findings.map((f) => `${f.rule}: ${f.message}`).join('; ')}`)
    if (!bytes) throw new ToolError(`${name}: not attached`)
    if (args.count('dry-run') === 0) await new Promise<void>((done) => process.stdout.write(bytes, () => done()))
    return 0
  },
}

/** What digests are made of, by the options -a, -i and -k. */
export const DIGEST_SOURCES: readonly Option[] = [
  { letter: 'a', name: 'args', value: 'ARGS', required: true, help: 'the kernel command line, exactly' },
  { letter: 'i', name: 'initramfs', value: 'INITRAMFS', required: true, help: 'the initrd without an operand' },
  { letter: 'k', name: 'kernel', value: 'KERNEL', required: true, help: 'vmlinux, an ELF file' },
]

export async function digestsOf(args: Arguments, terminal: Terminal): Promise<ReturnType<typeof digestList>> {
  const kernel = args.needed('kernel')
  const sources: DigestSources = {
    kernel: await readWhole(kernel),
    initrd: { sha512: await sha512File(args.needed('initramfs'), terminal) },
    bootargs: args.needed('args'),
  }
  return onFile(kernel, () => digestList(sources, nodeCrypto))
}

const digest: Verb = {
  usage: '[-nv] [-c TEXT] -b BLOB -s SECKEY -a ARGS -i INITRAMFS -k KERNEL',
  summary: 'put the digests of what boots into the operand',
  description:
    'Computes the digests of kernel, initrd and command line, and seals them in place of those that are there.',
  options: [...COMMON, COMMENT, BLOB, SECKEY, ...DIGEST_SOURCES],
  example: 'pef esm digest -b blob -s owner.key -a "root=/dev/vda svm=on" -i initrd.img -k vmlinux',
  async run(args, terminal) {
    const { blob, masterKey } = await opened(args)
    const list = await digestsOf(args, terminal)
    const comment = args.value('comment') ?? ''
    const path = args.needed('blob')
    return replace(
      args,
      terminal,
      onFile(path, () => sealDigests(blob, list, comment, masterKey, sealing)),
    )
  },
}

const display: Verb = {
  usage: '[-v] -b BLOB',
  summary: 'list lockboxes and attachments',
  description: `One line each: "origin" or "recipient", the fingerprint of its public key, and its comment; the owner first. Then
"file", name and comment for each attachment.`,
  options: [VERBOSE, BLOB],
  example: 'pef esm display -b blob',
  async run(args, terminal) {
    const path = args.needed('blob')
    const blob = await readWhole(path)
    const operand = onFile(path, () => readOperand(blob))
    for (const box of [...operand.lockboxes].sort((a, b) => lockboxNumber(a) - lockboxNumber(b))) {
      const who = lockboxNumber(box) === 0 ? 'origin' : 'recipient'
      terminal.out(`${who} ${hexBytes(box.fingerprint!)} untrusted-comment ${printable(box.comment!)}\n`)
    }
    for (const { name, comment } of listAttachments(operand.filesFdt))
      terminal.out(`file ${printable(`${name} untrusted-comment ${comment ?? ''}`)}\n`)
    return 0
  },
}

export const editingVerbs: Readonly<Record<string, Verb>> = {
  create,
  authorize: authorizeVerb,
  attach: attachVerb,
  detach: detachVerb,
  digest,
  display,
  extract,
  revoke: revokeVerb,
}
