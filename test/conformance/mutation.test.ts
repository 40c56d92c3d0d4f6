/**
 * Some of the checks of the ultravisor, removed: who noticed each when `node test/conformance/mutation.mjs` removed all of them still
 * does. A check that is new, or is written another way, has to be tried by that script first.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundlePool, equivalent, mutationSites, Thread } from './mutation/tools.mjs'

/** Every so many removals one is tried here. */
const EVERY = 25

const noticed: Record<string, string> = JSON.parse(
  readFileSync(new URL('mutation/noticed.json', import.meta.url), 'utf8'),
)
const sites = mutationSites()

test('at least 40 removals, and each is known: noticed by somebody, or without a difference', () => {
  expect(sites.length).toBeGreaterThan(40)
  const keys = sites.map(({ key }) => key)
  expect(keys.filter((key) => !(key in noticed) && !(key in equivalent))).toEqual([])
  expect([...Object.keys(noticed), ...Object.keys(equivalent)].filter((key) => !keys.includes(key))).toEqual([])
})

describe('removed, and noticed by', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pef-mutation-'))
  const thread = new Thread(join(folder, 'pool.mjs'))
  let names: string[] = []

  beforeAll(async () => {
    await bundlePool(sites, join(folder, 'pool.mjs'))
    names = await thread.start()
  })
  afterAll(async () => {
    await thread.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const tried = sites.flatMap(({ key }, site) => (noticed[key] ? [[noticed[key], key, site] as const] : []))
  test.each(tried.filter((_, i) => i % EVERY === 0))('%s: %s', async (who, _key, site) => {
    const observer = names.indexOf(who)
    expect(observer, `${who} is no case, quirk, scenario or operand`).toBeGreaterThanOrEqual(0)
    expect((await thread.try(-1, [observer])).noticedBy, `${who} with nothing removed`).toBeUndefined()
    expect((await thread.try(site, [observer])).noticedBy).toBe(observer)
  })
})
