import { existsSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { inspectBuildHost } from '../../../../server/esm/build-host.ts'
import { locateOperand } from '../../../../server/esm/cpio.ts'
import { type Finding, finding } from '../../../../server/esm/findings.ts'
import { flattenKernel, KernelImageError } from '../../../../server/esm/kernel-image.ts'
import { sameBytes } from '../../../../server/esm/reader.ts'
import type { SvmBlobEntry } from '../../../../server/esm/svm-blob.ts'
import type { FileLooker } from '../../../../server/esm/svm-blob-files.ts'
import type { YamlText } from '../../../../server/esm/svm-yaml.ts'
import type { Terminal } from '../../terminal.ts'
import { type Given, initrdSecret } from './check.ts'
import { readWhole } from './files.ts'
import { sha512File } from './hash.ts'
import { withSource } from './inputs.ts'
import { readRecipe } from './make.ts'
import type { Located } from './report.ts'
import { ToolError } from './verb.ts'

/** svm_blob.yml: what it says, what its files say, and whether it describes the image that is given beside it. */
export async function checkRecipe(path: string, given: Given, terminal: Terminal): Promise<readonly Located[]> {
  const pem = given.tpm.tpmPublicKeyPem
  const { entries, findings } = await readRecipe(path, pem instanceof Uint8Array ? pem : undefined, lookAt)
  const found: Located[] = findings.map((f) => ({ finding: f, file: path, range: f.range }))
  const digest = entries.find(({ kind }) => kind === 'digest')
  const at = (place: YamlText | undefined, difference: Finding | undefined) => {
    if (place && difference) found.push({ finding: difference, file: path, range: place.range })
  }
  if (digest) {
    at(digest.values.get('kernel'), inspectBuildHost({ arch: process.arch, env: process.env, exists: existsSync }))
    const [args, kernel, initramfs] = ['args', 'kernel', 'initramfs'].map((key) => digest.values.get(key))
    if (given.append !== undefined && args && args.text !== given.append)
      at(args, finding('ESM057', { expected: JSON.stringify(given.append), found: JSON.stringify(args.text) }))
    at(kernel, await differentKernel(digest, given))
    for (const found of await differentInitrd(digest, given, terminal)) at(initramfs, found)
    if (initramfs) at(initramfs, await initrdSecret(initramfs.text, terminal).catch(noneForToolError))
  }
  return found
}

/** Without the rights of private keys (ESM140): where this runs, in CI, a checkout has made them anew. */
const lookAt: FileLooker = async (path) => {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() ? { size: found.size } : undefined
}

async function differentKernel({ values }: SvmBlobEntry, { kernel }: Given): Promise<Finding | undefined> {
  const named = values.get('kernel')?.text
  if (named === undefined || kernel === undefined || named === kernel) return undefined
  const theirs = flat(await readWhole(kernel))
  // That the file of the YAML is missing, or is no kernel, has rules of its own.
  const ours = flat(await readWhole(named).catch(noneForToolError))
  if (!ours || !theirs || sameBytes(ours, theirs)) return undefined
  return finding('ESM054', { expected: `what is in ${kernel}`, found: `another kernel in ${named}` })
}

function flat(elf: Uint8Array | undefined): Uint8Array | undefined {
  try {
    return elf && flattenKernel(elf).bytes
  } catch (error) {
    if (error instanceof KernelImageError) return undefined
    throw error
  }
}

function noneForToolError(error: unknown): undefined {
  if (!(error instanceof ToolError)) throw error
}

async function differentInitrd(
  { values }: SvmBlobEntry,
  { initrd, isAttached }: Given,
  terminal: Terminal,
): Promise<readonly Finding[]> {
  const named = values.get('initramfs')?.text
  if (named === undefined || initrd === undefined || named === initrd) return []
  const located = await withSource(initrd, (source) => locateOperand(source))
  // Beside a recipe a finished image is as good as its initrd; an image that has the recipe as its operand gets a second one.
  const findings =
    isAttached && located.operand ? [finding('ESM121', { found: `an operand in front of ${initrd}` })] : []
  const theirs = await sha512File(initrd, terminal, !isAttached && located.operand ? located.archiveBytes : 0)
  const ours = await sha512File(named, terminal).catch(noneForToolError)
  if (!ours || sameBytes(ours, theirs)) return findings
  return [...findings, finding('ESM056', { expected: `what is in ${initrd}`, found: `another initrd in ${named}` })]
}
