/**
 * The language server as a process: `--stdio`, or `--node-ipc` when vscode-languageclient starts it. What it does is in lsp/.
 */
import { open } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node'
import { nobleCrypto } from './esm/crypto/noble.ts'
import { serve } from './lsp/language-server.ts'

/** The folder of a file uri; undefined where it is no file. */
function folderOf(uri: string, isFolder: boolean): string | undefined {
  if (!uri.startsWith('file:')) return undefined
  const path = fileURLToPath(uri)
  return isFolder ? path : join(path, '..')
}

/** Paths are relative to where svm-tool runs: a folder of the workspace, it is assumed, or the one of the YAML. */
async function read(document: string, folders: readonly string[], path: string, limit: number) {
  const bases = [...folders.map((uri) => folderOf(uri, true)), folderOf(document, false)]
  const places = isAbsolute(path) ? [path] : bases.flatMap((base) => (base === undefined ? [] : [join(base, path)]))
  for (const place of places) {
    const bytes = await readHead(place, limit)
    if (bytes) return bytes
  }
  return undefined
}

async function readHead(path: string, limit: number): Promise<Uint8Array | undefined> {
  const file = await open(path).catch(() => undefined)
  if (!file) return undefined
  try {
    const { size } = await file.stat().then((stat) => (stat.isFile() ? stat : { size: -1 }))
    if (size < 0) return undefined
    const bytes = new Uint8Array(Math.min(size, limit))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    return bytes.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

serve(createConnection(ProposedFeatures.all), { crypto: nobleCrypto, read })
