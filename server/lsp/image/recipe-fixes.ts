/** Quick fixes for an image whose operand does not fit: the recipe beside it makes one that does. */
import type { TextEdit } from 'vscode-languageserver'
import { beginsWithOperand } from '../../esm/cpio.ts'
import { parseSvmBlob } from '../../esm/svm-blob.ts'
import type { TextFinding } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import type { Fix } from '../fix.ts'
import { digestEntry } from '../svm-blob/inspect.ts'
import { joinUri, nameOf } from '../uris.ts'
import type { Attribute, ImageConfiguration } from './configurations.ts'

/** Bytes. */
const YAML_LIMIT = 1 << 16
const HEAD_LIMIT = 1024

/** What pef.buildOperand names the operand of a recipe. */
const outputOf = (recipe: string): string => recipe.replace(/(\.svm)?\.ya?ml$/, '.esmb')
/** Rules about an operand, or about what it was made of: one that is made anew does not meet them. */
const isAboutOperand = (rule: string): boolean =>
  /^ESM0([0-7]\d|8[04])$/.test(rule) && !['ESM058', 'ESM059'].includes(rule)

interface Recipe {
  /** Of its file. */
  readonly name: string
  readonly uri: string
  readonly kernel?: string
  readonly initramfs?: string
  readonly args?: string
}

/** The recipes beside an image. */
export async function recipesBeside({ folder }: ImageConfiguration, files: Files): Promise<Recipe[]> {
  const names = (await files.host.list(folder)).filter((name) => /^svm_blob\.ya?ml$|\.svm\.ya?ml$/.test(name))
  return Promise.all(names.map((name) => readRecipe(joinUri(folder, name), files)))
}

/** What a recipe is for; nothing where the file is none. */
export async function readRecipe(uri: string, files: Files): Promise<Recipe> {
  const yaml = await files.host.read(uri, YAML_LIMIT)
  const { kernel, initramfs, args } = digestEntry(parseSvmBlob(new TextDecoder().decode(yaml)).entries)
  return { name: nameOf(uri), uri, kernel: kernel?.text, initramfs: initramfs?.text, args: args?.text }
}

/** Fixes of a finding by the recipes beside the image; none where there is no recipe for its kernel. */
export async function recipeFixes(
  configuration: ImageConfiguration,
  finding: TextFinding,
  files: Files,
): Promise<Fix[]> {
  if (!isAboutOperand(finding.rule) && finding.rule !== 'ESM121') return []
  const { kernel, operand } = configuration
  const fixes: Fix[] = []
  for (const recipe of await recipesBeside(configuration, files)) {
    const named = operand?.text.replace(/^\.\//, '')
    if (!isItsKernel(configuration, recipe)) {
      if (finding.rule === 'ESM054' && kernel && recipe.kernel !== undefined)
        fixes.push({ title: `Boot ${recipe.kernel}, as ${recipe.name} says`, edits: [set(kernel, recipe.kernel)] })
      continue
    }
    const initrd = await initrdFrom(recipe, configuration, finding, files)
    if (named === outputOf(recipe.name))
      fixes.push({
        title: `Build ${named} again from ${recipe.name}`,
        command: { title: 'Build the operand', command: 'pef.buildOperand', arguments: [recipe.uri] },
      })
    if (named !== recipe.name)
      fixes.push({
        title: `Make the operand from ${recipe.name} at every start`,
        edits: changes(configuration, { ...(initrd !== undefined && { initrd }), operand: recipe.name }),
      })
    else if (initrd !== undefined)
      fixes.push({ title: `Boot ${initrd}, as ${recipe.name} says`, edits: changes(configuration, { initrd }) })
  }
  return fixes.map((fix, i) => ({ ...fix, preferred: i === 0 }))
}

function isItsKernel({ kernel, folder }: ImageConfiguration, recipe: Recipe): boolean {
  return (
    kernel !== undefined &&
    recipe.kernel !== undefined &&
    joinUri(folder, kernel.text) === joinUri(folder, recipe.kernel)
  )
}

/** The recipe's initrd, where the image has none, one that carries an operand, or another one than the recipe. */
async function initrdFrom(
  { initramfs }: Recipe,
  { initrd, folder }: ImageConfiguration,
  { rule }: TextFinding,
  files: Files,
): Promise<string | undefined> {
  if (initramfs === undefined || initrd?.text === initramfs) return undefined
  if (!initrd || rule === 'ESM056' || rule === 'ESM121') return initramfs
  const head = await files.host.read(joinUri(folder, initrd.text), HEAD_LIMIT)
  return head && beginsWithOperand(head) ? initramfs : undefined
}

const set = ({ range: { start, end } }: Attribute, text: string): TextEdit => ({
  range: { start, end },
  newText: JSON.stringify(text),
})

/** Sets attributes; those that are not there come behind the kernel. */
function changes(
  configuration: ImageConfiguration,
  values: Readonly<Partial<Record<'initrd' | 'operand', string>>>,
): TextEdit[] {
  const edits: TextEdit[] = []
  let added = ''
  const { kernel } = configuration
  for (const name of ['initrd', 'operand'] as const) {
    const [attribute, value] = [configuration[name], values[name]]
    if (value === undefined) continue
    if (attribute) edits.push(set(attribute, value))
    else added += `, ${JSON.stringify(name)}: ${JSON.stringify(value)}`
  }
  if (added !== '' && kernel) edits.push({ range: { start: kernel.range.end, end: kernel.range.end }, newText: added })
  return edits
}
