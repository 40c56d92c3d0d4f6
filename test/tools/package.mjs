// npm run package: makes pef-debug-VERSION.vsix of what is built. The packager is not a dependency: it is big and
// needed by few, so npx brings this one version of it.
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const VSCE = '@vscode/vsce@3.9.2'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const { name, version, main, browser } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
for (const file of [main, browser, 'dist/debug-adapter.js', 'dist/server.js'])
  if (!existsSync(join(root, file))) {
    console.error(`${file} is missing: "npm run build" makes it.`)
    process.exit(1)
  }
const file = `${name}-${version}.vsix`
// Everything is bundled into dist/: no dependency travels along.
const options = ['--no-dependencies', '--allow-missing-repository', '--no-rewrite-relative-links', '--out', file]
const { status, error } = spawnSync('npx', ['--yes', VSCE, 'package', ...options], {
  cwd: root,
  stdio: ['ignore', 'inherit', 'inherit'],
  shell: process.platform === 'win32',
})
if (error) throw error
process.exit(status ?? 1)
