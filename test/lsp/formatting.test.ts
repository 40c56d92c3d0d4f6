/** Formatting of svm_blob.yml as a property: whatever is written, nothing is lost and the second time changes nothing. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TextDocument } from 'vscode-languageserver-textdocument'
import { parseDocument } from 'yaml'
import { parseSvmBlob } from '../../server/esm/svm-blob.ts'
import { formatSvmBlob } from '../../server/lsp/svm-blob/edits.ts'

const format = (text: string) => TextDocument.applyEdits(TextDocument.create('', '', 1, text), formatSvmBlob(text))
const commentsOf = (text: string) => [...text.matchAll(/#c\d+/g)].map(([comment]) => comment)
const valuesOf = (text: string) =>
  parseSvmBlob(text).entries.map(({ kind, values }) => [kind, [...values].map(([name, value]) => [name, value.text])])

describe('formatting', () => {
  it.each([
    [
      'an anchor and its alias',
      '-   origin:\n      pubkey: &k  "o.pub"\n      seckey:   *k\n',
      /pubkey: &k "o\.pub"\n {4}seckey: \*k/,
    ],
    ['a merged mapping', '- recipient:   &r\n    pubkey: a.pem\n- recipient:\n    <<:   *r\n', /&r\n[\s\S]*<<: \*r/],
    [
      'block scalars',
      '-  digest:\n     args:   |-\n       console=hvc0 svm=on\n     kernel: >-\n        k\n',
      /args: \|-\n {6}console=hvc0 svm=on\n {4}kernel: >-\n {6}k/,
    ],
    [
      'both kinds of quotation marks',
      "- file:\n     path:  'it''s'\n     name:   \"a\\x2e\"\n",
      /path: 'it''s'\n {4}name: "a\\x2e"|path: 'it''s'\n {4}name: "a\\u002e"|path: 'it''s'\n {4}name: "a\."/,
    ],
    ['flow style', '- origin: { pubkey:   a,   seckey: b }   # c\n', /\{ ?pubkey: a, seckey: b ?\} # c/],
    ['a long line', `- digest:\n      args:    "${'word '.repeat(60)}"\n`, /args: "(word ){60}"\n/],
    [
      'the beginning of a document',
      '%YAML 1.1\n---\n-   file:\n        path: x\n',
      /^%YAML 1\.1\n---\n- file:\n {4}path: x\n/,
    ],
  ])('keeps %s', (_, text, expected) => {
    const formatted = format(text)
    expect(formatted).toMatch(expected)
    expect(valuesOf(formatted)).toEqual(valuesOf(text))
    expect(format(formatted)).toBe(formatted)
  })

  it('ends lines as the document does', () => {
    const text = '-   origin:\r\n       pubkey: a  # b\r\n'
    expect(format(text)).toBe('- origin:\r\n    pubkey: a # b\r\n')
    expect(formatSvmBlob(format(text))).toEqual([])
  })

  it('does nothing to what cannot be read', () => {
    for (const text of ['- origin: [', '- origin:\n\tpubkey: x\n', '- a: "unended\n', 'x: y: z\n'])
      expect(formatSvmBlob(text)).toEqual([])
  })

  it('of any recipe with comments anywhere loses nothing, and is done at once', () => {
    const blanks = fc.integer({ min: 1, max: 5 }).map((count) => ' '.repeat(count))
    const value = fc.oneof(
      fc.stringMatching(/^[a-z][a-z0-9/._-]{0,12}$/),
      fc.stringMatching(/^[a-z #:\\t=-]{0,20}$/).map((text) => JSON.stringify(text)),
      fc.stringMatching(/^[a-z #:=-]{0,20}$/).map((text) => `'${text}'`),
    )
    const comment = fc.oneof(fc.constant(''), fc.constant('#'))
    const line = fc.record({
      key: fc.constantFrom('pubkey', 'seckey', 'comment', 'args', 'kernel', 'odd'),
      value,
      blanks,
      comment,
      above: comment,
      gap: fc.boolean(),
    })
    const entry = fc.record({
      kind: fc.constantFrom('origin', 'recipient', 'digest', 'file'),
      blanks,
      comment,
      indent: fc.integer({ min: 3, max: 9 }),
      lines: fc.array(line, { minLength: 1, maxLength: 4 }),
    })
    let changed = 0
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 4 }),
        fc.constantFrom('\n', '\r\n'),
        comment,
        (entries, eol, last) => {
          let comments = 0
          const mark = (what: string) => (what === '' ? '' : ` #c${comments++}`)
          const lines: string[] = []
          for (const { kind, blanks, comment, indent, lines: inside } of entries) {
            lines.push(`-${blanks}${kind}:${mark(comment)}`)
            // Inside the entry whatever its dash is followed by.
            const margin = ' '.repeat(blanks.length + 1 + indent)
            for (const { key, value, blanks, comment, above, gap } of inside) {
              if (above) lines.push(`${margin}${mark(above).trim()}`)
              lines.push(`${margin}${key}:${blanks}${value}${mark(comment)}`)
              if (gap) lines.push('')
            }
          }
          if (last) lines.push(mark(last).trim())
          const text = lines.join(eol) + eol
          expect(parseDocument(text, { uniqueKeys: false }).errors).toEqual([])
          const formatted = format(text)
          if (formatted !== text) changed++
          expect(commentsOf(formatted)).toEqual(commentsOf(text))
          expect(valuesOf(formatted)).toEqual(valuesOf(text))
          expect(format(formatted)).toBe(formatted)
        },
      ),
      { numRuns: 400 },
    )
    // Nearly all of them are untidy: to do nothing would not do.
    expect(changed).toBeGreaterThan(300)
  })
})
