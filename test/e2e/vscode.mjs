// A real VS Code with the packaged extension installed, in a real browser. Everything that it writes is in a folder of
// its own, and every process that is started here ends with close().
import { spawn, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { setUpVsCode, vscode } from './setup-vscode.mjs'
import { Workbench } from './workbench.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) =>
  existsSync(path),
)
const SIZE = { width: 1600, height: 1000 }

/** A copy of the sample image, with more files where a test wants them. */
export function sampleWorkspace(files = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'pef-workspace-'))
  cpSync(join(root, 'test/guests/hello-svm'), folder, { recursive: true })
  return addFiles(folder, files)
}

/** A folder with these files and nothing else. */
export function workspace(files = {}) {
  return addFiles(mkdtempSync(join(tmpdir(), 'pef-workspace-')), files)
}

function addFiles(folder, files) {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    const text = typeof content === 'string' || Buffer.isBuffer(content)
    writeFileSync(join(folder, name), text ? content : JSON.stringify(content, undefined, 2))
  }
  return folder
}

/**
 * Opens a folder. @returns the workbench; `close()` ends browser and server and removes what they wrote
 * @param {string} folder
 * @param {string} [workspaceFile] a .code-workspace in it to open instead
 * @param {object} [settings] of the user, besides those of settings.json
 */
export async function openVsCode(folder, workspaceFile, settings = {}) {
  setUpVsCode()
  if (!CHROMIUM) throw new Error('No Chromium: install the package "chromium".')
  const data = mkdtempSync(join(tmpdir(), 'pef-vscode-'))
  mkdirSync(join(data, 'data/User'), { recursive: true })
  const usual = JSON.parse(readFileSync(new URL('settings.json', import.meta.url), 'utf8'))
  writeFileSync(join(data, 'data/User/settings.json'), JSON.stringify({ ...usual, ...settings }))
  const folders = ['--server-data-dir', data, '--extensions-dir', join(data, 'extensions')]
  install(folders)

  const port = await freePort()
  const address = `http://127.0.0.1:${port}/`
  const options = ['--host', '127.0.0.1', '--port', String(port), '--without-connection-token']
  const quiet = ['--accept-server-license-terms', '--telemetry-level', 'off']
  // A process group of its own: the extension host and the debug adapter end with it.
  const server = spawn(vscode.node, [vscode.server, ...options, ...quiet, ...folders], {
    stdio: 'ignore',
    detached: true,
  })
  const { default: playwright } = await import(pathToFileURL(vscode.playwright).href)
  let browser
  const close = async () => {
    await browser?.close()
    try {
      // It may take its time over a gentler signal, and this process would wait for it.
      process.kill(-server.pid, 'SIGKILL')
    } catch {
      // It has ended already.
    }
    rmSync(data, { recursive: true, force: true, maxRetries: 5 })
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await answer(address)
    const flags = [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
    ]
    browser = await playwright.chromium.launch({ executablePath: CHROMIUM, args: flags })
    const page = await browser.newPage({ viewport: SIZE })
    const query = workspaceFile
      ? `workspace=${encodeURIComponent(join(folder, workspaceFile))}`
      : `folder=${encodeURIComponent(folder)}`
    await page.goto(`${address}?${query}`)
    const workbench = new Workbench(page, close)
    await workbench.ready()
    return workbench
  } catch (error) {
    await close()
    throw error
  }
}

/** Installs the newest .vsix at the root, as a user would. */
function install(folders) {
  const files = readdirSync(root).filter((name) => name.endsWith('.vsix'))
  const newest = files.sort((a, b) => statSync(join(root, b)).mtimeMs - statSync(join(root, a)).mtimeMs)[0]
  if (!newest) throw new Error('There is no .vsix: "npm run package" makes it.')
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  if (!newest.includes(version)) throw new Error(`${newest} is not of version ${version}: run "npm run package".`)
  const { status, stdout, stderr } = spawnSync(
    vscode.node,
    [vscode.server, ...folders, '--install-extension', join(root, newest)],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(`The .vsix cannot be installed:\n${stdout}${stderr}`)
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })
}

async function answer(address) {
  for (let i = 0; i < 600; i++) {
    const there = await fetch(address).then(
      (response) => response.ok,
      () => false,
    )
    if (there) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`VS Code does not answer at ${address}.`)
}
