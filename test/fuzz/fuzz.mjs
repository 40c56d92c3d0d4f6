// Damaged inputs for every parser: none may throw anything but its refusal, none may hang, none may take over 10 ms for a KiB.
// Usage: node test/fuzz/fuzz.mjs [--parser NAME] [--seed N] [--cases N] [--grow]
//   --grow  also looks which inputs reach code that no other did, and keeps them in test/fuzz/corpus
// An input at fault is kept in the corpus as well: mend the parser, and leave it there. Exit code 1 where there was one.
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { Worker } from 'node:worker_threads'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { values } = parseArgs({
  options: {
    parser: { type: 'string' },
    seed: { type: 'string', default: '1' },
    cases: { type: 'string', default: '20000' },
    grow: { type: 'boolean', default: false },
  },
})
/** An input that takes this long is taken for one that never comes back. */
const HANG_MS = 20_000
const MOST_INPUT = 1 << 22

const bundle = mkdtempSync(join(tmpdir(), 'pef-fuzz-'))
const worker = join(bundle, 'worker.mjs')
const parsers = join(bundle, 'parsers.mjs')
const entryPoints = ['worker', 'parsers'].map((name) => join(root, `test/fuzz/${name}.ts`))
await build({
  entryPoints,
  outdir: bundle,
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  // For the packages that are CommonJS.
  banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  logLevel: 'error',
})

/** Keeps an input under the name of its digest. @returns the path */
function keep(parser, input) {
  const name = createHash('sha256').update(input).digest('hex').slice(0, 16)
  const path = join(root, 'test/fuzz/corpus', parser, name)
  writeFileSync(path, input)
  return path
}

/** @returns how many inputs are at fault */
function fuzz(parser) {
  mkdirSync(join(root, 'test/fuzz/corpus', parser), { recursive: true })
  const shared = new SharedArrayBuffer(8 + MOST_INPUT)
  const head = new Int32Array(shared, 0, 2)
  const { seed, cases, grow } = values
  const workerData = { root, parser, seed: Number(seed), cases: Number(cases), grow, shared }
  return new Promise((resolve, reject) => {
    const thread = new Worker(worker, { workerData })
    let faults = 0
    let kept = 0
    const fault = (input, message) => {
      faults++
      console.error(`${parser}: ${message}\n  ${keep(parser, input)}`)
    }
    let last = -1
    const watch = setInterval(() => {
      const now = Atomics.load(head, 0)
      if (now === last) {
        fault(new Uint8Array(shared, 8, head[1]).slice(), `hangs at case ${now}`)
        end()
      }
      last = now
    }, HANG_MS)
    const end = () => {
      clearInterval(watch)
      void thread.terminate()
      resolve(faults)
    }
    thread.on('message', (told) => {
      if (told.kind === 'fault') fault(told.input, told.message)
      else if (told.kind === 'new') {
        keep(parser, told.input)
        kept++
      } else {
        const more = grow ? `, ${kept} kept` : ''
        const slowest = `slowest ${told.slowest.toFixed(2)} ms/KiB`
        console.log(`${parser}: ${told.cases} inputs, ${told.refused} refused, ${slowest}, ${faults} at fault${more}`)
        end()
      }
    })
    // An error outside of a case is one of the harness, or of memory that ran out.
    thread.on('error', (error) => {
      clearInterval(watch)
      fault(new Uint8Array(shared, 8, head[1]).slice(), String(error))
      reject(error)
    })
  })
}

try {
  const { PARSERS } = await import(pathToFileURL(parsers).href)
  const names = values.parser === undefined ? Object.keys(PARSERS) : [values.parser]
  const unknown = names.find((name) => !(name in PARSERS))
  if (unknown) throw new Error(`no parser ${unknown}: there are ${Object.keys(PARSERS).join(', ')}`)
  let faults = 0
  for (const name of names) faults += await fuzz(name)
  process.exitCode = faults > 0 ? 1 : 0
} finally {
  rmSync(bundle, { recursive: true })
}
