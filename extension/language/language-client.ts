/** What the clients of the language server have in common, on a machine and in a browser. */
import { type ExtensionContext, Uri, workspace } from 'vscode'
import type { BaseLanguageClient, LanguageClientOptions } from 'vscode-languageclient'
// biome-ignore lint/style/noRestrictedImports: the types of what the server answers, as adapter/protocol.ts has the adapter's
import type { InitializationOptions, PefServerRequests } from '../../server/lsp/protocol.ts'
import { log } from '../log.ts'

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

export const CLIENT_ID = 'pef'
export const CLIENT_NAME = 'PEF language server'

/** Files that documents name: a change of one is a reason to look at the documents again. */
const WATCHED = '**/*.{pem,pub,sec,key,elf,img,cpio,gz,esmb,dtb,yml,yaml,json}'

/** @param options what the server is told beside the place of the rules' pages */
export function clientOptions(
  context: ExtensionContext,
  options: Omit<InitializationOptions, 'rulePages'>,
): LanguageClientOptions {
  return {
    documentSelector: [
      { language: 'svm-blob' },
      { language: 'esm-dts' },
      // Whichever extension has the language: the server looks whether it is the source of an operand.
      { pattern: '**/*.dts' },
      { language: 'yaml', pattern: '**/svm_blob.{yml,yaml}' },
      { language: 'yaml', pattern: '**/*.svm.{yml,yaml}' },
      { language: 'json', pattern: '**/{pef.json,*.pef.json}' },
      { language: 'jsonc', pattern: '**/{pef.json,*.pef.json}' },
      { language: 'jsonc', pattern: '**/.vscode/launch.json' },
    ],
    synchronize: { fileEvents: workspace.createFileSystemWatcher(WATCHED) },
    initializationOptions: {
      rulePages: Uri.joinPath(context.extensionUri, 'server', 'rule-pages').toString(),
      ...options,
    } satisfies InitializationOptions,
    outputChannel: log(),
  }
}

/** @returns undefined where the server does not start: the output channel says why, and the rest of the extension works without it */
export async function startClient(client: BaseLanguageClient): Promise<LanguageServer | undefined> {
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
