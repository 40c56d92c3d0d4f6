/** Runs as files: saving one, and making a saved one again. */
import { basename, dirname, relative, sep } from 'node:path'
import { debug, Uri, window, workspace } from 'vscode'
import { mapPaths, resolvePath } from '../../debug-adapter/attribute-paths.ts'
import type { PefSession } from '../sessions.ts'

const FILTERS = { 'Saved runs': ['pefrun'] }

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
  const attributes = mapPaths(saved.attributes, (path) =>
    relative(dirname(target.fsPath), resolvePath(folder?.fsPath ?? sep, path)).replaceAll(sep, '/'),
  )
  await workspace.fs.writeFile(
    target,
    new TextEncoder().encode(`${JSON.stringify({ ...saved, attributes }, undefined, 2)}\n`),
  )
  window.setStatusBarMessage(`PEF: the run is in ${basename(target.fsPath)}`, 5000)
}

/** Starts a debug session that makes a saved run again. */
export async function openRun(): Promise<void> {
  const [uri] = (await window.showOpenDialog({ title: 'PEF: Open Run', filters: FILTERS })) ?? []
  if (!uri) return
  try {
    const { attributes } = JSON.parse(new TextDecoder().decode(await workspace.fs.readFile(uri))) as {
      attributes: Attributes
    }
    await debug.startDebugging(workspace.getWorkspaceFolder(uri), {
      ...mapPaths(attributes, (path) => resolvePath(dirname(uri.fsPath), path)),
      ...{ type: 'pef', request: 'launch', name: basename(uri.fsPath), replay: uri.fsPath },
    })
  } catch (error) {
    window.showErrorMessage(`PEF: ${uri.fsPath} is no saved run: ${error instanceof Error ? error.message : error}`)
  }
}
