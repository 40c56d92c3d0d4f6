/** The launch attributes in a pef.json or launch.json, with their places. */
import type { TextRange } from '../../esm/svm-yaml.ts'
import { parentOf } from '../uris.ts'
import { type JsonText, type JsonValue, plainValue, propertyOf, readJson } from './json.ts'

/** A value with where it stands, a path with its variables filled in. */
export interface Attribute {
  readonly text: string
  readonly range: TextRange
}

/** The attributes of one image; those that are missing or of the wrong type are absent. */
export interface ImageConfiguration {
  /** Uri of the folder that its paths start from. */
  readonly folder: string
  /** Where it begins: for what is missing. */
  readonly range: TextRange
  readonly kernel?: Attribute
  readonly initrd?: Attribute
  readonly operand?: Attribute
  readonly bootargs?: Attribute
  readonly tpmKey?: Attribute
  readonly symbols: readonly Attribute[]
  readonly seed: number
  /** A boot stub calls UV_ESM, whatever the command line says. */
  readonly stub: boolean
  /** The quirks, where they make the ultravisor warn instead of refuse; the text is JSON of those that do not. */
  readonly warnOnly?: Attribute
}

/** Quirk of the released configuration, ESM_BLOB_CHK_WARN_ONLY (spec/ultravisor.md §9.2). */
const WARN_ONLY = 'Q29'

/** @param language `image`: the whole document is one; `launch`: those of type pef in its list */
export function configurationsOf(text: string, document: string, language: 'image' | 'launch'): ImageConfiguration[] {
  const root = readJson(text)
  if (root?.kind !== 'object') return []
  if (language === 'image') return [configuration(root, parentOf(document))]
  const list = propertyOf(root, 'configurations')
  if (list?.kind !== 'list') return []
  // .vscode/launch.json is two levels below its folder.
  const folder = parentOf(parentOf(document))
  return list.items.filter((one) => textOf(one, 'type')?.text === 'pef').map((one) => configuration(one, folder))
}

function configuration(value: JsonValue, folder: string): ImageConfiguration {
  const path = (name: string) => filledIn(textOf(value, name), folder)
  const bootargs = textOf(value, 'bootargs')
  const key = textOf(propertyOf(value, 'tpm'), 'key')
  const symbols = propertyOf(value, 'symbols')
  const seed = propertyOf(value, 'seed')
  const quirks = propertyOf(value, 'quirks')
  const all = symbols?.kind === 'list' ? symbols.items : symbols ? [symbols] : []
  const { start } = value.range
  return {
    folder,
    range: { start, end: { line: start.line, character: start.character + 1 } },
    kernel: path('kernel'),
    initrd: path('initrd'),
    operand: path('operand'),
    bootargs: bootargs && { text: bootargs.text, range: bootargs.range },
    tpmKey: filledIn(key, folder),
    symbols: all.flatMap((one) => (one.kind === 'text' ? (filledIn(one, folder) ?? []) : [])),
    seed: seed?.kind === 'other' && typeof seed.value === 'number' ? seed.value : 1,
    stub: textOf(value, 'esm')?.text === 'stub',
    ...(quirks && warnOnly(quirks)),
  }
}

function warnOnly(quirks: JsonValue): { warnOnly?: Attribute } {
  const value = plainValue(quirks)
  if (value === 'faithful') return { warnOnly: { text: '"sane"', range: quirks.range } }
  if (!Array.isArray(value) || !value.includes(WARN_ONLY)) return {}
  return { warnOnly: { text: JSON.stringify(value.filter((name) => name !== WARN_ONLY)), range: quirks.range } }
}

function textOf(value: JsonValue | undefined, name: string): JsonText | undefined {
  const found = propertyOf(value, name)
  return found?.kind === 'text' ? found : undefined
}

/** A path with `${workspaceFolder}` as what it is; undefined where only the editor knows what a variable stands for. */
function filledIn(value: JsonText | undefined, folder: string): Attribute | undefined {
  if (!value || value.text.trim() === '') return undefined
  const name = folder.replace(/^.*\//, '')
  const text = value.text.replace(/^\$\{workspaceFolder(:([^}]*))?\}[\\/]?/, (all, _, other) =>
    other === undefined || other === name ? './' : all,
  )
  return text.includes('${') ? undefined : { text, range: value.range }
}
