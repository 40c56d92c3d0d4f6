/** The rules' pages are those of the table of rules: `UPDATE_GOLDEN=1` writes them. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { finding, isFatal } from '../../server/esm/findings.ts'
import { RULES, verdictOf } from '../../server/esm/rules.ts'
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

  it.each([...RULES.values()])(
    '$id says what UV_ESM does, how to correct it, and links to pages that there are',
    ({ id, severity, fix }) => {
      const text = readFileSync(new URL(`${id}.md`, folder), 'utf8')
      expect(text).toMatch(/^\*\*UV_ESM\*\* (refuses|goes on|is never called|does not look|gets|hashes|uses)/m)
      expect(text.includes('UV_ESM** refuses with U_PARAMETER')).toBe(isFatal(finding(id)) && id !== 'ESM136')
      expect(text).toContain(`**To correct it:** ${fix}.`)
      for (const [, target] of text.matchAll(/\]\(([^)]+)\)/g)) expect(pages.has(target!), target).toBe(true)
      expect(verdictOf(id, severity)).not.toBe('')
    },
  )

  it.each([...pages.keys()])('%s says what the table says', (name) => {
    expect(readFileSync(new URL(name, folder), 'utf8')).toBe(pages.get(name))
  })
})
