/** What a workspace has to debug: image files (`pef.json`) and, without them, kernels with an initrd beside. */
import type { LaunchAttributes } from '../../debug-adapter/adapter/protocol.ts'
import { mapPaths } from '../../debug-adapter/attribute-paths.ts'

/** Paths are relative to the workspace folder, with `/`. */
export interface Image {
  /** The image file, or the kernel. */
  readonly path: string
  /** One line for a pick list. */
  readonly detail: string
  /** Launch attributes whose paths start at the workspace folder. */
  readonly attributes: Partial<LaunchAttributes>
}

/** Is this the name of an image file: `pef.json` or `NAME.pef.json`? */
export function isImageFile(path: string): boolean {
  return /(^|\/)([^/]+\.)?pef\.json$/.test(path)
}

/** An image file that is no JSON object. */
export class ImageFileError extends Error {}

/**
 * Reads an image file: a JSON object with launch attributes, whose paths start at its own folder.
 * Values are not checked here: the launch does that for every configuration alike.
 * @param path path of the file relative to the workspace folder
 * @throws ImageFileError where the text is no JSON object
 */
export function readImageFile(path: string, text: string): Image {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ImageFileError(`${path} is no JSON: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ImageFileError(
      `${path} has to be a JSON object with launch attributes such as { "kernel": "vmlinux", "initrd": "initrd.img" }`,
    )
  const { $schema: _, ...given } = value as Record<string, unknown>
  const attributes = rebase(given, path.replace(/[^/]*$/, ''))
  const kernel = typeof given['kernel'] === 'string' ? given['kernel'] : 'no kernel'
  const initrd = typeof given['initrd'] === 'string' ? ` + ${given['initrd']}` : ''
  return { path, detail: kernel + initrd, attributes }
}

/** The image that a kernel and the files beside it make. */
export function kernelImage(kernel: string, neighbours: readonly string[]): Image {
  const initrd = initrdFor(kernel, neighbours)
  const blob = neighbours.find((path) => /(^|\/)(svm_blob|.*\.svm)\.ya?ml$/.test(path))
  // An operand that is in front of the initrd already must not be put there twice.
  const operand = initrd && !hasOperand(initrd) ? blob : undefined
  return {
    path: kernel,
    detail: initrd ? `kernel + ${initrd}${operand ? ` + ${operand}` : ''}` : 'kernel without an initrd',
    attributes: { kernel, ...(initrd && { initrd }), ...(operand && { operand }) },
  }
}

function hasOperand(initrd: string): boolean {
  return /esmb/i.test(fileName(initrd))
}

/** The most likely initrd among the files of the kernel's folder: one that has an operand, then by the usual names. */
function initrdFor(kernel: string, neighbours: readonly string[]): string | undefined {
  const version = /^vmlinu[xz]-(.+)$/.exec(fileName(kernel))?.[1]
  const rank = (path: string) => {
    const name = fileName(path)
    if (!/^(initrd|initramfs)|\.cpio(\.\w+)?$|esmb.*\.(img|cpio)$|\binitrd\b.*\.img$/i.test(name)) return 0
    return 1 + (hasOperand(path) ? 2 : 0) + (version !== undefined && name.includes(version) ? 4 : 0)
  }
  return neighbours
    .filter((path) => path !== kernel && rank(path) > 0 && !/\.(txt|md|sh|json|ya?ml|sig|sha\d+)$/i.test(path))
    .sort((a, b) => rank(b) - rank(a) || a.localeCompare(b))[0]
}

function fileName(path: string): string {
  return path.replace(/^.*\//, '')
}

/** Makes the paths of attributes start at the workspace folder instead of at `folder` (which ends with `/`, or is empty). */
export function rebase(given: Readonly<Record<string, unknown>>, folder: string): Partial<LaunchAttributes> {
  return mapPaths(given, (path) => joinPath(folder, path))
}

/** Absolute paths and those that begin with a variable stay as they are. */
function joinPath(folder: string, path: string): string {
  if (folder === '' || path === '' || /^(\/|\\\\|[A-Za-z]:[\\/]|\$\{)/.test(path)) return path
  const parts: string[] = []
  for (const part of `${folder}${path}`.split('/')) {
    if (part === '..' && parts.length > 0 && parts.at(-1) !== '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  return parts.join('/')
}

/** Puts `${workspaceFolder}/` in front of relative paths, as a launch.json is best written. */
export function withWorkspaceFolder(attributes: Partial<LaunchAttributes>): Partial<LaunchAttributes> {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of VS Code
  return rebase(attributes, '${workspaceFolder}/')
}

/** Name of the launch configuration for an image. */
export function configurationName(image: Image): string {
  const folder = image.path.replace(/\/?[^/]*$/, '')
  const file = fileName(image.path)
  if (!isImageFile(image.path)) return `Debug SVM image ${image.path}`
  const own = file === 'pef.json' ? '' : file.replace(/\.pef\.json$/, '')
  return ['Debug SVM image', [folder, own].filter(Boolean).join('/')].filter(Boolean).join(' ')
}
