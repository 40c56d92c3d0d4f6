import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type ExtensionContext, Uri } from 'vscode'
// biome-ignore lint/style/noRestrictedImports: the type of what the command line prints
import type { OperandModel } from '../../server/lsp/protocol.ts'

const run = promisify(execFile)
/** Characters: an operand with large attachments, explained. */
const MOST_OUTPUT = 1 << 24

/** The public half of the wrapping key that the emulated TPM makes from a seed, as PEM. */
export function tpmPublicKey(context: ExtensionContext, seed?: number): Promise<string> {
  return pef(context, 'tpm', 'pubkey', ...(seed === undefined ? [] : ['--seed', String(seed)]))
}

/** An operand opened with the key of the emulated TPM; the key stays in the process that makes it. */
export async function explainWithTpm(
  context: ExtensionContext,
  operand: Uri,
  seed: number,
): Promise<Omit<OperandModel, 'hex'>> {
  return JSON.parse(
    await pef(context, 'esm', 'explain', '--format', 'json', '--tpm-seed', String(seed), operand.fsPath),
  )
}

async function pef(context: ExtensionContext, ...args: readonly string[]): Promise<string> {
  const script = Uri.joinPath(context.extensionUri, 'dist', 'pef.js').fsPath
  // On the desktop process.execPath is Electron, which is Node where this variable is set.
  const { stdout } = await run(process.execPath, [script, ...args], {
    env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
    maxBuffer: MOST_OUTPUT,
  })
  return stdout
}
