// Removes each check of the ultravisor in turn and tells which removals nobody notices: neither a case of the conformance suite,
// nor a quirk's row, nor a scenario.
//
//   node test/conformance/mutation.mjs [--only TEXT] [--look N] [--threads N]
//
// --only TEXT   only removals whose name contains TEXT
// --look N      at most N observers look at a removal; who is left out may have noticed it
// --threads N   threads that try removals (1)
//
// Writes test/conformance/mutation/noticed.json as it goes: who notices each removal. The last line is a summary; exit 1 where one goes unnoticed.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { bundlePool, equivalent, mutationSites, Thread } from './mutation/tools.mjs'

const record = resolve(import.meta.dirname, 'mutation/noticed.json')
/** Observers that look whether a removal that is said to make no difference makes one. */
const LOOKS_AT_EQUIVALENT = 20

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    look: { type: 'string', default: '1000000' },
    threads: { type: 'string', default: '1' },
  },
})
const [threads, look] = ['threads', 'look'].map((name) => {
  const value = Number(values[name])
  if (!Number.isInteger(value) || value < 1) throw new Error(`--${name} ${values[name]}: expected a number from 1`)
  return value
})

const sites = mutationSites()
const folder = mkdtempSync(join(tmpdir(), 'pef-mutation-'))
const bundle = join(folder, 'pool.mjs')
const thread = new Thread(bundle)
const started = Date.now()

try {
  await bundlePool(sites, bundle)
  const names = await thread.start()
  const others = Array.from({ length: threads - 1 }, () => new Thread(bundle))
  /** Has all threads take from one list until it is empty. */
  const all = (list, work) =>
    Promise.all(
      [thread, ...others].map(async (own) => {
        for (let item = list.shift(); item !== undefined; item = list.shift()) await work(own, item)
      }),
    )

  // Which sites matter to which observer: removing what did not matter to it cannot make a difference to it.
  const observers = []
  const wrong = []
  await all([...names.keys()], async (own, number) => {
    const from = Date.now()
    const { noticedBy, mattered } = await own.try(-1, [number])
    if (noticedBy !== undefined) wrong.push(names[number])
    observers.push({ number, name: names[number], mattered: new Set(mattered), milliseconds: Date.now() - from })
  })
  if (wrong.length > 0) throw new Error(`fails with nothing removed: ${wrong.join(', ')}`)
  observers.sort((a, b) => a.milliseconds - b.milliseconds)

  const known = existsSync(record) ? JSON.parse(readFileSync(record, 'utf8')) : {}
  const wanted = [...sites.keys()].filter((site) => !values.only || sites[site].key.includes(values.only))
  // Those of which nothing is known come first.
  wanted.sort((a, b) => Number(sites[a].key in known) - Number(sites[b].key in known))
  const results = new Map()
  const save = () => {
    const lines = sites.flatMap(({ key }, site) => {
      const name = results.has(site) ? results.get(site) : known[key]
      return name === undefined ? [] : [[key, name]]
    })
    writeFileSync(record, `${JSON.stringify(Object.fromEntries(lines), undefined, 2)}\n`)
  }
  await all(wanted, async (own, site) => {
    const { key } = sites[site]
    const candidates = observers.filter(({ mattered }) => mattered.has(site))
    // Whoever noticed it last time looks first.
    candidates.sort((a, b) => Number(b.name === known[key]) - Number(a.name === known[key]))
    const most = equivalent[key] ? LOOKS_AT_EQUIVALENT : look
    // Where not all look, they come from everywhere, not from the fastest alone.
    const stride = Math.max(1, candidates.length / most)
    const order = Array.from(
      { length: Math.min(most, candidates.length) },
      (_, i) => candidates[Math.floor(i * stride)].number,
    )
    const { noticedBy } = order.length > 0 ? await own.try(site, order) : {}
    const name = noticedBy === undefined ? undefined : names[noticedBy]
    results.set(site, name)
    save()
    if (name === undefined && !equivalent[key])
      console.log(`unnoticed (${order.length} looked): ${sites[site].kind} line ${sites[site].line}: ${key}`)
    if (name !== undefined && equivalent[key]) console.log(`no equivalent, ${name} notices it: ${key}`)
  })
  await Promise.all(others.map((other) => other.stop()))

  const noticed = [...results].filter(([, name]) => name !== undefined)
  const stale = Object.keys(equivalent).filter((key) => !sites.some((site) => site.key === key))
  for (const key of stale) console.log(`in the list of equivalents, but not in the source: ${key}`)
  const same = [...results].filter(([site, name]) => name === undefined && equivalent[sites[site].key]).length
  const unnoticed = results.size - noticed.length - same
  const misplaced = noticed.filter(([site]) => equivalent[sites[site].key]).length
  const seconds = Math.round((Date.now() - started) / 1000)
  console.log(
    `${results.size} removals: ${noticed.length} noticed, ${same} equivalent, ${unnoticed} unnoticed (${names.length} observers, ${seconds} s)`,
  )
  process.exitCode = unnoticed + stale.length + misplaced > 0 ? 1 : 0
} finally {
  await thread.stop()
  rmSync(folder, { recursive: true, force: true })
}
