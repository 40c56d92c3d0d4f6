/** Where an attribute stands in the text of a launch.json or pef.json. */
import { describe, expect, it } from 'vitest'
import { attributePosition } from '../../extension/launch/attribute-position.ts'

const LAUNCH = `{
  // comments are allowed: "memory": no
  "version": "0.2.0",
  "configurations": [
    { "name": "other", "type": "pef", "memory": "64M" },
    { "name": "mine", "type": "pef", /* "memory": */ "tpm": { "key": "k" }, "memory": "65M", "symbols": ["memory"] }
  ]
}`

/** The text from the position on, up to the colon. */
const at = (text: string, configuration: string | undefined, attribute: string) => {
  const offset = attributePosition(text, configuration, attribute)
  return offset === undefined ? undefined : text.slice(offset)
}

describe('attributePosition', () => {
  it('finds the attribute of the configuration of that name', () => {
    expect(at(LAUNCH, 'mine', 'memory')).toMatch(/^"memory": "65M"/)
    expect(at(LAUNCH, 'other', 'memory')).toMatch(/^"memory": "64M"/)
  })

  it('a nested one at its outer one', () => {
    expect(at(LAUNCH, 'mine', 'tpm.key')).toMatch(/^"tpm"/)
  })

  it('the object where it has no such attribute', () => {
    expect(at(LAUNCH, 'mine', 'kernel')).toMatch(/^\{ "name": "mine"/)
  })

  it('nothing where there is no such configuration', () => {
    expect(at(LAUNCH, 'neither', 'memory')).toBeUndefined()
  })

  it('the outermost object of a pef.json', () => {
    expect(at('{ "a": { "kernel": 1 }, "kernel": "k" }', undefined, 'kernel')).toBe('"kernel": "k" }')
  })

  it('in a text that is not complete', () => {
    expect(at('{ "kernel": "k", "memory": [', undefined, 'memory')).toBe('"memory": [')
    expect(at('', undefined, 'memory')).toBeUndefined()
  })

  it('a key with escapes', () => {
    expect(at('{ "mem\\u006fry": 1 }', undefined, 'memory')).toBe('"mem\\u006fry": 1 }')
  })
})
