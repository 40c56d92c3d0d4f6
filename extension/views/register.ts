import { commands, type Disposable, type ExtensionContext, window } from 'vscode'
import type { PefSessions } from '../sessions.ts'
import { CallsView } from './calls/host.ts'
import { MemoryPartitionView } from './memory-partition/host.ts'
import { TpmExchangesView } from './tpm-exchanges/host.ts'

/** The three views, and the commands that show them. The only place that knows them all. */
export function registerViews(context: ExtensionContext, sessions: PefSessions): Disposable[] {
  const views = [
    { id: 'pef.memoryPartition', show: 'pef.showMemoryPartition', view: new MemoryPartitionView(context, sessions) },
    { id: 'pef.calls', show: 'pef.showCalls', view: new CallsView(context, sessions) },
    { id: 'pef.tpmExchanges', show: 'pef.showTpmExchanges', view: new TpmExchangesView(context, sessions) },
  ]
  return views.flatMap(({ id, show, view }) => [
    view,
    window.registerWebviewViewProvider(id, view),
    commands.registerCommand(show, () => commands.executeCommand(`${id}.focus`)),
  ])
}
