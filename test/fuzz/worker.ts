/** Runs one parser on damaged inputs, in a thread that its starter can end when an input never comes back. */
import { readdirSync, readFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join } from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { mutate, numbers } from './mutate.ts'
import { PARSERS } from './parsers.ts'

/** What the starter sends. */
export interface Work {
  readonly root: string
  readonly parser: string
  readonly seed: number
  readonly cases: number
  /** Whether inputs that reach new code are told, which takes a hundred times longer. */
  readonly grow: boolean
  /** The input that is being looked at: the number of the case, its length, its bytes. */
  readonly shared: SharedArrayBuffer
}

/** What it answers: `new` inputs and `fault`s as they come, `done` at the end. */
export type Told =
  | { readonly kind: 'new'; readonly input: Uint8Array }
  | { readonly kind: 'fault'; readonly input: Uint8Array; readonly message: string }
  | { readonly kind: 'done'; readonly cases: number; readonly refused: number; readonly slowest: number }

/** An input may take this long for each KiB that it has begun, in milliseconds. */
const MOST_MS_PER_KIB = 10

const { root, parser: name, seed, cases, grow, shared } = workerData as Work
const parser = PARSERS[name]!
const tell = (told: Told) => parentPort!.postMessage(told)
const head = new Int32Array(shared, 0, 2)
const place = new Uint8Array(shared, 8)
let refused = 0

/** @returns the processor's time that it took, whatever else the machine does, in milliseconds for each KiB */
async function look(input: Uint8Array): Promise<number> {
  const start = process.cpuUsage()
  try {
    await parser.run(input)
  } catch (error) {
    if (!parser.refusals.some((refusal) => error instanceof refusal)) throw error
    refused++
  }
  const { user, system } = process.cpuUsage(start)
  return (user + system) / 1000 / Math.ceil(Math.max(1, input.length) / 1024)
}

const session = grow ? new Session() : undefined
session?.connect()
const post = (method: string, params?: object): Promise<unknown> =>
  new Promise((resolve, reject) =>
    session!.post(method, params, (error, result) => (error ? reject(error) : resolve(result))),
  )
const covered = new Set<string>()

/** Whether code ran that has not run before. */
async function isNew(): Promise<boolean> {
  const { result } = (await post('Profiler.takePreciseCoverage')) as {
    result: { url: string; functions: { ranges: { startOffset: number; endOffset: number; count: number }[] }[] }[]
  }
  const before = covered.size
  for (const { url, functions } of result)
    if (url.includes('pef-fuzz'))
      for (const { ranges } of functions)
        for (const { startOffset, endOffset, count } of ranges)
          if (count > 0) covered.add(`${startOffset} ${endOffset}`)
  return covered.size > before
}

const folder = join(root, 'test/fuzz/corpus', name)
const corpus = readdirSync(folder)
  .sort()
  .map((file) => new Uint8Array(readFileSync(join(folder, file))))
const pool = [...parser.seeds(root), ...corpus]
const untouched = pool.length
const pick = numbers(seed)
let slowest = 0
if (grow) {
  await post('Profiler.enable')
  await post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
}
for (let i = 0; i < untouched + cases; i++) {
  // First all as they are.
  const input = i < untouched ? pool[i]! : mutate(pool[pick(pool.length)]!, pool, pick, parser.isText)
  place.set(input.subarray(0, place.length))
  head[1] = Math.min(input.length, place.length)
  Atomics.store(head, 0, i)
  try {
    let took = await look(input)
    // The compiler or the garbage collector may have had its turn: the best of a few counts.
    for (let again = 0; again < 10 && took > MOST_MS_PER_KIB; again++) took = Math.min(took, await look(input))
    // The first ones pay for the compiler.
    if (i >= untouched) slowest = Math.max(slowest, took)
    if (took > MOST_MS_PER_KIB) tell({ kind: 'fault', input, message: `${took.toFixed(1)} ms/KiB` })
  } catch (error) {
    tell({ kind: 'fault', input, message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
  if (grow && (await isNew()) && i >= untouched) {
    pool.push(input)
    tell({ kind: 'new', input })
  }
}
tell({ kind: 'done', cases: untouched + cases, refused, slowest })
