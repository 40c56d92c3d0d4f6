/**
 * The language server as a process: `--stdio`, or `--node-ipc` when vscode-languageclient starts it. What it does is in lsp/.
 */
import { createConnection, ProposedFeatures } from 'vscode-languageserver/node'
import { serve } from './lsp/language-server.ts'
import { nodeHost } from './lsp/node-host.ts'

serve(createConnection(ProposedFeatures.all), nodeHost)
