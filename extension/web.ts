/**
 * The extension in a browser without a machine behind it (vscode.dev). What is written there is checked as it is elsewhere: the
 * language server is a worker. The emulator runs as a process and reads the image from a disk, as tasks do: a command that wants
 * one of them says so, and what to do instead.
 */
import { commands, debug, type ExtensionContext, window } from 'vscode'
import { startServerWorker } from './language/start-worker.ts'
import { log } from './log.ts'
import { PefSessions } from './sessions.ts'
import { OperandEditor } from './views/operand/host.ts'
import { registerViews, VIEW_COMMANDS } from './views/register.ts'

const NEEDS_A_MACHINE =
  'needs VS Code on a machine, on the desktop or connected to a remote one: it runs there as a process. In this browser ' +
  'alone recipes, images and operands are checked and shown, but not built or run.'

export function activate(context: ExtensionContext): void {
  const server = startServerWorker(context).catch((error) => {
    log().error(String(error))
    return undefined
  })
  const refuse = (what: string) => async () => {
    await window.showErrorMessage(`PEF: ${what} ${NEEDS_A_MACHINE}`)
    return undefined
  }
  context.subscriptions.push(
    { dispose: () => void server.then((started) => started?.dispose()) },
    debug.registerDebugConfigurationProvider('pef', { resolveDebugConfiguration: refuse('debugging') }),
    ...OperandEditor.register(context, server),
    ...registerViews(context, new PefSessions()),
    ...commandsOf(context)
      .filter(({ command }) => !VIEW_COMMANDS.includes(command))
      .map(({ command, title }) => commands.registerCommand(command, refuse(`"${title}"`))),
  )
}

/** All that the manifest has. */
function commandsOf({ extension }: ExtensionContext): { readonly command: string; readonly title: string }[] {
  return extension.packageJSON.contributes.commands
}
