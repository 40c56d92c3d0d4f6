/** The read-only editor for operands. What is in one is told by the language server. */
import {
  type CustomDocument,
  type CustomReadonlyEditorProvider,
  type Disposable,
  type ExtensionContext,
  RelativePattern,
  Uri,
  type WebviewPanel,
  window,
  workspace,
} from 'vscode'
// biome-ignore lint/style/noRestrictedImports: the type of what the server answers
import type { OperandModel } from '../../../server/lsp/protocol.ts'
import type { LanguageServer } from '../../language/language-client.ts'
import { log } from '../../log.ts'
import { makeNonce, pageHtml } from '../common/html.ts'
import type { PageMessage } from '../common/messages.ts'
import type { HostMessage } from './messages.ts'

type Key = { readonly uri: string; readonly passphrase?: string }
/** Opens an operand with the key of the emulated TPM of a seed. */
type OpenWithTpm = (operand: Uri, seed: number) => Promise<Omit<OperandModel, 'hex'>>

export class OperandEditor implements CustomReadonlyEditorProvider {
  /**
   * @param server      resolves once the language server is there; to undefined where it is not going to be
   * @param openWithTpm absent where there is no machine to run the emulated TPM on
   */
  constructor(
    private readonly context: ExtensionContext,
    private readonly server: Promise<LanguageServer | undefined>,
    private readonly openWithTpm?: OpenWithTpm,
  ) {}

  static register(...args: ConstructorParameters<typeof OperandEditor>): Disposable[] {
    const provider = new OperandEditor(...args)
    const options = { webviewOptions: { retainContextWhenHidden: false }, supportsMultipleEditorsPerDocument: true }
    return ['pef.operand', 'pef.operandInFile'].map((type) =>
      window.registerCustomEditorProvider(type, provider, options),
    )
  }

  openCustomDocument(uri: Uri): CustomDocument {
    const closed = async () => (await this.server)?.ask('pef/operandClosed', { uri: uri.toString() })
    return { uri, dispose: () => void closed().catch((error) => log().warn(`${uri}: ${String(error)}`)) }
  }

  resolveCustomEditor({ uri }: CustomDocument, panel: WebviewPanel): void {
    const { webview } = panel
    const at = (...path: string[]) => Uri.joinPath(this.context.extensionUri, ...path)
    const address = (...path: string[]) => webview.asWebviewUri(at(...path)).toString()
    const post = (message: HostMessage) => webview.postMessage(message)
    let key: Key | undefined
    let seed: number | undefined
    const show = async () => {
      try {
        const server = await this.server
        if (!server) throw new Error('The language server is not there: see the output channel PEF.')
        const operand = await server.ask('pef/operand', { uri: uri.toString(), ...(key && { key }) })
        const opened = seed === undefined ? undefined : await this.openWithTpm?.(uri, seed)
        await post({ kind: 'operand', operand: { ...operand, ...opened }, hasTpm: this.openWithTpm !== undefined })
      } catch (error) {
        await post({ kind: 'problem', text: error instanceof Error ? error.message : String(error) })
      }
    }
    webview.options = { enableScripts: true, localResourceRoots: [at('dist', 'views'), at('media')] }
    webview.onDidReceiveMessage(async (message: PageMessage) => {
      if (message.kind === 'ready') await show()
      else if (message.kind === 'chooseTpm') {
        const chosen = await chooseSeed(seed)
        if (chosen === undefined) return
        seed = chosen
        await show()
      } else if (message.kind === 'chooseKey') {
        const chosen = await chooseKey(uri)
        if (chosen) seed = undefined
        key = chosen ?? key
        await show()
        // A passphrase is used once and not kept.
        if (key?.passphrase !== undefined) key = undefined
      }
    })
    const name = uri.path.replace(/^.*\//, '')
    const watcher = workspace.createFileSystemWatcher(new RelativePattern(Uri.joinPath(uri, '..'), name))
    watcher.onDidChange(show)
    watcher.onDidCreate(show)
    panel.onDidDispose(() => watcher.dispose())
    webview.html = pageHtml({
      title: name,
      script: address('dist', 'views', 'operand.js'),
      styles: [address('media', 'view.css'), address('media', 'operand.css')],
      source: webview.cspSource,
      nonce: makeNonce(),
    })
  }
}

/** The seed of the machine whose TPM is meant. */
async function chooseSeed(last = 1): Promise<number | undefined> {
  const text = await window.showInputBox({
    title: 'Open with the Emulated TPM',
    prompt: 'Seed of the machine: the attribute "seed" of its image',
    value: String(last),
    validateInput: (value) =>
      /^\d{1,15}$/.test(value.trim()) ? undefined : 'A whole number, as in the image: 1 where it has none.',
  })
  return text === undefined ? undefined : Number(text)
}

/** A private key file, with its passphrase where it has one. */
async function chooseKey(operand: Uri): Promise<Key | undefined> {
  const [file] =
    (await window.showOpenDialog({
      title: 'Private key that opens a lockbox',
      defaultUri: Uri.joinPath(operand, '..'),
      openLabel: 'Open with this key',
    })) ?? []
  if (!file) return undefined
  const text = new TextDecoder('latin1').decode(await workspace.fs.readFile(file))
  if (!/-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/.test(text)) return { uri: file.toString() }
  const passphrase = await window.showInputBox({
    title: 'Private Key',
    prompt: `Passphrase of ${file.path.replace(/^.*\//, '')}`,
    password: true,
  })
  return passphrase === undefined ? undefined : { uri: file.toString(), passphrase }
}
