import { RelativePattern, Uri, type WorkspaceFolder, workspace } from 'vscode'
import { log } from '../log.ts'
import { ELF_HEADER_BYTES, isPowerKernel } from './elf-header.ts'
import { type Image, kernelImage, readImageFile } from './images.ts'

const EXCLUDED = '**/{node_modules,.git,dist,.cache}/**'
/** Names that kernels usually have; `*.elf` is what bare-metal tool chains make. */
const KERNELS = '**/{vmlinux,vmlinux-*,zImage*,*.elf}'
const MOST_FILES = 100

/**
 * The images of a workspace folder: its image files; where it has none, its kernels for ppc64.
 * An image file that cannot be read is left out and named in the output channel.
 */
export async function findImages(folder: WorkspaceFolder): Promise<Image[]> {
  const files = await find(folder, '**/{pef.json,*.pef.json}')
  if (files.length === 0) return findKernels(folder)
  const images: Image[] = []
  for (const uri of files) {
    try {
      images.push(await imageAt(folder, uri))
    } catch (error) {
      log().warn(error instanceof Error ? error.message : String(error))
    }
  }
  return images.sort((a, b) => depth(a.path) - depth(b.path) || a.path.localeCompare(b.path))
}

/** Reads one image file. @throws ImageFileError where it is none */
export async function imageAt(folder: WorkspaceFolder, uri: Uri): Promise<Image> {
  const bytes = await workspace.fs.readFile(uri)
  return readImageFile(relativePath(folder, uri), new TextDecoder().decode(bytes))
}

async function findKernels(folder: WorkspaceFolder): Promise<Image[]> {
  const images: Image[] = []
  for (const uri of await find(folder, KERNELS)) {
    const head = await readHead(uri)
    if (!head || !isPowerKernel(head)) continue
    const parent = Uri.joinPath(uri, '..')
    const entries = await workspace.fs.readDirectory(parent)
    const neighbours = entries.map(([name]) => relativePath(folder, Uri.joinPath(parent, name)))
    images.push(kernelImage(relativePath(folder, uri), neighbours))
  }
  return images
}

/** VS Code reads whole files only; a vmlinux of some 100 MB is read once, when somebody asks for images. */
async function readHead(uri: Uri): Promise<Uint8Array | undefined> {
  try {
    const { size } = await workspace.fs.stat(uri)
    if (size < ELF_HEADER_BYTES) return undefined
    return (await workspace.fs.readFile(uri)).subarray(0, ELF_HEADER_BYTES)
  } catch {
    return undefined
  }
}

async function find(folder: WorkspaceFolder, pattern: string): Promise<Uri[]> {
  return workspace.findFiles(new RelativePattern(folder, pattern), EXCLUDED, MOST_FILES)
}

function relativePath(folder: WorkspaceFolder, uri: Uri): string {
  const root = folder.uri.path.replace(/\/$/, '')
  return uri.path.startsWith(`${root}/`) ? uri.path.slice(root.length + 1) : uri.fsPath
}

function depth(path: string): number {
  return path.split('/').length
}
