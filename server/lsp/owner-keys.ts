import type { RsaPrivateKey } from '../esm/crypto/rsa.ts'
import { parseSvmBlob } from '../esm/svm-blob.ts'
import type { Files } from './files.ts'
import { readPrivateKey } from './svm-blob/inspect.ts'
import { joinUri } from './uris.ts'

/** Bytes. */
const YAML_LIMIT = 1 << 16
const MOST_RECIPES = 4

/** The owner's keys of the svm_blob.yml in a folder, as far as they have no passphrase, with the paths that name them. */
export async function ownerKeys(folder: string, files: Files): Promise<{ path: string; key: RsaPrivateKey }[]> {
  const names = (await files.host.list(folder)).filter((name) => /^svm_blob\.ya?ml$|\.svm\.ya?ml$/.test(name))
  const keys: { path: string; key: RsaPrivateKey }[] = []
  for (const name of names.slice(0, MOST_RECIPES)) {
    const document = joinUri(folder, name)
    const yaml = await files.host.read(document, YAML_LIMIT)
    const { entries } = parseSvmBlob(new TextDecoder().decode(yaml))
    const path = entries.find(({ kind }) => kind === 'origin')?.values.get('seckey')?.text
    const key = path === undefined ? undefined : await readPrivateKey(document, path, files)
    if (path !== undefined && key) keys.push({ path, key })
  }
  return keys
}
