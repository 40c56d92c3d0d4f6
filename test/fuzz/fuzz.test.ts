/** A slice of the fuzzing: the whole corpus, and some damage for each parser. `node test/fuzz/fuzz.mjs` does more of it. */
import { spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { mutate, numbers } from './mutate.ts'
import { PARSERS } from './parsers.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

describe('parsers', () => {
  it.each(Object.keys(PARSERS))('%s: no input crashes it, hangs it, or takes over 10 ms for a KiB', (parser) => {
    const corpus = readdirSync(`${root}test/fuzz/corpus/${parser}`).length
    const { stdout, stderr, status } = spawnSync(
      process.execPath,
      [`${root}test/fuzz/fuzz.mjs`, '--parser', parser, '--cases', '400'],
      { encoding: 'utf8' },
    )
    expect(stderr).toBe('')
    expect(stdout).toMatch(/, 0 at fault/)
    // Each input that is right, the corpus, and what was made of them.
    expect(Number(/: (\d+) inputs/.exec(stdout)![1])).toBe(400 + corpus + PARSERS[parser]!.seeds(root).length)
    expect(status).toBe(0)
  })

  it.each(Object.entries(PARSERS))('%s takes its inputs that are right', async (_, { run, seeds }) => {
    for (const seed of seeds(root)) await run(seed)
  })
})

describe('damage', () => {
  it('is the same for the same seed, and other for another', () => {
    const input = new Uint8Array(300).fill(1)
    const some = (seed: number) => {
      const pick = numbers(seed)
      return Array.from({ length: 20 }, () => mutate(input, [input], pick))
    }
    expect(some(1)).toEqual(some(1))
    expect(some(1)).not.toEqual(some(2))
    for (const one of some(3)) expect(one.length).toBeLessThanOrEqual(1 << 16)
  })
})
