import { generateKeyPair } from 'node:crypto'
import { stat, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { commands, type Disposable, debug, type ExtensionContext, FileType, Uri, window, workspace } from 'vscode'
import { configurationFor } from './configuration-provider.ts'
import { findImages, imageAt } from './find-images.ts'
import { withWorkspaceFolder } from './images.ts'

const SAMPLE = ['test', 'guests', 'hello-svm']

/** The commands that start something. */
export function launchCommands(context: ExtensionContext): Disposable[] {
  return [
    commands.registerCommand('pef.debugImage', (uri?: Uri) => debugImage(uri)),
    commands.registerCommand('pef.openSample', () => openSample(context)),
    commands.registerCommand('pef.createLaunchJson', createLaunchJson),
  ]
}

/** Runs the image file of the editor or of the explorer's selection; where its folder has a launch.json, F5 means that. */
async function debugImage(given: Uri | undefined): Promise<void> {
  const uri = given ?? window.activeTextEditor?.document.uri
  const folder = uri && workspace.getWorkspaceFolder(uri)
  if (!uri || !folder) {
    window.showErrorMessage('PEF: open a folder with a pef.json, then run this command on that file.')
    return
  }
  const configured = workspace.getConfiguration('launch', folder.uri).get<unknown[]>('configurations') ?? []
  if (!given && configured.length > 0) {
    await commands.executeCommand('workbench.action.debug.start')
    return
  }
  await workspace.textDocuments.find((document) => document.uri.toString() === uri.toString())?.save()
  try {
    const image = await imageAt(folder, uri)
    await debug.startDebugging(folder, { ...configurationFor(image), __imageFile: uri.toString() })
  } catch (error) {
    window.showErrorMessage(`PEF: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Copies the sample to a place where it can be edited, and opens it. */
async function openSample(context: ExtensionContext): Promise<void> {
  const from = Uri.joinPath(context.extensionUri, ...SAMPLE)
  const to = Uri.joinPath(context.globalStorageUri, 'hello-svm')
  try {
    await copyNewFiles(from, to)
    await makeOwnerKey(to)
    await commands.executeCommand('vscode.openFolder', to, { forceNewWindow: !!workspace.workspaceFolders?.length })
  } catch (error) {
    window.showErrorMessage(`PEF: the sample cannot be opened: ${error instanceof Error ? error.message : error}`)
  }
}

/** What a person has changed in the copy stays as it is. */
async function copyNewFiles(from: Uri, to: Uri): Promise<void> {
  await workspace.fs.createDirectory(to)
  const there = new Set((await workspace.fs.readDirectory(to)).map(([name]) => name))
  for (const [name, type] of await workspace.fs.readDirectory(from))
    if (type === FileType.File && !there.has(name))
      await workspace.fs.copy(Uri.joinPath(from, name), Uri.joinPath(to, name))
}

/** The owner of the sample's operand: a key that came with the extension would be everybody's. */
async function makeOwnerKey(folder: Uri): Promise<void> {
  const secret = Uri.joinPath(folder, 'origin.sec').fsPath
  const there = await stat(secret).then(
    () => true,
    () => false,
  )
  if (there) return
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2048 })
  await writeFile(secret, privateKey.export({ type: 'pkcs1', format: 'pem' }), { mode: 0o600 })
  await writeFile(Uri.joinPath(folder, 'origin.pub').fsPath, publicKey.export({ type: 'spki', format: 'pem' }))
}

async function createLaunchJson(): Promise<void> {
  const folder = workspace.workspaceFolders?.[0]
  if (!folder) {
    window.showErrorMessage('PEF: open a folder first: the launch.json goes into its .vscode folder.')
    return
  }
  const uri = Uri.joinPath(folder.uri, '.vscode', 'launch.json')
  const there = await workspace.fs.stat(uri).then(
    () => true,
    () => false,
  )
  if (!there) {
    const images = await findImages(folder)
    const guess = { kernel: 'vmlinux', initrd: 'esmb-initrd.img', bootargs: 'console=hvc0 svm=on' }
    const configurations =
      images.length > 0
        ? images.map((image) => ({ ...configurationFor(image), stopOn: image.attributes.stopOn ?? 'entry' }))
        : [{ type: 'pef', request: 'launch', name: 'Debug SVM image', ...withWorkspaceFolder(guess), stopOn: 'entry' }]
    const text = JSON.stringify({ version: '0.2.0', configurations }, undefined, 2)
    await workspace.fs.writeFile(uri, new TextEncoder().encode(`${text}\n`))
  }
  await window.showTextDocument(uri)
}
