import { type ExtensionContext, Uri, workspace } from 'vscode'
import { LanguageClient } from 'vscode-languageclient/browser'
import { log } from '../log.ts'
import { CLIENT_ID, CLIENT_NAME, clientOptions, type LanguageServer, startClient } from './language-client.ts'
import { answerFileRequests } from './workspace-files.ts'

/** Starts the language server as a worker of the browser, and reads its files for it. */
export async function startServerWorker(context: ExtensionContext): Promise<LanguageServer | undefined> {
  const script = Uri.joinPath(context.extensionUri, 'dist', 'server.web.js')
  let code: Uint8Array
  try {
    code = await workspace.fs.readFile(script)
  } catch {
    log().warn(`The language server ${script.path} is missing: nothing is checked. "npm run build" makes it.`)
    return undefined
  }
  // An extension on a remote machine has an address that the browser may not start a worker from: hence a blob.
  const address = URL.createObjectURL(new Blob([code as Uint8Array<ArrayBuffer>], { type: 'text/javascript' }))
  const worker = new Worker(address)
  const client = new LanguageClient(CLIENT_ID, CLIENT_NAME, worker, clientOptions(context, { withoutCommands: true }))
  answerFileRequests(client)
  const server = await startClient(client)
  URL.revokeObjectURL(address)
  if (!server) worker.terminate()
  return server
}
