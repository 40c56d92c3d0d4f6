/** The rules' pages are those of the table of rules: `UPDATE_GOLDEN=1` writes them. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { RULES } from '../../server/esm/rules.ts'
import { ruleIndex, rulePage } from '../../server/lsp/rule-page.ts'

const folder = new URL('../../server/rule-pages/', import.meta.url)
const pages = new Map([...RULES.values()].map((rule) => [`${rule.id}.md`, rulePage(rule)]))
pages.set('README.md', ruleIndex())

if (process.env['UPDATE_GOLDEN']) {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of pages) writeFileSync(new URL(name, folder), text)
}

describe('server/rule-pages', () => {
  it('has the page of every rule, and no other', () => {
    expect(readdirSync(folder).sort()).toEqual([...pages.keys()].sort())
  })

  it.each([...pages.keys()])('%s says what the table says', (name) => {
    expect(readFileSync(new URL(name, folder), 'utf8')).toBe(pages.get(name))
  })
})
