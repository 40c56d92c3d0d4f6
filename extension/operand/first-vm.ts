/** The commands of the walkthrough "Your first secure VM": from no keys at all to a running SVM, one command a step. */
import { commands, type Disposable, type ExtensionContext, FileType, Uri, ViewColumn, window, workspace } from 'vscode'
import { runOperandTask } from './tasks.ts'

const FOLDER = 'first-secure-vm'
const RECIPE = 'svm_blob.yml'
const OPERAND = 'svm_blob.esmb'
const IMAGE = 'pef.json'
const INITRD = 'initrd.txt'
const WITH_OPERAND = 'esmb-initrd.img'
/** What comes from the sample: everything but what the steps make. */
const FROM_SAMPLE = ['hello-svm.elf', 'main.c', INITRD, 'rootd', RECIPE]
const WALKTHROUGH = 'pef-debug.pef-debug#firstSecureVm'
/** Where the walkthrough goes on after the window was loaded with another folder. */
const GO_ON = 'pef.firstVm.goOn'

export function firstVmCommands(context: ExtensionContext): Disposable[] {
  const register = (id: string, work: () => Promise<unknown>) =>
    commands.registerCommand(id, async () => {
      try {
        await work()
      } catch (error) {
        window.showErrorMessage(`PEF: ${error instanceof Error ? error.message : String(error)}`)
      }
    })
  goOn(context).then(undefined, () => undefined)
  return [
    register('pef.firstVm.create', () => create(context)),
    register('pef.firstVm.ownerKey', async () => {
      const folder = await theFolder()
      const definition = { task: 'generate', pubkey: 'origin.pub', seckey: 'origin.sec' } as const
      if (await isThere(Uri.joinPath(folder, definition.seckey)))
        throw new Error(`${definition.seckey} is there already: another key could not open what this one made`)
      await runOperandTask(context, folder, definition)
    }),
    register('pef.firstVm.machineKey', async () =>
      commands.executeCommand('pef.writeTpmKey', Uri.joinPath(await theFolder(), RECIPE), 'tpm.pem'),
    ),
    register('pef.firstVm.operand', async () =>
      commands.executeCommand('pef.buildOperand', Uri.joinPath(await theFolder(), RECIPE)),
    ),
    register('pef.firstVm.attach', async () => {
      const folder = await theFolder()
      if (!(await isThere(Uri.joinPath(folder, OPERAND)))) throw new Error(`${OPERAND} is missing: build it first`)
      await runOperandTask(context, folder, { task: 'attach', operand: OPERAND, initrd: INITRD, output: WITH_OPERAND })
    }),
    register('pef.firstVm.debug', async () => {
      const folder = await theFolder()
      if (!(await isThere(Uri.joinPath(folder, WITH_OPERAND))))
        throw new Error(`${WITH_OPERAND} is missing: attach the operand first`)
      await commands.executeCommand('pef.debugImage', Uri.joinPath(folder, IMAGE))
    }),
  ]
}

/** Makes the folder inside the one that is open, or in one that is chosen, and shows the recipe. What is there stays. */
async function create(context: ExtensionContext): Promise<void> {
  const open = workspace.workspaceFolders?.[0]?.uri
  const parent = open ?? (await chooseFolder())
  if (!parent) return
  const folder = Uri.joinPath(parent, FOLDER)
  await workspace.fs.createDirectory(folder)
  const there = new Set((await workspace.fs.readDirectory(folder)).map(([name]) => name))
  const sample = Uri.joinPath(context.extensionUri, 'test', 'guests', 'hello-svm')
  for (const name of FROM_SAMPLE)
    if (!there.has(name)) await workspace.fs.copy(Uri.joinPath(sample, name), Uri.joinPath(folder, name))
  const image = {
    kernel: 'hello-svm.elf',
    initrd: WITH_OPERAND,
    bootargs: 'console=hvc0 svm=on',
    memory: '64M',
    secureMemory: '128M',
    seed: 1,
  }
  if (!there.has(IMAGE))
    await workspace.fs.writeFile(
      Uri.joinPath(folder, IMAGE),
      new TextEncoder().encode(`${JSON.stringify(image, undefined, 2)}\n`),
    )
  if (open) {
    // The walkthrough stays in sight.
    await window.showTextDocument(Uri.joinPath(folder, RECIPE), { preview: false, viewColumn: ViewColumn.Beside })
    return
  }
  await context.globalState.update(GO_ON, folder.toString())
  await commands.executeCommand('vscode.openFolder', folder)
}

async function chooseFolder(): Promise<Uri | undefined> {
  const title = `Where to make the folder ${FOLDER}`
  const chosen = await window.showOpenDialog({
    canSelectFiles: false,
    canSelectFolders: true,
    title,
    openLabel: 'Make it here',
  })
  return chosen?.[0]
}

/** Opening a folder loads the window anew: the walkthrough and the recipe come back. */
async function goOn(context: ExtensionContext): Promise<void> {
  const folder = context.globalState.get<string>(GO_ON)
  if (folder === undefined || workspace.workspaceFolders?.[0]?.uri.toString() !== folder) return
  await context.globalState.update(GO_ON, undefined)
  await window.showTextDocument(Uri.joinPath(Uri.parse(folder), RECIPE), { preview: false })
  await commands.executeCommand('workbench.action.openWalkthrough', WALKTHROUGH, true)
}

/** The folder that the first step made. @throws Error where there is none in this workspace */
async function theFolder(): Promise<Uri> {
  for (const { uri } of workspace.workspaceFolders ?? [])
    for (const folder of [Uri.joinPath(uri, FOLDER), uri])
      if ((await isThere(Uri.joinPath(folder, RECIPE))) && (await isThere(Uri.joinPath(folder, IMAGE)))) return folder
  throw new Error(`there is no folder ${FOLDER} in this workspace: the first step makes it`)
}

async function isThere(uri: Uri): Promise<boolean> {
  return workspace.fs.stat(uri).then(
    ({ type }) => (type & FileType.File) !== 0,
    () => false,
  )
}
