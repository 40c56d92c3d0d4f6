/** The manifest: it names only what is there, and its schema says what the adapter accepts. */
import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { checkAttributes } from '../../debug-adapter/attributes.ts'
import { parseSvmBlob } from '../../server/esm/svm-blob.ts'

const root = new URL('../../', import.meta.url)
const json = (path: string) => JSON.parse(readFileSync(new URL(path, root), 'utf8'))
const manifest = json('package.json')
const { contributes } = manifest
const attributes = contributes.debuggers[0].configurationAttributes.launch.properties
const image = json('media/pef-image.schema.json')

/** Every path of the manifest that begins with media/. */
function* mediaPaths(value: unknown): Generator<string> {
  if (typeof value === 'string' && /^(\.\/)?media\//.test(value)) yield value
  else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) yield* mediaPaths(one)
}

describe('the manifest', () => {
  it('names files that are there', () => {
    const paths = [...mediaPaths(contributes)]
    expect(paths.length).toBeGreaterThan(5)
    for (const path of paths) expect(existsSync(new URL(path, root)), path).toBe(true)
  })

  it('has breakpoints in every language that code of the guest and of the firmware is in', () => {
    const languages = contributes.breakpoints.map(({ language }: { language: string }) => language)
    expect(languages).toEqual(expect.arrayContaining(['pef-steps', 'ppc-asm', 'c']))
    const own = contributes.languages.find(({ id }: { id: string }) => id === 'pef-steps')
    expect(own.extensions).toContain('.steps')
  })

  it('names its commands once each, and uses only those in menus and keys', () => {
    const commands = contributes.commands.map(({ command }: { command: string }) => command)
    expect(new Set(commands).size).toBe(commands.length)
    const menus = Object.values(contributes.menus as Record<string, { command: string }[]>).flat()
    // Keys may be given to what the workbench has a button for and no key.
    const own = (contributes.keybindings as { command: string }[]).filter(
      ({ command }) => !/^workbench\.action\.debug\.(stepBack|reverseContinue)$/.test(command),
    )
    for (const { command } of [...menus, ...own]) expect(commands).toContain(command)
  })
})

describe('the walkthrough', () => {
  const [walkthrough] = contributes.walkthroughs

  it('has commands that are there, each of which completes its step', () => {
    const commands = new Set(contributes.commands.map(({ command }: { command: string }) => command))
    expect(walkthrough.steps.length).toBe(6)
    for (const { description, completionEvents } of walkthrough.steps) {
      const command = /\(command:([\w.]+)\)/.exec(description)![1]
      expect(commands).toContain(command)
      expect(completionEvents).toEqual([`onCommand:${command}`])
    }
  })

  it('names files that the sample has, for they are copied', () => {
    const source = readFileSync(new URL('extension/operand/first-vm.ts', root), 'utf8')
    const names = [...new RegExp(/FROM_SAMPLE = \[(.*)\]/).exec(source)![1]!.matchAll(/'([^']+)'/g)].map(
      ([, name]) => name!,
    )
    expect(names.length).toBeGreaterThan(2)
    for (const name of names) expect(existsSync(new URL(`test/guests/hello-svm/${name}`, root)), name).toBe(true)
  })
})

describe('the snippets of svm_blob.yml', () => {
  const snippets: Record<string, { body: string[] }> = json('media/svm-blob.snippets.json')
  const expand = (name: string) =>
    snippets[name]!.body.join('\n').replace(/\$\{\d+:([^}]*)\}|\$\d/g, (_, text = '') => text)

  it('has one for the whole that is right', () => {
    expect(parseSvmBlob(expand('svm_blob.yml')).findings).toEqual([])
  })

  it('has one for each kind of entry, which together are right', () => {
    const { entries, findings } = parseSvmBlob(['origin', 'recipient', 'digest', 'file'].map(expand).join(''))
    expect(findings).toEqual([])
    expect(entries.map(({ kind }) => kind)).toEqual(['origin', 'recipient', 'digest', 'file'])
  })
})

describe('the schema of launch attributes', () => {
  it('is the same for a launch.json and a pef.json', () => {
    const { $schema: _, ...own } = image.properties
    expect(own).toEqual(attributes)
    expect(image.required).toEqual(contributes.debuggers[0].configurationAttributes.launch.required)
  })

  it('has exactly the attributes that the adapter knows, each described', () => {
    const message = (() => {
      try {
        checkAttributes({ kernel: 'k', nothingOfTheKind: 1 })
      } catch (error) {
        return String(error)
      }
      throw new Error('an unknown attribute was accepted')
    })()
    const known = /the attributes ([\w, ]+)/.exec(message)![1]!.split(', ')
    expect(Object.keys(attributes).sort()).toEqual(known.sort())
    for (const [name, one] of Object.entries<{ markdownDescription?: string }>(attributes))
      expect(one.markdownDescription?.length, name).toBeGreaterThan(10)
  })

  it.each(['memory', 'secureMemory'])('has the bounds of %s that the adapter has', (name) => {
    const { minimum, maximum, examples, pattern } = attributes[name]
    const given = (value: unknown) => () => checkAttributes({ kernel: 'k', [name]: value })
    expect(given(minimum)).not.toThrow()
    expect(given(minimum - 2)).toThrow(name)
    expect(given(maximum + 2)).toThrow(name)
    for (const example of examples) {
      expect(given(example), example).not.toThrow()
      expect(example).toMatch(new RegExp(pattern))
    }
    for (const wrong of ['many', '64X', '-64M', '']) {
      expect(given(wrong), wrong).toThrow(name)
      expect(wrong).not.toMatch(new RegExp(pattern))
    }
  })

  it.each(['stopOn', 'esm', 'console'])('has the values of %s that the adapter has', (name) => {
    for (const value of attributes[name].enum)
      expect(checkAttributes({ kernel: 'k', [name]: value })).toHaveProperty(name, value)
    expect(attributes[name].enumDescriptions).toHaveLength(attributes[name].enum.length)
    expect(() => checkAttributes({ kernel: 'k', [name]: 'other' })).toThrow(name)
  })

  it.each(['memory', 'stopOn', 'console', 'seed', 'esm', 'bootargs'])(
    'has the default of %s that the adapter fills in',
    (name) => {
      const value = { kernel: 'k', [name]: attributes[name].default }
      expect(checkAttributes(value)).toEqual(checkAttributes({ kernel: 'k' }))
    },
  )
})
