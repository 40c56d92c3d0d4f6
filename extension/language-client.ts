import { type Disposable, type ExtensionContext, Uri, workspace } from 'vscode'
import { LanguageClient, TransportKind } from 'vscode-languageclient/node'
import { log } from './log.ts'

/**
 * Starts the language server for svm_blob.yml. Without its bundle the extension still debugs: the output channel says
 * once what is missing.
 */
export async function startLanguageClient(context: ExtensionContext): Promise<Disposable | undefined> {
  const module = Uri.joinPath(context.extensionUri, 'dist', 'server.js')
  try {
    await workspace.fs.stat(module)
  } catch {
    log().warn(
      `The language server ${module.fsPath} is missing: svm_blob.yml is not checked. "npm run build" makes it.`,
    )
    return undefined
  }
  const run = { module: module.fsPath, transport: TransportKind.ipc }
  const client = new LanguageClient(
    'pef',
    'PEF language server',
    { run, debug: run },
    {
      documentSelector: [
        { language: 'svm-blob' },
        { language: 'yaml', pattern: '**/svm_blob.{yml,yaml}' },
        { language: 'yaml', pattern: '**/*.svm.{yml,yaml}' },
      ],
      outputChannel: log(),
    },
  )
  try {
    await client.start()
  } catch (error) {
    log().error(`The language server did not start: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
  return { dispose: () => void client.stop() }
}
