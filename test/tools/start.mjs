// npm start: runs the sample through ESM in the terminal, or with --vscode opens it in VS Code with this extension loaded.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')
const sample = join(root, 'test/guests/hello-svm')
const args = process.argv.slice(2)
const isWindows = process.platform === 'win32'

/** Names of VS Code's command line, the first that is there is taken. */
const EDITORS = ['code', 'codium', 'code-insiders']

/** The first of `names` in a folder of the PATH. */
function onPath(names) {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  return names.find((name) => folders.some((folder) => existsSync(join(folder, isWindows ? `${name}.cmd` : name))))
}

/** Runs a program with this terminal, and ends as it ended. */
function become(program, argv, options = {}) {
  const { status, error } = spawnSync(program, argv, { stdio: 'inherit', ...options })
  if (error) throw error
  process.exit(status ?? 1)
}

if (args.includes('--vscode')) {
  const editor = onPath(EDITORS)
  if (!editor) {
    console.error(`None of ${EDITORS.join(', ')} is on the PATH.`)
    console.error(`In VS Code run the command "Shell Command: Install 'code' command in PATH",`)
    console.error(`or open ${root} in VS Code and press F5.`)
    process.exit(2)
  }
  // Git keeps no such rights, and a key that others can read is worth a warning.
  chmodSync(join(sample, 'origin.sec'), 0o600)
  // On Windows it is a script, which only the shell starts: there a path with a blank needs its quotes.
  const quoted = (text) => (isWindows ? `"${text}"` : text)
  const argv = ['--new-window', quoted(`--extensionDevelopmentPath=${root}`), quoted(sample)]
  become(editor, argv, { shell: isWindows })
}
const image = args.length === 0 || args[0].startsWith('--') ? [join(sample, 'pef.json')] : []
become(process.execPath, [join(root, 'dist/pef.js'), 'run', ...image, ...args])
