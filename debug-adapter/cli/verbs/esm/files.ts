import { randomBytes } from 'node:crypto'
import { type FileHandle, open, readFile, realpath, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ToolError } from './verb.ts'

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'No such file or directory',
  ENOTDIR: 'Not a directory',
  EISDIR: 'Is a directory',
  EACCES: 'Permission denied',
  EPERM: 'Operation not permitted',
  ENOSPC: 'No space left on device',
  EROFS: 'Read-only file system',
}

/** `path: No such file or directory`, in the words of svm-tool. */
export function fileError(path: string, error: unknown): ToolError {
  const { code, message } = error as NodeJS.ErrnoException
  // Somebody gave what is in a key instead of where it is.
  if (path.includes('PRIVATE KEY')) return new ToolError('expected the path of a file, found a private key')
  return new ToolError(`${path}: ${REASONS[code ?? ''] ?? message}`)
}

/** @throws ToolError */
export async function readWhole(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (error) {
    throw fileError(path, error)
  }
}

/** The first bytes of a file, at most `limit`. @throws ToolError */
export async function readHead(path: string, limit: number): Promise<Uint8Array> {
  return withFile(path, async (file) => {
    const bytes = new Uint8Array(limit)
    let length = 0
    // Without positions: a pipe has none.
    for (;;) {
      const { bytesRead } = await file.read(bytes, length, limit - length, null)
      if (bytesRead === 0) return bytes.slice(0, length)
      length += bytesRead
    }
  })
}

/** Opens a file for reading and closes it whatever happens. @throws ToolError where it cannot be read */
export async function withFile<T>(path: string, use: (file: FileHandle) => Promise<T>): Promise<T> {
  let file: FileHandle
  try {
    file = await open(path, 'r')
  } catch (error) {
    throw fileError(path, error)
  }
  try {
    return await use(file)
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall === 'read' ? fileError(path, error) : error
  } finally {
    await file.close()
  }
}

/** A file that is to be written. */
export interface Output {
  readonly path: string
  /** Permissions. Default: those of the file that is there, else 0666 without the umask. */
  readonly mode?: number
  write(file: FileHandle): Promise<void>
}

/** A file of these bytes. */
export const contents = (path: string, bytes: Uint8Array | string, mode?: number): Output => ({
  path,
  ...(mode !== undefined && { mode }),
  write: (file) => file.writeFile(bytes),
})

/**
 * Writes files: each beside its place first, and into its place when all of them are whole. So an existing file is either the
 * old one or the new one, and nothing half written stays behind. What is no file (a pipe, /dev/null) is written to directly.
 * @throws ToolError where one cannot be written
 */
export async function writeOutputs(...outputs: readonly Output[]): Promise<void> {
  const staged: { readonly from: string; readonly to: string; readonly path: string }[] = []
  try {
    for (const output of outputs) {
      const place = await placeOf(output.path)
      if (place.special) await writeTo(output, output.path, 'w', undefined)
      else {
        const from = join(dirname(place.path), `.${basename(place.path)}.${randomBytes(6).toString('hex')}.part`)
        staged.push({ from, to: place.path, path: output.path })
        await writeTo(output, from, 'wx', output.mode ?? place.mode)
      }
    }
    for (const { from, to, path } of staged)
      await rename(from, to).catch((error) => Promise.reject(fileError(path, error)))
  } finally {
    // What was renamed is not there any more.
    for (const { from } of staged) await unlink(from).catch(() => undefined)
  }
}

async function placeOf(path: string): Promise<{ path: string; mode?: number; special: boolean }> {
  try {
    const target = await realpath(path)
    const found = await stat(target)
    if (found.isDirectory()) throw new ToolError(`${path}: ${REASONS['EISDIR']}`)
    return { path: target, mode: found.mode & 0o7777, special: !found.isFile() }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { path, special: false }
    throw error instanceof ToolError ? error : fileError(path, error)
  }
}

async function writeTo(output: Output, path: string, flags: string, mode: number | undefined): Promise<void> {
  try {
    const file = await open(path, flags, output.mode ?? 0o666)
    try {
      if (mode !== undefined) await file.chmod(mode)
      await output.write(file)
      if (flags === 'wx') await file.sync()
    } finally {
      await file.close()
    }
  } catch (error) {
    throw (error as NodeJS.ErrnoException).syscall ? fileError(output.path, error) : error
  }
}
