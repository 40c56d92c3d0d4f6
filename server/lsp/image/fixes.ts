/** Quick fixes for a pef.json or launch.json. */
import { hexBytes } from '../../esm/reader.ts'
import type { TextFinding } from '../../esm/svm-yaml.ts'
import type { Files } from '../files.ts'
import { type Fix, nearestPath } from '../fix.ts'
import { joinUri, nameOf } from '../uris.ts'
import type { Attribute, ImageConfiguration } from './configurations.ts'
import { readRecipe, recipeFixes, recipesBeside } from './recipe-fixes.ts'

/** What corrects a finding; none where that takes a person. */
export async function imageFixes(
  configurations: readonly ImageConfiguration[],
  finding: TextFinding,
  files: Files,
): Promise<Fix[]> {
  for (const configuration of configurations) {
    const { kernel, initrd, operand, tpmKey, symbols, bootargs, warnOnly } = configuration
    const isHere = (one: Attribute | undefined) => one?.range.start === finding.range.start
    if (bootargs && isHere(bootargs))
      return [
        ...(await bootargsFixes(configuration, bootargs, finding, files)),
        ...(await recipeFixes(configuration, finding, files)),
      ]
    if (warnOnly && isHere(warnOnly)) return [strict(warnOnly)]
    const path = [kernel, initrd, operand, tpmKey, ...symbols].find(isHere)
    if (path && finding.rule === 'ESM110') return pathFixes(configuration, path, files)
    if (tpmKey && isHere(tpmKey) && finding.rule === 'ESM140') return [protect(configuration, tpmKey)]
    if (path || configuration.range.start === finding.range.start) return recipeFixes(configuration, finding, files)
  }
  return []
}

const strict = ({ text, range: { start, end } }: Attribute): Fix => ({
  title: `Let the ultravisor refuse: ${text}`,
  edits: [{ range: { start, end }, newText: text }],
  preferred: true,
})

/** The command takes a path beside a document. */
function protect({ folder }: ImageConfiguration, { text }: Attribute): Fix {
  const uri = joinUri(folder, text)
  const command = { title: 'Protect the key', command: 'pef.protectKey', arguments: [uri, nameOf(uri)] }
  return { title: 'Let nobody but its owner read it', command, preferred: true }
}

const change = (attribute: Attribute, text: string): Fix => ({
  title: `Change it to ${JSON.stringify(text)}`,
  edits: [{ range: { start: attribute.range.start, end: attribute.range.end }, newText: JSON.stringify(text) }],
  preferred: true,
})

async function bootargsFixes(
  configuration: ImageConfiguration,
  bootargs: Attribute,
  { rule, expected }: TextFinding,
  files: Files,
): Promise<Fix[]> {
  const plain = bootargs.text.trim().replace(/\s+/g, ' ')
  if (rule === 'ESM058') return [change(bootargs, plain)]
  if (rule === 'ESM059') return [change(bootargs, `${plain.replace(/\s*\bsvm=\S*/g, '')} svm=on`.trim())]
  if (rule !== 'ESM057') return []
  // What was hashed is not known from its digest: but there are texts that it may have been.
  const { crypto } = files.host
  const candidates = [plain, `${plain} `, ...(await argumentsOf(configuration, files))]
  const wanted = candidates.find((text) => {
    const digest = hexBytes(crypto.sha512(new TextEncoder().encode(text)))
    return expected === JSON.stringify(text) || expected === `SHA-512 ${digest}`
  })
  return wanted === undefined ? [] : [change(bootargs, wanted)]
}

/** The command lines of the recipes beside the image, and of the one that its operand is. */
async function argumentsOf(configuration: ImageConfiguration, files: Files): Promise<string[]> {
  const { folder, operand } = configuration
  const uri = operand && joinUri(folder, operand.text)
  const recipes = [...(await recipesBeside(configuration, files)), ...(uri ? [await readRecipe(uri, files)] : [])]
  return recipes.flatMap(({ args }) => args ?? [])
}

async function pathFixes({ folder }: ImageConfiguration, path: Attribute, files: Files): Promise<Fix[]> {
  const near = await nearestPath(path.text, [joinUri(folder, path.text)], files)
  return near ? [change(path, near)] : []
}
