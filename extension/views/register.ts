import { commands, type Disposable, type ExtensionContext, type WebviewViewProvider, window } from 'vscode'
import type { PefSessions } from '../sessions.ts'
import { CallsView } from './calls/host.ts'
import { MemoryPartitionView } from './memory-partition/host.ts'
import { TpmExchangesView } from './tpm-exchanges/host.ts'

interface View {
  readonly id: string
  /** The command that shows it. */
  readonly show: string
  readonly Provider: new (context: ExtensionContext, sessions: PefSessions) => WebviewViewProvider & Disposable
}

/** The only place that knows all views. */
const VIEWS: readonly View[] = [
  { id: 'pef.memoryPartition', show: 'pef.showMemoryPartition', Provider: MemoryPartitionView },
  { id: 'pef.calls', show: 'pef.showCalls', Provider: CallsView },
  { id: 'pef.tpmExchanges', show: 'pef.showTpmExchanges', Provider: TpmExchangesView },
]

/** The commands that {@link registerViews} registers. */
export const VIEW_COMMANDS: readonly string[] = VIEWS.map(({ show }) => show)

export function registerViews(context: ExtensionContext, sessions: PefSessions): Disposable[] {
  return VIEWS.flatMap(({ id, show, Provider }) => {
    const view = new Provider(context, sessions)
    return [
      view,
      window.registerWebviewViewProvider(id, view),
      commands.registerCommand(show, () => commands.executeCommand(`${id}.focus`)),
    ]
  })
}
