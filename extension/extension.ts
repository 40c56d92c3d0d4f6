/** The extension on the desktop and on a remote machine: everything. */
import { DebugConfigurationProviderTriggerKind, debug, type ExtensionContext, tasks } from 'vscode'
import { registerConsole } from './console/terminal.ts'
import { AdapterProcessFactory } from './debug-adapter-factory.ts'
import { startServerProcess } from './language/start-process.ts'
import { launchCommands } from './launch/commands.ts'
import { PefConfigurationProvider } from './launch/configuration-provider.ts'
import { log } from './log.ts'
import { operandCommands } from './operand/commands.ts'
import { firstVmCommands } from './operand/first-vm.ts'
import { OperandTasks } from './operand/tasks.ts'
import { explainWithTpm } from './operand/tpm-key.ts'
import { PefSessions } from './sessions.ts'
import { registerTimeTravel } from './time-travel/commands.ts'
import { OperandEditor } from './views/operand/host.ts'
import { registerViews } from './views/register.ts'

export function activate(context: ExtensionContext): void {
  const provider = new PefConfigurationProvider()
  const sessions = new PefSessions()
  const { Dynamic } = DebugConfigurationProviderTriggerKind
  const server = startServerProcess(context).catch((error) => {
    log().error(String(error))
    return undefined
  })
  context.subscriptions.push(
    sessions,
    { dispose: () => void server.then((started) => started?.dispose()) },
    debug.registerDebugAdapterDescriptorFactory('pef', new AdapterProcessFactory(context)),
    debug.registerDebugConfigurationProvider('pef', provider),
    // Only the list of the Run view: resolving it as well would check everything twice.
    debug.registerDebugConfigurationProvider(
      'pef',
      { provideDebugConfigurations: (folder) => provider.provideDebugConfigurations(folder) },
      Dynamic,
    ),
    ...launchCommands(context),
    ...operandCommands(context, server),
    ...firstVmCommands(context),
    tasks.registerTaskProvider('pef', new OperandTasks(context)),
    ...OperandEditor.register(context, server, (operand, seed) => explainWithTpm(context, operand, seed)),
    ...registerConsole(sessions),
    ...registerTimeTravel(sessions),
    ...registerViews(context, sessions),
  )
}
