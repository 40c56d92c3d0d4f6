import { nodeCrypto } from '../../../../server/esm/crypto/node.ts'
import { createOperand, openWith } from '../../../../server/esm/edit.ts'
import { parseSvmBlob, type SvmBlob, type SvmBlobEntry } from '../../../../server/esm/svm-blob.ts'
import { type FileLooker, inspectSvmBlobFiles, makeFromSvmBlob } from '../../../../server/esm/svm-blob-files.ts'
import type { TextFinding } from '../../../../server/esm/svm-yaml.ts'
import type { Terminal } from '../../terminal.ts'
import { COMMON, debug, onFile, sealing } from './editing.ts'
import { contents, readHead, readWhole, writeOutputs } from './files.ts'
import { sha512File } from './hash.ts'
import { refuseKey } from './inputs.ts'
import { readPrivateKey } from './keys.ts'
import { ToolError, type Verb } from './verb.ts'

const isError = ({ severity }: TextFinding): boolean => severity === 'E' || severity === 'X'

/** What the YAML says, and every mistake that it and the files it names make; paths are relative to the working directory. */
export async function readRecipe(path: string, tpmPublicKeyPem?: Uint8Array, look?: FileLooker) {
  const bytes = await readWhole(path)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new ToolError(`${path}: the file is not UTF-8 text`)
  }
  refuseKey(path, text)
  const parsed = parseSvmBlob(text)
  const read = (name: string, limit: number) => readHead(name, limit).catch(() => undefined)
  const found = await inspectSvmBlobFiles(text, parsed.entries, read, nodeCrypto, tpmPublicKeyPem, look)
  return { ...parsed, text, findings: [...parsed.findings, ...found] }
}

/** `esm make`: an operand from svm_blob.yml. */
export const make: Verb = {
  usage: '[-nv] -b BLOB -y CONFIG',
  summary: 'an operand from svm_blob.yml',
  description: `Makes the operand that CONFIG describes. Its paths are relative to the working directory. Everything is checked before
anything is written: an operand that is there stays as it is where something is wrong.`,
  options: [
    ...COMMON,
    { letter: 'b', name: 'blob', value: 'BLOB', required: true, help: 'the operand, which is written' },
    { letter: 'y', name: 'config', value: 'CONFIG', required: true, help: 'svm_blob.yml' },
  ],
  example: 'pef esm make -b blob -y svm_blob.yml',
  async run(args, terminal) {
    const [config, blob] = [args.needed('config'), args.needed('blob')]
    const { document, entries, findings } = await readRecipe(config)
    const errors = findings.filter((found) => isError(found) && found.rule !== 'ESM117')
    if (errors.length > 0) throw new ToolError(errors.map((found) => describe(config, found)).join('\nesm: '))
    for (const found of findings) terminal.error(`esm: warning: ${describe(config, found)}\n`)
    const bytes = document
      ? await makeWhole(document, config, terminal)
      : await onlyOrigin(entries.find(({ kind }) => kind === 'origin')!)
    if (args.count('dry-run') > 0) return 0
    debug(args, terminal, `writing ${bytes.length} bytes to ${blob}`)
    await writeOutputs(contents(blob, bytes))
    return 0
  },
}

const describe = (path: string, { range, rule, message }: TextFinding): string =>
  `${path}:${range.start.line + 1}: ${rule}: ${message}`

async function makeWhole(document: SvmBlob, config: string, terminal: Terminal): Promise<Uint8Array> {
  const { pubkey, seckey } = document.origin
  // The owner has to be able to open what is made: with a passphrase, this is where a wrong one is told.
  const key = await readPrivateKey(seckey)
  const publicKey = await readWhole(pubkey)
  onFile(seckey, () => openWith(createOperand({ publicKey }, sealing.random(32), sealing), key, nodeCrypto))
  return onFile(config, () =>
    makeFromSvmBlob(document, readWhole, nodeCrypto, sealing.random, {
      sha512File: (path) => sha512File(path, terminal),
      allowNoRecipient: true,
    }),
  )
}

/** As svm-tool: with neither recipient nor file the digests are left out too, and others may be authorized later. */
async function onlyOrigin({ values }: SvmBlobEntry): Promise<Uint8Array> {
  const pubkey = values.get('pubkey')!.text
  const owner = { publicKey: await readWhole(pubkey), comment: values.get('comment')?.text ?? '' }
  return onFile(pubkey, () => createOperand(owner, sealing.random(32), sealing))
}
