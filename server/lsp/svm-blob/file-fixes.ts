/** Quick fixes that look at files: paths, keys, and what an operand has to agree with. */
import type { TextEdit } from 'vscode-languageserver'
import { inspectKernelHead } from '../../esm/kernel-image.ts'
import type { TextRange } from '../../esm/svm-yaml.ts'
import { type Fix, nearestPath } from '../fix.ts'
import { linesOf } from '../ranges.ts'
import { isAbsolutePath, joinUri, nameOf, parentOf } from '../uris.ts'
import { entryOf, type FixContext, insertLines, quoted, replace, valueHere } from './fix-context.ts'
import { imagesFor } from './images.ts'
import { missedMachine } from './machine.ts'
import { blocksOf } from './symbols.ts'
import { plainTemplate } from './words.ts'

/** Bytes. */
const HEAD_LIMIT = 1 << 16

/** Files of nearly that name in the folder where it should be; for keys of the owner a new pair. */
export async function missingFile(context: FixContext): Promise<Fix[]> {
  const value = valueHere(context)
  if (!value) return []
  const { document, files } = context
  const near = await nearestPath(value.text, files.candidates(document, value.text), files)
  const fixes: Fix[] = near
    ? [{ title: `Change it to "${near}"`, edits: [replace(context, quoted(near))], preferred: true }]
    : []
  const entry = entryOf(context)
  const [pubkey, seckey] = [entry?.values.get('pubkey')?.text, entry?.values.get('seckey')?.text]
  if (entry?.kind === 'origin' && pubkey && seckey && !isAbsolutePath(pubkey))
    fixes.push({
      title: `Generate the key pair ${pubkey}, ${seckey}`,
      command: { title: 'Generate a key pair', command: 'pef.generateKeyPair', arguments: [document, pubkey, seckey] },
    })
  if (entry?.kind === 'recipient' && pubkey)
    fixes.push({
      title: `Write the key of the emulated TPM into ${pubkey}`,
      command: { title: 'Write the TPM key', command: 'pef.writeTpmKey', arguments: [document, pubkey] },
    })
  return fixes
}

/** A kernel, initrd or command line is not what an image boots, or what an operand was made with. */
export async function agree(context: FixContext): Promise<Fix[]> {
  const { document, files, parsed, finding } = context
  const value = valueHere(context)
  if (!value) return []
  const rebuild: Fix = {
    title: `Build the operand again from ${nameOf(document)}`,
    command: { title: 'Build the operand', command: 'pef.buildOperand', arguments: [document] },
  }
  const name = ({ ESM054: 'kernel', ESM056: 'initrd' } as const)[finding.rule]
  const wanted = new Set<string>()
  for (const { configuration, isMade } of await imagesFor(parsed.entries, document, files)) {
    const text = name ? configuration[name]?.text : (configuration.bootargs?.text ?? '')
    // A path is the same in both only where they are in one folder.
    const isPlaced = name === undefined || (isMade && configuration.folder === parentOf(document))
    if (isPlaced && text !== undefined && text !== value.text) wanted.add(text)
  }
  const changes = [...wanted].map(
    (text, i): Fix => ({
      title: `Change it to ${quoted(text)}`,
      edits: [replace(context, quoted(text))],
      preferred: i === 0,
    }),
  )
  return changes.length > 0 ? [...changes, rebuild] : [{ ...rebuild, preferred: true }]
}

/** The public half of a private key into a file of its own, or the canonical form of a public key into its file. */
export function exportPublicKey(context: FixContext): Fix[] {
  const { document, finding } = context
  const values = entryOf(context)?.values
  const [pubkey, seckey] = [values?.get('pubkey')?.text, values?.get('seckey')?.text]
  if (pubkey === undefined) return []
  const command = (from: string, to: string) => ({
    title: 'Write the public key',
    command: 'pef.exportPublicKey',
    arguments: [document, from, to],
  })
  switch (finding.rule) {
    case 'ESM113': {
      const to = `${pubkey.replace(/\.(sec|key|pem|der)$/, '')}.pub`
      const edits = [replace(context, quoted(to))]
      return [
        {
          title: `Write its public half into ${to}, and name that`,
          edits,
          command: command(pubkey, to),
          preferred: true,
        },
      ]
    }
    case 'ESM114':
      return seckey === undefined
        ? []
        : [{ title: `Write the public half of ${seckey} into ${pubkey}`, command: command(seckey, pubkey) }]
    default:
      return [
        { title: `Write ${pubkey} again in the canonical form`, command: command(pubkey, pubkey), preferred: true },
      ]
  }
}

/** The vmlinux in the folder of what is no kernel. */
export async function anyVmlinux(context: FixContext): Promise<Fix[]> {
  const value = valueHere(context)
  if (!value) return []
  const { document, files } = context
  const folder = value.text.slice(0, value.text.lastIndexOf('/') + 1)
  for (const uri of files.candidates(document, value.text))
    for (const name of (await files.host.list(parentOf(uri))).filter((one) => /^vmlinux[^/]*$/.test(one))) {
      const head = await files.host.read(joinUri(parentOf(uri), name), HEAD_LIMIT)
      if (head && inspectKernelHead(head) === undefined)
        return [
          {
            title: `Change it to "${folder}${name}"`,
            edits: [replace(context, quoted(folder + name))],
            preferred: true,
          },
        ]
    }
  return []
}

/** The recipient that the machine is moves up; where there is none, the key of the emulated TPM becomes one. */
export async function machineFirst(context: FixContext): Promise<Fix[]> {
  const { text, parsed, document, files } = context
  const images = await imagesFor(parsed.entries, document, files)
  const missed = await missedMachine(parsed.entries, images, document, files)
  if (!missed) return []
  const blocks = blocksOf(text, parsed.entries)
  const first = blocks.get(missed.first.entry)!
  if (missed.recipient) {
    const edits = moveUp(text, blocks.get(missed.recipient.entry)!, first)
    return [{ title: `Make ${missed.recipient.path.text} the first recipient`, edits, preferred: true }]
  }
  const seed = missed.machine?.seed
  if (seed === undefined) return []
  const names = await files.host.list(parentOf(document))
  let path = 'tpm.pem'
  for (let number = 2; names.includes(path); number++) path = `tpm-${number}.pem`
  const [head, ...values] = plainTemplate('recipient').map((line) => line.replace('"tpm.pem"', quoted(path)))
  return [
    {
      title: `Add the key of the emulated TPM as the first recipient: ${path}`,
      edits: [insertLines(text, first.start.line, [`- ${head}`, ...values])],
      command: { title: 'Write the TPM key', command: 'pef.writeTpmKey', arguments: [document, path, String(seed)] },
      preferred: true,
    },
  ]
}

function moveUp(text: string, block: TextRange, before: TextRange): TextEdit[] {
  const lines = linesOf(text)
  const end = block.end.character === 0 ? block.end.line : block.end.line + 1
  const moved = lines.slice(block.start.line, end)
  return [insertLines(text, before.start.line, moved), { range: block as TextEdit['range'], newText: '' }]
}
