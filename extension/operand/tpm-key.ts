import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { type ExtensionContext, Uri } from 'vscode'

const run = promisify(execFile)

/** The public half of the wrapping key that the emulated TPM makes from a seed, as PEM. */
export async function tpmPublicKey(context: ExtensionContext, seed?: number): Promise<string> {
  const script = Uri.joinPath(context.extensionUri, 'dist', 'pef.js').fsPath
  const args = [script, 'tpm', 'pubkey', ...(seed === undefined ? [] : ['--seed', String(seed)])]
  // On the desktop process.execPath is Electron, which is Node where this variable is set.
  const { stdout } = await run(process.execPath, args, { env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' } })
  return stdout
}
