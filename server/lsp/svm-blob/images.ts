/** The images around a recipe: what is to boot with the operand that it describes, and whether they agree. */
import { beginsWithOperand, locateOperand } from '../../esm/cpio.ts'
import { sameBytes } from '../../esm/reader.ts'
import type { SvmBlobEntry } from '../../esm/svm-blob.ts'
import type { TextFindings, YamlText } from '../../esm/svm-yaml.ts'
import { asksForSecureVm } from '../../esm/verify/image.ts'
import type { Files, FoundFile } from '../files.ts'
import { configurationsOf, type ImageConfiguration } from '../image/configurations.ts'
import { joinUri, nameOf, parentOf } from '../uris.ts'
import { digestEntry } from './inspect.ts'

/** Bytes. */
const IMAGE_LIMIT = 1 << 20
/** As much of an initrd holds the operand in front of it. */
const HEAD_LIMIT = 4 << 20

export interface Image {
  /** Of its file, for messages. */
  readonly name: string
  readonly configuration: ImageConfiguration
  /** Its operand is made of this very recipe at every start; else it has the recipe's kernel, and an operand of its own. */
  readonly isMade: boolean
}

/** Images in the recipe's folder and in those of the workspace that it may be for, as they are on the disk. */
export async function imagesFor(entries: readonly SvmBlobEntry[], document: string, files: Files): Promise<Image[]> {
  const path = digestEntry(entries).kernel
  const kernel = path && (await files.find(document, path.text))
  const images: Image[] = []
  for (const folder of new Set([parentOf(document), ...files.folders])) {
    const names = (await files.host.list(folder)).filter((name) => /^([^/]+\.)?pef\.json$/.test(name))
    for (const path of [...names, '.vscode/launch.json'])
      for (const configuration of await readImages(joinUri(folder, path), files)) {
        const isMade = uriOf(configuration, 'operand') === document
        const sharesKernel = kernel !== undefined && uriOf(configuration, 'kernel') === kernel.uri
        const isOfAnother = /\.ya?ml$/.test(configuration.operand?.text ?? '')
        if (isMade || (sharesKernel && !isOfAnother)) images.push({ name: nameOf(path), configuration, isMade })
      }
  }
  return images
}

async function readImages(uri: string, files: Files): Promise<readonly ImageConfiguration[]> {
  const stat = await files.host.stat(uri)
  if (!stat || stat.isFolder) return []
  return files.once(`images ${uri} ${stat.stamp}`, async () => {
    const text = new TextDecoder().decode(await files.host.read(uri, IMAGE_LIMIT))
    return configurationsOf(text, uri, uri.endsWith('/launch.json') ? 'launch' : 'image')
  })
}

function uriOf(configuration: ImageConfiguration, name: 'kernel' | 'initrd' | 'operand'): string | undefined {
  const path = configuration[name]
  return path && joinUri(configuration.folder, path.text)
}

/** ESM054, ESM056 and ESM057: what the recipe names is not what an image boots. Errors where its operand is made of this recipe. */
export async function inspectImages(
  entries: readonly SvmBlobEntry[],
  images: readonly Image[],
  document: string,
  files: Files,
  findings: TextFindings,
): Promise<void> {
  const { args, kernel, initramfs } = digestEntry(entries)
  if (args) compareArguments(args, images, findings)
  for (const image of images) {
    if (kernel && image.isMade) await compareKernel(kernel, image, document, files, findings)
    if (initramfs) await compareInitrd(initramfs, image, document, files, findings)
  }
}

/** One kernel may be started in several ways: it is enough where one of the images has the recipe's command line. */
function compareArguments(args: YamlText, images: readonly Image[], findings: TextFindings): void {
  const secure = images.filter(({ configuration: { stub, bootargs } }) => stub || asksForSecureVm(bootargs?.text ?? ''))
  const made = secure.filter(({ isMade }) => isMade)
  const compared = made.length > 0 ? made : secure
  const texts = compared.map(({ configuration }) => configuration.bootargs?.text ?? '')
  const [other] = compared
  if (!other || texts.includes(args.text)) return
  const severity = other.isMade ? 'E' : 'W'
  const found = `${JSON.stringify(args.text)}, which is not what ${other.name} boots with`
  findings.add('ESM057', args, { severity, expected: JSON.stringify(texts[0]), found })
}

async function compareKernel(
  path: YamlText,
  { name, configuration }: Image,
  document: string,
  files: Files,
  findings: TextFindings,
): Promise<void> {
  const [ours, theirs] = [await files.find(document, path.text), await fileOf(configuration, 'kernel', files)]
  if (!ours || !theirs || ours.uri === theirs.uri) return
  const [our, their] = [await files.kernel(ours), await files.kernel(theirs, 'unpacked')]
  if (our && their && !sameBytes(our.digest, their.digest))
    findings.add('ESM054', path, {
      expected: `${configuration.kernel!.text}, which ${name} boots`,
      found: 'another kernel',
    })
}

async function compareInitrd(
  path: YamlText,
  { name, configuration, isMade }: Image,
  document: string,
  files: Files,
  findings: TextFindings,
): Promise<void> {
  const [ours, theirs] = [await files.find(document, path.text), await fileOf(configuration, 'initrd', files)]
  if (!ours || !theirs || ours.uri === theirs.uri) return
  const archive = await archiveBytes(theirs, files)
  // An initrd that is neither the recipe's nor behind an operand may be anything.
  if (!isMade && archive === 0) return
  // In front of what an image is made of another operand is put: all of it counts then.
  if (sameBytes(await files.sha512(ours), await files.sha512(theirs, isMade ? 0 : archive))) return
  findings.add('ESM056', path, {
    severity: isMade ? 'E' : 'W',
    expected: `what is in ${configuration.initrd!.text}, which ${name} boots`,
    found: 'another initrd',
  })
}

/** Of the archive with an operand in front of an initrd; 0 where there is none. */
function archiveBytes({ uri, stat }: FoundFile, files: Files): Promise<number> {
  return files.once(`archive ${uri} ${stat.stamp}`, async () => {
    const head = await files.host.read(uri, HEAD_LIMIT)
    return head && beginsWithOperand(head) ? locateOperand(head).archiveBytes : 0
  })
}

async function fileOf(
  configuration: ImageConfiguration,
  name: 'kernel' | 'initrd',
  files: Files,
): Promise<FoundFile | undefined> {
  const uri = uriOf(configuration, name)
  const stat = uri === undefined ? undefined : await files.host.stat(uri)
  return uri !== undefined && stat && !stat.isFolder ? { uri, stat } : undefined
}
