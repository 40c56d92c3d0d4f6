/** Files of the disk for the language server. */
import { existsSync } from 'node:fs'
import { open, readdir, stat } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { inspectBuildHost } from '../esm/build-host.ts'
import { nodeCrypto } from '../esm/crypto/node.ts'
import type { FileStat, ServerHost } from './host.ts'

const CHUNK_BYTES = 1 << 20

/** @param rulePages uri of the folder with the rules' pages */
export function nodeHost(rulePages: string | undefined): ServerHost {
  const buildHost = inspectBuildHost({ arch: process.arch, env: process.env, exists: existsSync })
  return {
    inspectBuildHost: () => buildHost,
    crypto: nodeCrypto,
    rulePages,
    stat: (uri) => statFile(uri),
    read: readHead,
    chunks,
    list: async (uri) => {
      const path = pathOf(uri)
      const entries = path === undefined ? [] : await readdir(path, { withFileTypes: true }).catch(() => [])
      return entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
    },
  }
}

function pathOf(uri: string): string | undefined {
  if (!uri.startsWith('file:')) return undefined
  try {
    return fileURLToPath(uri)
  } catch {
    // A host name, or a character that no path has.
    return undefined
  }
}

async function statFile(uri: string): Promise<FileStat | undefined> {
  const path = pathOf(uri)
  const found = path === undefined ? undefined : await stat(path).catch(() => undefined)
  if (!found || !(found.isFile() || found.isDirectory())) return undefined
  return {
    isFolder: found.isDirectory(),
    size: found.size,
    stamp: `${found.ino} ${found.size} ${found.mtimeMs}`,
    // Windows has access lists, of which these bits say nothing.
    ...(process.platform !== 'win32' && { readableByOthers: (found.mode & 0o044) !== 0 }),
  }
}

async function openFile(uri: string) {
  const path = pathOf(uri)
  if (path === undefined) return undefined
  // A pipe would be waited for without end.
  if (!(await stat(path).catch(() => undefined))?.isFile()) return undefined
  return open(path).catch(() => undefined)
}

async function readHead(uri: string, limit: number): Promise<Uint8Array | undefined> {
  const file = await openFile(uri)
  if (!file) return undefined
  try {
    const { size } = await file.stat()
    const bytes = new Uint8Array(Math.min(size, limit))
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0)
    return bytes.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}

async function* chunks(uri: string, from: number): AsyncGenerator<Uint8Array> {
  const file = await openFile(uri)
  if (!file) return
  try {
    const buffer = new Uint8Array(CHUNK_BYTES)
    for (let at = from; ; ) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) return
      at += bytesRead
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    await file.close()
  }
}
