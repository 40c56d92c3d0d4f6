/** Runs as files: saving one, and making a saved one again. */
import { posix } from 'node:path'
import { debug, Uri, window, workspace } from 'vscode'
import type { PefSession } from '../sessions.ts'

const FILTERS = { 'Saved runs': ['pefrun'] }
const FILE_ATTRIBUTES = ['kernel', 'initrd', 'operand']

type Attributes = Record<string, unknown>

/** Writes the run up to where the machine stands. */
export async function saveRun(session: PefSession): Promise<void> {
  const folder = session.session.workspaceFolder?.uri
  const { run } = await session.ask('pef/saveRun', {})
  const target = await window.showSaveDialog({
    title: 'PEF: Save Run',
    filters: FILTERS,
    ...(folder && { defaultUri: Uri.joinPath(folder, 'run.pefrun') }),
  })
  if (!target) return
  const saved = JSON.parse(run) as { attributes: Attributes }
  const base = folder?.path ?? '/'
  const attributes = mapPaths(saved.attributes, (path) =>
    posix.relative(posix.dirname(target.path), absolute(base, path)),
  )
  await workspace.fs.writeFile(
    target,
    new TextEncoder().encode(`${JSON.stringify({ ...saved, attributes }, undefined, 2)}\n`),
  )
  window.setStatusBarMessage(`PEF: the run is in ${posix.basename(target.path)}`, 5000)
}

/** Starts a debug session that makes a saved run again. */
export async function openRun(): Promise<void> {
  const [uri] = (await window.showOpenDialog({ title: 'PEF: Open Run', filters: FILTERS })) ?? []
  if (!uri) return
  try {
    const { attributes } = JSON.parse(new TextDecoder().decode(await workspace.fs.readFile(uri))) as {
      attributes: Attributes
    }
    const folder = posix.dirname(uri.path)
    const configuration = mapPaths(attributes, (path) => absolute(folder, path))
    const name = posix.basename(uri.path)
    await debug.startDebugging(workspace.getWorkspaceFolder(uri), {
      ...configuration,
      ...{ type: 'pef', request: 'launch', name, replay: uri.fsPath },
    })
  } catch (error) {
    window.showErrorMessage(`PEF: ${uri.fsPath} is no saved run: ${error instanceof Error ? error.message : error}`)
  }
}

const absolute = (folder: string, path: string): string =>
  posix.isAbsolute(path) ? path : posix.join(folder, path.replace(/^\$\{workspaceFolder\}\/?/, ''))

/** The attributes with every path in them changed. */
export function mapPaths(attributes: Attributes, change: (path: string) => string): Attributes {
  const mapped = { ...attributes }
  for (const name of FILE_ATTRIBUTES) {
    const path = mapped[name]
    if (typeof path === 'string') mapped[name] = change(path)
  }
  const tpm = mapped['tpm'] as { key?: string } | undefined
  if (tpm?.key) mapped['tpm'] = { ...tpm, key: change(tpm.key) }
  return mapped
}
