/** The language server as a worker of a browser: it has no files of its own and asks its client for them. What it does is in lsp/. */
import { BrowserMessageReader, BrowserMessageWriter, createConnection } from 'vscode-languageserver/browser'
import { clientHost } from './lsp/client-host.ts'
import { serve } from './lsp/language-server.ts'

// The types of a page are in use here; a worker's scope has the few members that these want.
const scope = self as unknown as Worker
const connection = createConnection(new BrowserMessageReader(scope), new BrowserMessageWriter(scope))
serve(connection, (rulePages) => clientHost((request, args) => connection.sendRequest(request, args), rulePages))
