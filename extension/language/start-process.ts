import { type ExtensionContext, Uri, workspace } from 'vscode'
import { LanguageClient, TransportKind } from 'vscode-languageclient/node'
// biome-ignore lint/style/noRestrictedImports: the types of what the server asks
import type { PefClientRequests } from '../../server/lsp/protocol.ts'
import { log } from '../log.ts'
import { tpmPublicKey } from '../operand/tpm-key.ts'
import { CLIENT_ID, CLIENT_NAME, clientOptions, type LanguageServer, startClient } from './language-client.ts'

/**
 * Starts the language server as a process. Without its bundle the extension still debugs: the output channel says once what is missing.
 */
export async function startServerProcess(context: ExtensionContext): Promise<LanguageServer | undefined> {
  const module = Uri.joinPath(context.extensionUri, 'dist', 'server.js')
  try {
    await workspace.fs.stat(module)
  } catch {
    log().warn(`The language server ${module.fsPath} is missing: nothing is checked. "npm run build" makes it.`)
    return undefined
  }
  const run = { module: module.fsPath, transport: TransportKind.ipc }
  const client = new LanguageClient(
    CLIENT_ID,
    CLIENT_NAME,
    { run, debug: run },
    clientOptions(context, { tpmKeys: true }),
  )
  client.onRequest('pef/tpmPublicKey', ({ seed }: PefClientRequests['pef/tpmPublicKey']['arguments']) =>
    tpmPublicKey(context, seed),
  )
  return startClient(client)
}
