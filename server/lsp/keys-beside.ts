import type { NamedKey } from '../esm/operand-model.ts'
import { parseSvmBlob } from '../esm/svm-blob.ts'
import type { Files } from './files.ts'
import { configurationsOf } from './image/configurations.ts'
import { readPrivateKey } from './svm-blob/inspect.ts'
import { joinUri } from './uris.ts'

/** Bytes. */
const TEXT_LIMIT = 1 << 16
/** Of each kind. */
const MOST_DOCUMENTS = 4

/**
 * The private keys that documents in a folder name, as far as they have no passphrase, with the paths that name them: the owner's of its
 * svm_blob.yml, the TPM's of its images.
 */
export async function keysBeside(folder: string, files: Files): Promise<NamedKey[]> {
  const names = await files.host.list(folder)
  const keys: NamedKey[] = []
  const collect = async (pattern: RegExp, pathsIn: (text: string, document: string) => (string | undefined)[]) => {
    for (const name of names.filter((one) => pattern.test(one)).slice(0, MOST_DOCUMENTS)) {
      const document = joinUri(folder, name)
      const text = new TextDecoder().decode(await files.host.read(document, TEXT_LIMIT))
      for (const path of pathsIn(text, document)) {
        const key = path === undefined ? undefined : await readPrivateKey(document, path, files)
        if (path !== undefined && key) keys.push({ name: path, key })
      }
    }
  }
  await collect(/^svm_blob\.ya?ml$|\.svm\.ya?ml$/, (text) => {
    const { entries } = parseSvmBlob(text)
    return [entries.find(({ kind }) => kind === 'origin')?.values.get('seckey')?.text]
  })
  await collect(/^(?:.+\.)?pef\.json$/, (text, document) =>
    configurationsOf(text, document, 'image').map(({ tpmKey }) => tpmKey?.text),
  )
  return keys
}
