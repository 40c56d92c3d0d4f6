import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'

/** What swtpm answered to every case when it was asked last: `UPDATE_GOLDEN=1` with swtpm.test.ts asks it again. */
const file = new URL('golden/swtpm.txt', import.meta.url)

export function readGolden(): ReadonlyMap<string, readonly string[]> {
  const sections = readFileSync(file, 'utf8').split('\n== ').slice(1)
  return new Map(
    sections.map((section) => {
      const [name, ...lines] = section.replace(/\n+$/, '').split('\n')
      return [name!, lines]
    }),
  )
}

export function writeGolden(logs: ReadonlyMap<string, readonly string[]>): void {
  const head = 'Answers of swtpm to the cases beside this file: response codes, sizes, and what is not random.\n'
  const sections = [...logs].map(([name, lines]) => `\n== ${name}\n${lines.join('\n')}\n`)
  mkdirSync(new URL('.', file), { recursive: true })
  writeFileSync(file, head + sections.join(''))
}
