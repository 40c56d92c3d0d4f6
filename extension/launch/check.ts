/** The check of launch attributes before a session starts: the adapter's own, and that the files are there. */
import type { LaunchAttributes } from '../../debug-adapter/adapter/protocol.ts'
import { AttributeError } from '../../debug-adapter/attribute-error.ts'
import { checkAttributes } from '../../debug-adapter/attributes.ts'

/** What is at a path: `undefined` where there is nothing. */
export type Stat = (path: string) => Promise<'file' | 'directory' | undefined>

const FILES: readonly (readonly [attribute: string, accepted: string])[] = [
  ['kernel', 'the path of an ELF file for ppc64le or ppc64, such as vmlinux'],
  ['initrd', 'the path of an initrd file'],
  ['operand', 'the path of an svm_blob.yml or of a finished operand'],
  ['tpm.key', 'the path of a PEM file with an RSA-2048 private key'],
]

/**
 * Says what is wrong with launch attributes, if anything is.
 * @param stat looks at a path as it was written: relative ones start at the folder of the session
 * @returns the first attribute that is wrong; undefined where all can be used
 */
export async function launchProblem(attributes: object, stat: Stat): Promise<AttributeError | undefined> {
  try {
    const checked = checkAttributes(attributes)
    const { tpm } = attributes as Partial<LaunchAttributes>
    const paths: Record<string, string | undefined> = {
      kernel: checked.kernel,
      initrd: checked.initrd,
      operand: checked.operand,
      'tpm.key': tpm?.key,
    }
    for (const [attribute, accepted] of FILES) await mustBeFile(attribute, paths[attribute], accepted, stat)
    for (const path of checked.symbols) await mustBeFile('symbols', path, 'paths of ELF files or of a System.map', stat)
    return undefined
  } catch (error) {
    if (error instanceof AttributeError) return error
    throw error
  }
}

async function mustBeFile(attribute: string, path: string | undefined, accepted: string, stat: Stat): Promise<void> {
  if (path === undefined) return
  const found = await stat(path)
  if (found === 'file') return
  throw new AttributeError(attribute, path, accepted, found ? 'it is a directory' : 'there is no such file')
}
