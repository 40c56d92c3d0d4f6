import { createHash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import type { Terminal } from '../../terminal.ts'
import { withFile } from './files.ts'
import { Interrupted } from './verb.ts'

/** Bytes that are held at once, whatever the size of the file. */
const CHUNK_BYTES = 1 << 20
/** Smaller files are read faster than anybody looks. */
const PROGRESS_FROM = 32 << 20

/** The chunks of a file from an offset on, in one buffer that is used again: with progress on a terminal. @throws Interrupted */
export async function* chunksOf(
  file: FileHandle,
  what: string,
  terminal: Terminal,
  start = 0,
): AsyncGenerator<Uint8Array> {
  const stat = await file.stat()
  const { size } = stat
  const show = process.stderr.isTTY === true && size - start >= PROGRESS_FROM
  const buffer = new Uint8Array(CHUNK_BYTES)
  let shown = -1
  try {
    for (let at = start; ; ) {
      if (terminal.interrupted) throw new Interrupted()
      // A pipe has no places, only a next.
      const { bytesRead } = await file.read(buffer, 0, buffer.length, stat.isFile() ? at : null)
      if (bytesRead === 0) return
      at += bytesRead
      const percent = Math.floor((100 * (at - start)) / Math.max(1, size - start))
      if (show && percent !== shown) process.stderr.write(`\r${what}: ${(shown = percent)} %`)
      yield buffer.subarray(0, bytesRead)
    }
  } finally {
    if (shown >= 0) process.stderr.write('\r\x1b[K')
  }
}

/** SHA-512 of a file from an offset on. @throws ToolError, Interrupted */
export async function sha512File(path: string, terminal: Terminal, start = 0): Promise<Uint8Array> {
  return withFile(path, async (file) => {
    const hash = createHash('sha512')
    for await (const chunk of chunksOf(file, `reading ${path}`, terminal, start)) hash.update(chunk)
    return new Uint8Array(hash.digest())
  })
}
