/**
 * The extension in a browser without a machine behind it (vscode.dev). The emulator runs as a process and reads the
 * image from a disk, so what works there now are the languages, schemas and snippets of the manifest; starting a
 * session says so, and what to do instead.
 */
import { commands, debug, type ExtensionContext, window } from 'vscode'
import { PefSessions } from './sessions.ts'
import { registerViews } from './views/register.ts'

const TEXT =
  'PEF: debugging needs VS Code on a machine, on the desktop or connected to a remote one: the emulator runs there as a ' +
  'process. In this browser alone only editing works for now.'

export function activate(context: ExtensionContext): void {
  const sayso = async () => {
    await window.showErrorMessage(TEXT)
    return undefined
  }
  context.subscriptions.push(
    debug.registerDebugConfigurationProvider('pef', { resolveDebugConfiguration: sayso }),
    ...['pef.debugImage', 'pef.openSample', 'pef.createLaunchJson'].map((id) => commands.registerCommand(id, sayso)),
    ...registerViews(context, new PefSessions()),
  )
}
