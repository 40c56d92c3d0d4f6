/** The extension on the desktop and on a remote machine: everything. */
import { DebugConfigurationProviderTriggerKind, debug, type ExtensionContext } from 'vscode'
import { AdapterProcessFactory } from './debug-adapter-factory.ts'
import { startLanguageClient } from './language-client.ts'
import { launchCommands } from './launch/commands.ts'
import { PefConfigurationProvider } from './launch/configuration-provider.ts'
import { log } from './log.ts'
import { PefSessions } from './sessions.ts'
import { registerViews } from './views/register.ts'

export function activate(context: ExtensionContext): void {
  const provider = new PefConfigurationProvider()
  const sessions = new PefSessions()
  const { Dynamic } = DebugConfigurationProviderTriggerKind
  context.subscriptions.push(
    sessions,
    debug.registerDebugAdapterDescriptorFactory('pef', new AdapterProcessFactory(context)),
    debug.registerDebugConfigurationProvider('pef', provider),
    // Only the list of the Run view: resolving it as well would check everything twice.
    debug.registerDebugConfigurationProvider(
      'pef',
      { provideDebugConfigurations: (folder) => provider.provideDebugConfigurations(folder) },
      Dynamic,
    ),
    ...launchCommands(context),
    ...registerViews(context, sessions),
  )
  startLanguageClient(context).then(
    (client) => client && context.subscriptions.push(client),
    (error) => log().error(String(error)),
  )
}
