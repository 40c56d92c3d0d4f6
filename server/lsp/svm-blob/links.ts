/** Where the things that an svm_blob.yml names are. */
import type { LocationLink } from 'vscode-languageserver'
import { ENTRY_KINDS, type SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { Position } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import type { PefServerRequests } from '../protocol.ts'
import { contains, inLine } from '../ranges.ts'
import { digestEntry } from './inspect.ts'
import { valueAt } from './symbols.ts'

/** The file that the path at a place leads to. */
export async function definitionAt(
  entries: readonly SvmBlobEntry[],
  position: Position,
  document: string,
  files: Files,
): Promise<LocationLink[]> {
  const found = valueAt(entries, (range) => contains(range, position))
  if (!found || !ENTRY_KINDS[found.entry.kind].paths.includes(found.name)) return []
  const file = await files.find(document, found.value.text)
  if (!file) return []
  const start = inLine(0, 0, 0)
  const { range } = found.value
  return [
    {
      targetUri: file.uri,
      targetRange: start,
      targetSelectionRange: start,
      originSelectionRange: { start: range.start, end: range.end },
    },
  ]
}

/** What the VM of a recipe boots. */
export async function recipeOf(
  entries: readonly SvmBlobEntry[],
  document: string,
  files: Files,
): Promise<PefServerRequests['pef/recipe']['body']> {
  const { kernel, initramfs, args } = digestEntry(entries)
  const place = async (path: string) => (await files.find(document, path))?.uri ?? path
  return {
    ...(kernel && { kernel: await place(kernel.text) }),
    ...(initramfs && { initrd: await place(initramfs.text) }),
    ...(args && { bootargs: args.text }),
  }
}
