import { type Connection, type InitializeResult, TextDocumentSyncKind, TextDocuments } from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import type { CryptoProvider } from '../esm/crypto/provider.ts'
import type { TextFinding } from '../esm/svm-yaml.ts'
import { inspectText, isSvmBlob, toDiagnostic } from './diagnostics.ts'
import { hoverAt } from './hover.ts'

/** What the server needs from the world around it. */
export interface ServerHost {
  readonly crypto: CryptoProvider
  /**
   * Reads the beginning of a file that a document names.
   * @param document uri of the document
   * @param folders  uris of the workspace's folders
   * @param path     as the document has it
   * @param limit    bytes that are wanted at most
   * @returns undefined where there is no such file
   */
  read(document: string, folders: readonly string[], path: string, limit: number): Promise<Uint8Array | undefined>
}

/** Time without a change after which a document is looked at, in milliseconds. */
const QUIET_MS = 100

/** Diagnostics as one types, and hover, for svm_blob.yml. Serves until the connection ends. */
export function serve(connection: Connection, host: ServerHost): void {
  const documents = new TextDocuments(TextDocument)
  const findings = new Map<string, readonly TextFinding[]>()
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  let folders: readonly string[] = []

  connection.onInitialize((params): InitializeResult => {
    folders = params.workspaceFolders?.map(({ uri }) => uri) ?? []
    return {
      capabilities: { textDocumentSync: TextDocumentSyncKind.Incremental, hoverProvider: true },
      serverInfo: { name: 'pef' },
    }
  })

  const inspect = async ({ uri, version, languageId }: TextDocument) => {
    const document = documents.get(uri)
    if (!document || document.version !== version || !isSvmBlob(languageId, uri)) return
    const read = (path: string, limit: number) => host.read(uri, folders, path, limit)
    const found = await inspectText(document.getText(), read, host.crypto)
    // While files were read the text may have changed: another look is under way then.
    if (documents.get(uri)?.version !== version) return
    findings.set(uri, found)
    await connection.sendDiagnostics({ uri, version, diagnostics: found.map(toDiagnostic) })
  }

  const schedule = (document: TextDocument, delay: number) => {
    clearTimeout(timers.get(document.uri))
    const run = () => {
      timers.delete(document.uri)
      inspect(document).catch((error) => connection.console.error(`${document.uri}: ${String(error)}`))
    }
    timers.set(document.uri, setTimeout(run, delay))
  }

  // A document that is opened changes, too: so this is its first look as well.
  documents.onDidChangeContent(({ document }) => schedule(document, findings.has(document.uri) ? QUIET_MS : 0))
  documents.onDidSave(({ document }) => schedule(document, 0))
  documents.onDidClose(({ document: { uri } }) => {
    clearTimeout(timers.get(uri))
    timers.delete(uri)
    findings.delete(uri)
    void connection.sendDiagnostics({ uri, diagnostics: [] })
  })
  // Files that documents name may have come or gone.
  connection.onDidChangeWatchedFiles(() => {
    for (const document of documents.all()) schedule(document, QUIET_MS)
  })
  connection.onHover(({ textDocument: { uri }, position }) => {
    const document = documents.get(uri)
    if (!document || !isSvmBlob(document.languageId, uri)) return undefined
    return hoverAt(document.getText(), position, findings.get(uri) ?? [])
  })

  documents.listen(connection)
  connection.listen()
}
