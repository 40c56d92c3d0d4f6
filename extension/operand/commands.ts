/** The commands behind lenses and quick fixes of svm_blob.yml. */
import { createPublicKey } from 'node:crypto'
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'
import { commands, type Disposable, debug, type ExtensionContext, Uri, window, workspace } from 'vscode'
import type { LanguageServer } from '../language/language-client.ts'
import type { OperandTask } from './task-arguments.ts'
import { runOperandTask } from './tasks.ts'
import { tpmPublicKey } from './tpm-key.ts'

export function operandCommands(context: ExtensionContext, server: Promise<LanguageServer | undefined>): Disposable[] {
  const register = (id: string, work: (document: Uri, ...more: string[]) => Promise<void>) =>
    commands.registerCommand(id, async (document?: string | Uri, ...more: unknown[]) => {
      const uri =
        typeof document === 'string' ? Uri.parse(document) : (document ?? window.activeTextEditor?.document.uri)
      if (!uri) {
        window.showErrorMessage('PEF: open an svm_blob.yml first.')
        return
      }
      try {
        await saveIfOpen(uri)
        await work(uri, ...more.map(String))
      } catch (error) {
        window.showErrorMessage(`PEF: ${error instanceof Error ? error.message : String(error)}`)
      }
    })
  const execute = (document: Uri, definition: OperandTask) =>
    runOperandTask(context, Uri.joinPath(document, '..'), definition)
  const name = (document: Uri) => document.path.replace(/^.*\//, '')
  return [
    register('pef.buildOperand', (document) => {
      const config = name(document)
      const isSource = config.endsWith('.dts')
      const output = config.replace(isSource ? /(\.esm)?\.dts$/ : /(\.svm)?\.ya?ml$/, '.esmb')
      return execute(document, { task: isSource ? 'compile' : 'make', config, output })
    }),
    register('pef.checkOperand', (document) => execute(document, { task: 'check', config: name(document) })),
    register('pef.generateKeyPair', (document, pubkey = '', seckey = '') =>
      execute(document, { task: 'generate', pubkey, seckey }),
    ),
    register('pef.writeTpmKey', (document, pubkey = '', seed = '') => writeTpmKey(context, document, pubkey, seed)),
    register('pef.exportPublicKey', async (document, from = '', to = '') => {
      await writeFile(besides(document, to), publicKeyPem(await readFile(besides(document, from), 'utf8')))
    }),
    register('pef.protectKey', async (document, path = '') => {
      await chmod(besides(document, path), 0o600)
      // Looks at the document again: rights are no change that the editor would tell.
      await (await server)?.filesChanged()
    }),
    register('pef.debugWithOperand', async (document) => debugWith(document, await server)),
  ]
}

/** The canonical form, which svm-tool's fingerprints are of, of a public key or the public half of a private one (PEM). */
function publicKeyPem(key: string): string {
  return createPublicKey(key).export({ type: 'spki', format: 'pem' }).toString()
}

async function saveIfOpen(uri: Uri): Promise<void> {
  await workspace.textDocuments.find((document) => document.uri.toString() === uri.toString())?.save()
}

const besides = (document: Uri, path: string) => (isAbsolute(path) ? path : join(dirname(document.fsPath), path))

/** The public half of the key that the emulated TPM makes from a seed; of none, from the default one. */
async function writeTpmKey(context: ExtensionContext, document: Uri, path: string, seed: string): Promise<void> {
  const pem = await tpmPublicKey(context, seed === '' ? undefined : Number(seed))
  await workspace.fs.writeFile(Uri.file(besides(document, path)), new TextEncoder().encode(pem))
}

/** Runs what the recipe is for, with an operand that is made of it in memory. */
async function debugWith(document: Uri, server: LanguageServer | undefined): Promise<void> {
  const recipe = await server?.ask('pef/recipe', { uri: document.toString() })
  if (!recipe?.kernel) throw new Error('the digest entry names no kernel to debug')
  const path = (value: string) => (/^[a-z][a-z0-9+.-]*:\/\//i.test(value) ? Uri.parse(value).fsPath : value)
  const folder = workspace.getWorkspaceFolder(document)
  await debug.startDebugging(folder, {
    type: 'pef',
    request: 'launch',
    name: `Debug ${document.path.replace(/^.*\//, '')}`,
    kernel: path(recipe.kernel),
    ...(recipe.initrd && { initrd: path(recipe.initrd) }),
    bootargs: recipe.bootargs ?? '',
    operand: document.fsPath,
    stopOn: 'esm',
  })
}
