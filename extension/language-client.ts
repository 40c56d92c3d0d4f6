import { type ExtensionContext, Uri, workspace } from 'vscode'
import { LanguageClient, TransportKind } from 'vscode-languageclient/node'
// biome-ignore lint/style/noRestrictedImports: the types of what the server answers, as adapter/protocol.ts has the adapter's
import type { InitializationOptions, PefClientRequests, PefServerRequests } from '../server/lsp/protocol.ts'
import { log } from './log.ts'
import { tpmPublicKey } from './operand/tpm-key.ts'

/** The language server, as far as commands need it. */
export interface LanguageServer {
  ask<R extends keyof PefServerRequests>(
    request: R,
    args: PefServerRequests[R]['arguments'],
  ): Promise<PefServerRequests[R]['body']>
  /** Has every open document looked at again. */
  filesChanged(): Promise<void>
  dispose(): void
}

/** Files that documents name: a change of one is a reason to look at the documents again. */
const WATCHED = '**/*.{pem,pub,sec,key,elf,img,cpio,gz,esmb,dtb,yml,yaml,json}'

/**
 * Starts the language server. Without its bundle the extension still debugs: the output channel says once what is missing.
 */
export async function startLanguageClient(context: ExtensionContext): Promise<LanguageServer | undefined> {
  const module = Uri.joinPath(context.extensionUri, 'dist', 'server.js')
  try {
    await workspace.fs.stat(module)
  } catch {
    log().warn(`The language server ${module.fsPath} is missing: nothing is checked. "npm run build" makes it.`)
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
        { language: 'json', pattern: '**/{pef.json,*.pef.json}' },
        { language: 'jsonc', pattern: '**/{pef.json,*.pef.json}' },
        { language: 'jsonc', pattern: '**/.vscode/launch.json' },
      ],
      synchronize: { fileEvents: workspace.createFileSystemWatcher(WATCHED) },
      initializationOptions: {
        rulePages: Uri.joinPath(context.extensionUri, 'server', 'rule-pages').toString(),
        tpmKeys: true,
      } satisfies InitializationOptions,
      outputChannel: log(),
    },
  )
  client.onRequest('pef/tpmPublicKey', ({ seed }: PefClientRequests['pef/tpmPublicKey']['arguments']) =>
    tpmPublicKey(context, seed),
  )
  try {
    await client.start()
  } catch (error) {
    log().error(`The language server did not start: ${error instanceof Error ? error.message : String(error)}`)
    return undefined
  }
  return {
    ask: (request, args) => client.sendRequest(request, args),
    filesChanged: () => client.sendNotification('workspace/didChangeWatchedFiles', { changes: [] }),
    dispose: () => void client.stop(),
  }
}
