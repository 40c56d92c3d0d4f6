// npm start: runs the sample through ESM in the terminal, or with --vscode opens it in VS Code with this extension loaded.
import { spawnSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const sample = join(root, 'test/guests/hello-svm')
const args = process.argv.slice(2)

/** Runs a program with this terminal, and ends as it ended. */
function become(program, argv) {
  // Windows starts `code`, a script, only through its shell.
  const { status, error } = spawnSync(program, argv, {
    stdio: 'inherit',
    shell: process.platform === 'win32' && program === 'code',
  })
  if (error?.code === 'ENOENT') {
    console.error(
      `${program} is not on the PATH: in VS Code run the command "Shell Command: Install 'code' command in PATH",`,
    )
    console.error('or open this folder in VS Code yourself and press F5.')
    process.exit(2)
  }
  if (error) throw error
  process.exit(status ?? 1)
}

if (args.includes('--vscode')) become('code', ['--new-window', `--extensionDevelopmentPath=${root}`, sample])
const image = args.length === 0 || args[0].startsWith('--') ? [join(sample, 'pef.json')] : []
become(process.execPath, [join(root, 'dist/pef.js'), 'run', ...image, ...args])
