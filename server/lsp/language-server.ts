/** The language server: which document gets which answer. What the answers are stands in the folders of the languages. */
import {
  type Connection,
  type InitializeResult,
  ResponseError,
  type ServerCapabilities,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { type Analysis, analyse, fixesOf } from './analysis.ts'
import { operandDiagnostics, toDiagnostic } from './diagnostics.ts'
import { dtsCompletion, dtsDefinition, dtsFolds, dtsHover, dtsSymbols } from './dts/language.ts'
import { Files } from './files.ts'
import { findingOf, toAction } from './fix.ts'
import type { ServerHost } from './host.ts'
import { languageOf } from './languages.ts'
import { withOpenDocuments } from './open-documents.ts'
import { operandModel } from './operand/model.ts'
import type { InitializationOptions, PefServerRequests } from './protocol.ts'
import { dtsTokens, svmBlobTokens, TOKEN_LEGEND } from './semantic-tokens.ts'
import { completeSvmBlob } from './svm-blob/completion.ts'
import { attachmentAt, formatSvmBlob, renameProblem } from './svm-blob/edits.ts'
import { codeLenses, dtsLenses, inlayHints } from './svm-blob/hints.ts'
import { hoverAt } from './svm-blob/hover.ts'
import type { SvmBlobAnalysis } from './svm-blob/language.ts'
import { definitionAt, recipeOf } from './svm-blob/links.ts'
import { foldsOf, symbolsOf } from './svm-blob/symbols.ts'
import { parentOf } from './uris.ts'

/** Time without a change after which a document is looked at, in milliseconds: keys that are held down are one change. */
const QUIET_MS = 8
/** And after which those are looked at again that may be about it. */
const OTHERS_MS = 200

const CAPABILITIES: ServerCapabilities = {
  textDocumentSync: TextDocumentSyncKind.Incremental,
  hoverProvider: true,
  completionProvider: { triggerCharacters: ['/', '"', ' ', '-'] },
  definitionProvider: true,
  documentSymbolProvider: true,
  foldingRangeProvider: true,
  codeActionProvider: { codeActionKinds: ['quickfix'] },
  codeLensProvider: {},
  inlayHintProvider: true,
  documentFormattingProvider: true,
  renameProvider: { prepareProvider: true },
  semanticTokensProvider: { legend: TOKEN_LEGEND, full: true },
}

/** Serves until the connection ends. */
export function serve(connection: Connection, makeHost: (rulePages: string | undefined) => ServerHost): void {
  const documents = new TextDocuments(TextDocument)
  const analyses = new Map<string, Analysis>()
  const timers = new Map<string, ReturnType<typeof setTimeout>>()
  let files = new Files(makeHost(undefined))
  let snippets = false
  let refreshHints = false
  let refreshTokens = false
  let commands = true

  connection.onInitialize(({ workspaceFolders, capabilities, initializationOptions }): InitializeResult => {
    const { rulePages, tpmKeys, withoutCommands } = (initializationOptions ?? {}) as InitializationOptions
    const host = withOpenDocuments(makeHost(rulePages), documents)
    files = new Files(tpmKeys ? { ...host, tpmPublicKey } : host)
    files.folders = workspaceFolders?.map(({ uri }) => uri) ?? []
    snippets = capabilities.textDocument?.completion?.completionItem?.snippetSupport === true
    commands = !withoutCommands
    refreshHints = capabilities.workspace?.inlayHint?.refreshSupport === true
    refreshTokens = capabilities.workspace?.semanticTokens?.refreshSupport === true
    return { capabilities: CAPABILITIES, serverInfo: { name: 'pef' } }
  })

  const keys = new Map<number, string | undefined>()
  /** Making a key takes a second or two: documents are looked at again when it is there. */
  const tpmPublicKey = (seed: number): string | undefined => {
    if (keys.has(seed)) return keys.get(seed)
    keys.set(seed, undefined)
    connection.sendRequest<string>('pef/tpmPublicKey', { seed }).then(
      (pem) => {
        keys.set(seed, pem)
        for (const document of documents.all()) schedule(document, 0)
      },
      (error) => connection.console.warn(`No TPM key for seed ${seed}: ${String(error)}`),
    )
    return undefined
  }

  const inspect = async (document: TextDocument) => {
    const { uri, version } = document
    if (documents.get(uri)?.version !== version) return
    await analyse(document, files, (analysis) => {
      // While files were read the text may have changed: another look is under way then.
      if (documents.get(uri)?.version !== version) return
      analyses.set(uri, analysis)
      const diagnostics = analysis.findings.map((found) => toDiagnostic(found, files.host.rulePages))
      void connection.sendDiagnostics({ uri, version, diagnostics })
      // Files that the text names may have come or gone.
      if (refreshHints) connection.languages.inlayHint.refresh().catch(() => undefined)
      if (refreshTokens) connection.languages.semanticTokens.refresh().catch(() => undefined)
    })
  }

  const schedule = (document: TextDocument, delay: number) => {
    clearTimeout(timers.get(document.uri))
    const run = () => {
      timers.delete(document.uri)
      inspect(document).catch((error) => connection.console.error(`${document.uri}: ${String(error)}`))
    }
    timers.set(document.uri, setTimeout(run, delay))
  }

  /** The analysis of the text as it is now: a request may come before its time. */
  const current = async (uri: string): Promise<Analysis | undefined> => {
    const document = documents.get(uri)
    if (!document || !languageOf(document)) return undefined
    const known = analyses.get(uri)
    if (known?.text === document.getText()) return known
    return new Promise((resolve, reject) => {
      analyse(document, files, resolve).catch(reject)
    })
  }
  const currentBlob = async (uri: string): Promise<SvmBlobAnalysis | undefined> => {
    const analysis = await current(uri)
    return analysis?.language === 'svm-blob' ? analysis : undefined
  }

  // A document that is opened changes, too: so this is its first look as well.
  documents.onDidChangeContent(({ document }) => {
    schedule(document, analyses.has(document.uri) ? QUIET_MS : 0)
    for (const other of documents.all())
      if (areAboutEachOther(document, other) && !timers.has(other.uri)) schedule(other, OTHERS_MS)
  })
  documents.onDidSave(({ document }) => schedule(document, 0))
  documents.onDidClose(({ document: { uri } }) => {
    clearTimeout(timers.get(uri))
    timers.delete(uri)
    analyses.delete(uri)
    void connection.sendDiagnostics({ uri, diagnostics: [] })
  })
  // Files that documents name may have come, gone or changed.
  connection.onDidChangeWatchedFiles(() => {
    for (const document of documents.all()) schedule(document, QUIET_MS)
  })

  connection.onHover(async ({ textDocument: { uri }, position }) => {
    const analysis = await current(uri)
    if (analysis?.language === 'dts') return dtsHover(analysis, position, files)
    if (analysis?.language !== 'svm-blob') return undefined
    return hoverAt(analysis.parsed.entries, analysis.findings, position, uri, files)
  })
  connection.onCompletion(async ({ textDocument: { uri }, position }) => {
    const document = documents.get(uri)
    const language = document && languageOf(document)
    if (language === 'dts') return dtsCompletion(document!.getText(), position)
    if (language !== 'svm-blob') return []
    return completeSvmBlob(document!.getText(), position, uri, files, snippets)
  })
  connection.onDefinition(async ({ textDocument: { uri }, position }) => {
    const analysis = await current(uri)
    if (analysis?.language === 'dts') return dtsDefinition(analysis, position, uri)
    return analysis?.language === 'svm-blob' ? definitionAt(analysis.parsed.entries, position, uri, files) : []
  })
  connection.onDocumentSymbol(async ({ textDocument: { uri } }) => {
    const analysis = await current(uri)
    if (analysis?.language === 'dts') return dtsSymbols(analysis)
    return analysis?.language === 'svm-blob' ? symbolsOf(analysis.text, analysis.parsed.entries) : []
  })
  connection.onFoldingRanges(async ({ textDocument: { uri } }) => {
    const analysis = await current(uri)
    if (analysis?.language === 'dts') return dtsFolds(analysis)
    return analysis?.language === 'svm-blob' ? foldsOf(analysis.text, analysis.parsed.entries) : []
  })
  connection.onCodeAction(async ({ textDocument: { uri }, context }) => {
    const analysis = await current(uri)
    const actions = []
    for (const diagnostic of analysis ? context.diagnostics : []) {
      const finding = findingOf(diagnostic, analysis!.findings)
      if (finding)
        for (const fix of await fixesOf(analysis!, finding, uri, files))
          if (commands || !fix.command) actions.push(toAction(fix, diagnostic, uri))
    }
    return actions
  })
  connection.onCodeLens(async ({ textDocument: { uri } }) => {
    const analysis = commands ? await current(uri) : undefined
    if (analysis?.language === 'dts') return dtsLenses(uri)
    return analysis?.language === 'svm-blob' ? codeLenses(uri) : []
  })
  connection.languages.inlayHint.on(async ({ textDocument: { uri }, range }) => {
    const analysis = await currentBlob(uri)
    return analysis ? inlayHints(analysis.parsed, range, uri, files) : []
  })
  connection.languages.semanticTokens.on(async ({ textDocument: { uri } }) => {
    const analysis = await current(uri)
    if (analysis?.language === 'dts') return dtsTokens(analysis)
    return analysis?.language === 'svm-blob' ? svmBlobTokens(analysis, uri, files) : { data: [] }
  })
  connection.onDocumentFormatting(async ({ textDocument: { uri } }) => {
    const analysis = await currentBlob(uri)
    return analysis ? formatSvmBlob(analysis.text) : []
  })
  connection.onPrepareRename(async ({ textDocument: { uri }, position }) => {
    const analysis = await currentBlob(uri)
    const found = analysis && attachmentAt(analysis.parsed.entries, position)
    return found && { range: { start: found.range.start, end: found.range.end }, placeholder: found.name }
  })
  connection.onRenameRequest(async ({ textDocument: { uri }, position, newName }) => {
    const analysis = await currentBlob(uri)
    const found = analysis && attachmentAt(analysis.parsed.entries, position)
    if (!analysis || !found) return undefined
    const problem = renameProblem(analysis.parsed.entries, found.entry, newName)
    if (problem) return new ResponseError(INVALID_PARAMS, problem)
    const range = { start: found.range.start, end: found.range.end }
    return { changes: { [uri]: [{ range, newText: JSON.stringify(newName) }] } }
  })

  connection.onRequest('pef/recipe', async ({ uri }: PefServerRequests['pef/recipe']['arguments']) => {
    const analysis = await currentBlob(uri)
    return analysis ? recipeOf(analysis.parsed.entries, uri, files) : {}
  })

  connection.onRequest('pef/operand', async (args: PefServerRequests['pef/operand']['arguments']) => {
    try {
      const model = await operandModel(args, files)
      const { rulePages } = files.host
      void connection.sendDiagnostics({ uri: args.uri, diagnostics: operandDiagnostics(model, rulePages) })
      return model
    } catch (error) {
      return new ResponseError(INVALID_PARAMS, error instanceof Error ? error.message : String(error))
    }
  })

  connection.onRequest('pef/operandClosed', ({ uri }: PefServerRequests['pef/operandClosed']['arguments']) => {
    void connection.sendDiagnostics({ uri, diagnostics: [] })
    return null
  })

  documents.listen(connection)
  connection.listen()
}

/** A recipe and the images beside it. */
function areAboutEachOther(a: TextDocument, b: TextDocument): boolean {
  const isRecipe = (document: TextDocument) => languageOf(document) === 'svm-blob'
  const folder = ({ uri }: TextDocument) => parentOf(uri).replace(/\/\.vscode$/, '')
  return isRecipe(a) !== isRecipe(b) && folder(a) === folder(b)
}

/** The protocol's code for arguments that are not accepted. */
const INVALID_PARAMS = -32602
