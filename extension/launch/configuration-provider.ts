import {
  commands,
  type DebugConfiguration,
  type DebugConfigurationProvider,
  FileType,
  Range,
  Selection,
  Uri,
  type WorkspaceFolder,
  window,
  workspace,
} from 'vscode'
import type { AttributeError } from '../../debug-adapter/attribute-error.ts'
import { attributePosition } from './attribute-position.ts'
import { launchProblem } from './check.ts'
import { findImages } from './find-images.ts'
import { configurationName, type Image, withWorkspaceFolder } from './images.ts'

/**
 * What the extension adds to a configuration for its own use: the folder that relative paths start from (the adapter
 * knows it too), and the image file that the attributes came from.
 */
interface OwnAttributes {
  readonly __workspaceFolder?: string
  readonly __imageFile?: string
}

/** A configuration that runs an image where it is. */
export function configurationFor(image: Image): DebugConfiguration {
  return { type: 'pef', request: 'launch', name: configurationName(image), ...withWorkspaceFolder(image.attributes) }
}

/** Fills in, offers and checks launch configurations of type `pef`. */
export class PefConfigurationProvider implements DebugConfigurationProvider {
  /** For a new launch.json, and for the list of the Run view: one configuration for each image of the folder. */
  async provideDebugConfigurations(folder: WorkspaceFolder | undefined): Promise<DebugConfiguration[]> {
    if (!folder) return []
    return (await findImages(folder)).map((image) => configurationFor(image))
  }

  /** F5 without a launch.json arrives with an empty configuration: it means an image of the workspace. */
  async resolveDebugConfiguration(
    folder: WorkspaceFolder | undefined,
    configuration: DebugConfiguration,
  ): Promise<DebugConfiguration | undefined> {
    if (configuration.type || configuration.request || configuration.name) return configuration
    const at = folder ?? workspace.workspaceFolders?.[0]
    const images = at ? await findImages(at) : []
    if (images.length === 0) {
      await offerWithoutImage(at)
      return undefined
    }
    const image = images.length === 1 ? images[0] : await pickImage(images)
    return image && { ...configurationFor(image), ...configuration, ...ownAttributes(at!, image) }
  }

  /** All variables have their values now: what is wrong is said here, before anything starts. */
  async resolveDebugConfigurationWithSubstitutedVariables(
    folder: WorkspaceFolder | undefined,
    configuration: DebugConfiguration & OwnAttributes,
  ): Promise<DebugConfiguration | undefined> {
    const at = folder ?? workspace.workspaceFolders?.[0]
    const base = configuration.__workspaceFolder ?? at?.uri.fsPath
    const problem = await launchProblem(configuration, (path) => stat(base, path))
    if (problem) {
      // Not awaited: the start is given up at once, the message stays.
      void showProblem(problem, at, configuration)
      return undefined
    }
    return {
      // The Debug Console would come up in front of the terminal.
      ...(configuration['console'] === 'terminal' && { internalConsoleOptions: 'neverOpen' }),
      ...configuration,
      ...(base !== undefined && { __workspaceFolder: base }),
    }
  }
}

function ownAttributes(folder: WorkspaceFolder, image: Image): OwnAttributes {
  return { __workspaceFolder: folder.uri.fsPath, __imageFile: Uri.joinPath(folder.uri, image.path).toString() }
}

async function pickImage(images: readonly Image[]): Promise<Image | undefined> {
  const items = images.map((image) => ({ label: image.path, description: image.detail, image }))
  const options = { title: 'Debug SVM Image', placeHolder: 'Which image shall run?', matchOnDescription: true }
  return (await window.showQuickPick(items, options))?.image
}

async function offerWithoutImage(folder: WorkspaceFolder | undefined): Promise<void> {
  const where = folder ? `The folder ${folder.name} has` : 'There is no folder open, so there is'
  const text =
    `${where} no SVM image: no pef.json, and no ELF kernel for ppc64. ` +
    'Name the kernel and the initrd in a launch.json, or begin with the sample.'
  const create = 'Create launch.json'
  const sample = 'Open Sample'
  const choice = await window.showErrorMessage(text, ...(folder ? [create, sample] : [sample]))
  if (choice === create) await commands.executeCommand('pef.createLaunchJson')
  if (choice === sample) await commands.executeCommand('pef.openSample')
}

async function stat(base: string | undefined, path: string): Promise<'file' | 'directory' | undefined> {
  const absolute = /^(\/|\\\\|[A-Za-z]:[\\/])/.test(path)
  if (!absolute && base === undefined) return undefined
  try {
    const uri = absolute ? Uri.file(path) : Uri.joinPath(Uri.file(base!), path)
    const { type } = await workspace.fs.stat(uri)
    return type & FileType.Directory ? 'directory' : 'file'
  } catch {
    return undefined
  }
}

/** The message names attribute and accepted values; the button leads to the place where it was written. */
async function showProblem(
  problem: AttributeError,
  folder: WorkspaceFolder | undefined,
  configuration: DebugConfiguration & OwnAttributes,
): Promise<void> {
  const file = await fileOf(folder, configuration)
  const open = file && `Open ${file.uri.path.replace(/^.*\//, '')}`
  const choice = await window.showErrorMessage(`PEF: ${problem.message}`, ...(open ? [open] : []))
  if (!file || choice === undefined) return
  const document = await workspace.openTextDocument(file.uri)
  const offset = attributePosition(document.getText(), file.configuration, problem.attribute)
  const editor = await window.showTextDocument(document)
  if (offset === undefined) return
  const position = document.positionAt(offset)
  editor.selection = new Selection(position, position)
  editor.revealRange(new Range(position, position))
}

/** Where a configuration was written: its image file or launch.json. */
async function fileOf(
  folder: WorkspaceFolder | undefined,
  { __imageFile, name }: DebugConfiguration & OwnAttributes,
): Promise<{ uri: Uri; configuration?: string } | undefined> {
  if (__imageFile !== undefined) {
    const uri = Uri.parse(__imageFile)
    return uri.path.endsWith('.json') ? { uri } : undefined
  }
  if (!folder) return undefined
  const uri = Uri.joinPath(folder.uri, '.vscode', 'launch.json')
  const there = await workspace.fs.stat(uri).then(
    () => true,
    () => false,
  )
  return there ? { uri, configuration: name } : undefined
}
