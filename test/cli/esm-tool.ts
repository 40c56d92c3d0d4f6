/** The two tools that the tests of `pef esm` compare: the built pef, and IBM's svm-tool where it can be had. */
import { execFileSync, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What `npm run build` makes, or another build of it. */
export const pefPath = process.env['PEF_JS'] ?? fileURLToPath(new URL('../../dist/pef.js', import.meta.url))
/** Paths in the fixtures' YAML are relative to it. */
export const fixtures = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))

export interface Ended {
  readonly code: number | null
  readonly out: string
  readonly bytes: Buffer
  readonly error: string
}

export interface Running {
  readonly input?: string
  /** Default: the fixtures. */
  readonly cwd?: string
  /** For pef: beside those of this process. */
  readonly env?: NodeJS.ProcessEnv
}

function start(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  { input = '', cwd = fixtures }: Running,
) {
  return new Promise<Ended>((done, fail) => {
    const child = spawn(command, args, { cwd, env })
    const [out, error]: [Buffer[], Buffer[]] = [[], []]
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => error.push(chunk))
    child.on('error', fail)
    // Who does not read its input closes it.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.on('close', (code) => {
      const bytes = Buffer.concat(out)
      done({ code, bytes, out: bytes.toString(), error: Buffer.concat(error).toString() })
    })
  })
}

export function pef(args: readonly string[], running: Running = {}): Promise<Ended> {
  if (!existsSync(pefPath)) throw new Error(`${pefPath} is not built: npm run build`)
  return start(process.execPath, [pefPath, ...args], { ...process.env, ...running.env }, running)
}

/** The command line in this process: as long as nothing is asked, it is the same and quicker. In the current folder. */
export async function pefHere(args: readonly string[]): Promise<Pick<Ended, 'code' | 'out' | 'error'>> {
  // Not for those who only start the built one.
  const { main } = await import('../../debug-adapter/cli/main.ts')
  let [out, error] = ['', '']
  const code = await main(args, {
    out: (text) => void (out += text),
    error: (text) => void (error += text),
    isTerminal: false,
    interrupted: false,
    inputIsTerminal: false,
    listen: () => () => undefined,
  })
  return { code, out, error }
}

const checkout = process.env['PEF_SVM_TOOL']
const CROSS = 'powerpc64le-linux-gnu-'

/** The Python that has what svm-tool imports. */
const python = [process.env['PYTHON'] ?? 'python3', '/usr/bin/python3'].find((command) => {
  try {
    execFileSync(command, ['-c', 'import libfdt, yaml, Cryptodome'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

export const svmToolIsThere = checkout !== undefined && python !== undefined
/** For the title of a test that is left out. */
export const SVM_TOOL_HINT =
  '(needs PEF_SVM_TOOL, a checkout of open-power/svm-tools, and apt-get install python3-libfdt python3-pycryptodome ' +
  'python3-yaml binutils-powerpc64le-linux-gnu cpio)'

/** @param program `svm-tool`, or `esm-digest`, which it installs too */
export function svmTool(args: readonly string[], running: Running = {}, program = 'svm-tool'): Promise<Ended> {
  const module = program === 'svm-tool' ? 'svm_tool.svm_tool' : 'svm_tool.esm_digest.esm_digest'
  const code = `import sys; from ${module} import main; sys.argv[0] = "${program}"; sys.exit(main())`
  const path = [checkout, process.env['PYTHONPATH']].filter((folder) => folder !== undefined).join(delimiter)
  const env = { ...process.env, PYTHONPATH: path, CROSS_COMPILE: process.env['CROSS_COMPILE'] ?? CROSS }
  // Without a terminal it reads passphrases from standard input: an empty line is the answer for a key without one.
  return start(python!, ['-W', 'ignore', '-c', code, ...args], env, { input: '\n\n\n\n\n\n', ...running })
}
