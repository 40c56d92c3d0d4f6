/** Documents that are open are read as they are in the editor, not as they were saved. */
import type { TextDocument } from 'vscode-languageserver-textdocument'
import type { ServerHost } from './host.ts'

/** @param documents those that are open, by their uris */
export function withOpenDocuments(
  host: ServerHost,
  documents: { get(uri: string): TextDocument | undefined },
): ServerHost {
  return {
    ...host,
    async stat(uri) {
      const found = await host.stat(uri)
      const open = documents.get(uri)
      return found && open ? { ...found, stamp: `${found.stamp} ${open.version}` } : found
    },
    async read(uri, limit) {
      const open = documents.get(uri)
      return open ? new TextEncoder().encode(open.getText()).subarray(0, limit) : host.read(uri, limit)
    },
  }
}
