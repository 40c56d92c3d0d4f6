/** The launch attribute `drives`: which disk images are put into the machine. */
import { type ByteSource, sourceOf } from '../server/esm/reader.ts'
import { AttributeError } from './attribute-error.ts'
import { resolvePath } from './attribute-paths.ts'
import { DiskError } from './disk/bytes.ts'
import { type DiskImage, openDisk } from './disk/disk-image.ts'
import type { DriveConfig } from './machine/platform/virtio/drive.ts'

const FORMATS = ['raw', 'qcow2'] as const
/** As many as the slots that have an interrupt of their own. */
const MOST_DRIVES = 4
/** Images on top of each other. */
const MOST_BACKING = 16

export interface CheckedDrive {
  readonly file: string
  /** Absent: as the file looks. */
  readonly format?: (typeof FORMATS)[number]
  readonly readonly: boolean
}

/** @throws AttributeError for the first drive that is wrong */
export function checkDrives(value: unknown): CheckedDrive[] {
  if (value === undefined) return []
  const accepted = `a list of at most ${MOST_DRIVES} drives such as { "file": "disk.qcow2", "readonly": true }`
  if (!Array.isArray(value) || value.length > MOST_DRIVES) throw new AttributeError('drives', value, accepted)
  return value.map((drive: unknown, i) => {
    const at = `drives[${i}]`
    const given = typeof drive === 'string' ? { file: drive } : drive
    if (typeof given !== 'object' || given === null || Array.isArray(given))
      throw new AttributeError(at, drive, accepted)
    const { file, format, readonly, ...others } = given as Record<string, unknown>
    const [unknown] = Object.keys(others)
    if (unknown !== undefined)
      throw new AttributeError(
        `${at}.${unknown}`,
        others[unknown],
        'file, format and readonly',
        'there is no such attribute',
      )
    if (typeof file !== 'string' || file.trim() === '' || file.includes('\0'))
      throw new AttributeError(`${at}.file`, file, 'the path of a disk image, raw or qcow2')
    if (format !== undefined && !FORMATS.includes(format as 'raw'))
      throw new AttributeError(`${at}.format`, format, FORMATS.join(' or '))
    if (readonly !== undefined && typeof readonly !== 'boolean')
      throw new AttributeError(`${at}.readonly`, readonly, 'true or false')
    return { file, readonly: readonly ?? false, ...(format !== undefined && { format: format as 'raw' }) }
  })
}

export interface DriveAccess {
  /** Reads a whole file. */
  readonly read: (path: string) => Promise<Uint8Array>
  readonly cwd: string
  /** Unpacks raw deflate, for compressed clusters of qcow2; `size` bytes come out. */
  readonly inflate?: ((bytes: Uint8Array, size: number) => Uint8Array) | undefined
}

/** An image names another one that was not read yet. */
class BackingMissing extends Error {
  constructor(readonly path: string) {
    super(path)
  }
}

/** Opens the disk images. @throws AttributeError where one cannot be used */
export async function openDrives(drives: readonly CheckedDrive[], access: DriveAccess): Promise<DriveConfig[]> {
  const opened: DriveConfig[] = []
  for (const [i, drive] of drives.entries()) {
    const at = `drives[${i}].file`
    try {
      opened.push({ content: await openDrive(drive, access), readonly: drive.readonly, serial: `drive${i}` })
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      throw new AttributeError(at, drive.file, 'a disk image, raw or qcow2', error.message)
    }
  }
  return opened
}

async function openDrive({ file, format }: CheckedDrive, access: DriveAccess): Promise<ByteSource> {
  const path = resolvePath(access.cwd, file)
  const files = new Map<string, ByteSource>([[path, sourceOf(await access.read(path))]])
  if (format === 'raw') return files.get(path)!
  for (;;) {
    try {
      const disk = open(path, files, access)
      if (format !== undefined && disk.format !== format) throw new DiskError(`it is no ${format} image`)
      return disk
    } catch (error) {
      if (!(error instanceof BackingMissing)) throw error
      if (files.size > MOST_BACKING) throw new DiskError(`more than ${MOST_BACKING} images on top of each other`)
      files.set(error.path, sourceOf(await access.read(error.path)))
    }
  }
}

function open(
  path: string,
  files: ReadonlyMap<string, ByteSource>,
  access: Pick<DriveAccess, 'inflate'>,
  depth = 0,
): DiskImage {
  if (depth > MOST_BACKING) throw new DiskError('an image that is on top of itself')
  const file = files.get(path)
  if (!file) throw new BackingMissing(path)
  return openDisk(file, {
    backing: (name) => {
      const beside = resolvePath(path.replace(/[\\/][^\\/]*$/, ''), name.replace(/^file:/, ''))
      return open(beside, files, access, depth + 1)
    },
    inflate:
      access.inflate ??
      (() => {
        throw new Error(
          'compressed clusters cannot be unpacked here: `qemu-img convert -O qcow2` makes an image without',
        )
      }),
  })
}
