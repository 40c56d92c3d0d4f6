/** Files of the workspace for a language server in a browser: VS Code reads them, wherever they are. */
import { FileType, Uri, workspace } from 'vscode'
import type { BaseLanguageClient } from 'vscode-languageclient'
// biome-ignore lint/style/noRestrictedImports: the types of what the server asks
import type { PefClientRequests as Requests } from '../../server/lsp/protocol.ts'

export function answerFileRequests(client: BaseLanguageClient): void {
  client.onRequest('pef/stat', statFile)
  client.onRequest('pef/read', readFile)
  client.onRequest('pef/list', listFolder)
}

async function statFile({ uri }: Requests['pef/stat']['arguments']): Promise<Requests['pef/stat']['body']> {
  const found = await orNull(workspace.fs.stat(Uri.parse(uri)))
  // A link has the bit of what it leads to as well.
  if (!found || !(found.type & (FileType.File | FileType.Directory))) return null
  const isFolder = (found.type & FileType.Directory) !== 0
  return { isFolder, size: found.size, stamp: `${found.size} ${found.mtime}` }
}

/** The beginning of the large file that was asked for last: of an initrd it is looked at with every key that is pressed. */
let lastHead: { readonly of: string; readonly bytes: Uint8Array } | undefined

async function readFile({ uri, limit }: Requests['pef/read']['arguments']): Promise<Requests['pef/read']['body']> {
  const found = await statFile({ uri })
  const of = `${limit} ${uri} ${found?.stamp}`
  if (lastHead?.of === of) return lastHead.bytes
  // There is no way to ask VS Code for a part of a file.
  const bytes = await orNull(workspace.fs.readFile(Uri.parse(uri)))
  if (!bytes || bytes.length <= limit) return bytes
  lastHead = { of, bytes: bytes.slice(0, limit) }
  return lastHead.bytes
}

async function listFolder({ uri }: Requests['pef/list']['arguments']): Promise<Requests['pef/list']['body']> {
  const entries = (await orNull(workspace.fs.readDirectory(Uri.parse(uri)))) ?? []
  return entries.map(([name, type]) => (type & FileType.Directory ? `${name}/` : name)).sort()
}

/** Null where there is no such file: what a document names need not exist. */
function orNull<T>(asked: Thenable<T>): Promise<T | null> {
  return Promise.resolve(asked).catch(() => null)
}
