import { type LogOutputChannel, window } from 'vscode'

let channel: LogOutputChannel | undefined

/** The output channel of the extension, made when it is first needed. */
export function log(): LogOutputChannel {
  channel ??= window.createOutputChannel('PEF', { log: true })
  return channel
}
