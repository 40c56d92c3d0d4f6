import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { beginsWithOperand } from '../../../server/esm/cpio.ts'
import { type BootEntry, bootMenu } from '../../disk/boot-menu.ts'
import { DiskError } from '../../disk/bytes.ts'
import { type DiskImage, openDisk } from '../../disk/disk-image.ts'
import { Ext4 } from '../../disk/ext4.ts'
import { EXT, type Partition, partitionsOf } from '../../disk/partitions.ts'
import { inflate } from '../../node-inflate.ts'
import { type OptionSpec, optionHelp, parseOptions, UsageError, wholeNumber } from '../options.ts'
import { EXIT } from '../outcome.ts'
import type { Terminal } from '../terminal.ts'
import { openSource } from './esm/inputs.ts'
import { ToolError } from './esm/verb.ts'

const OPTIONS: readonly OptionSpec[] = [
  { name: 'json', help: 'print one JSON object on standard output and nothing else' },
  { name: 'extract', value: 'FOLDER', help: 'write kernel, initrd and a pef.json that runs them into this folder' },
  {
    name: 'entry',
    value: 'N',
    help: 'which entry of the boot menu is extracted, counted from 1 (default: the one that would boot)',
  },
  { name: 'help', help: 'this text' },
]

export const imageHelp = `Usage: pef image inspect DISK [OPTIONS]

Reads the boot menu of a disk image, raw or qcow2: which kernel, initrd and command line it would start. Nothing in the image is
changed. It reads MBR and GPT, ext2 to ext4, GRUB's configuration and Boot Loader Specification entries.

Options:
${optionHelp(OPTIONS)}

Exit codes: 0 a boot menu was found, 1 none was found or the image cannot be read, 2 wrong usage.

Examples:
  pef image inspect disk.qcow2
  pef image inspect disk.qcow2 --extract vm && pef run vm/pef.json`

const MAX_BACKING = 16
const DEFAULT_MEMORY = '1G'

interface Found {
  readonly partition: Partition
  readonly files: Ext4
  readonly path: string
  readonly entries: readonly BootEntry[]
}

export async function image(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, switches, rest } = parseOptions(args, OPTIONS)
  const [verb, path, ...more] = rest
  if (switches.has('help') || verb === undefined) {
    terminal.out(`${imageHelp}\n`)
    return switches.has('help') ? EXIT.ok : EXIT.usage
  }
  if (verb !== 'inspect') throw new UsageError(`pef image knows inspect, not ${verb}`)
  if (path === undefined || more.length > 0) throw new UsageError('give one disk image: pef image inspect DISK')
  const open: (() => void)[] = []
  try {
    return await inspect(path, { values, switches }, terminal, open)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).syscall === 'read')
      throw new UsageError(`${path} cannot be read: ${(error as Error).message}`)
    if (!(error instanceof DiskError || error instanceof ToolError)) throw error
    terminal.error(`pef: ${error instanceof DiskError ? `${path}: ` : ''}${error.message}\n`)
    return 1
  } finally {
    for (const close of open) close()
  }
}

async function inspect(
  path: string,
  { values, switches }: Pick<ReturnType<typeof parseOptions>, 'values' | 'switches'>,
  terminal: Terminal,
  open: (() => void)[],
): Promise<number> {
  const disk = openFile(path, open)
  const partitions = partitionsOf(disk)
  const { found, notes } = findMenu(partitions)
  const chosen = found && chooseEntry(found.entries, values.get('entry'))
  const folder = values.get('extract')
  const written = folder !== undefined && found && chosen ? await extract(found, chosen, partitions, folder) : undefined
  if (switches.has('json')) {
    const shown = partitions.map(({ number, start, length, holds }) => ({ number, start, length, holds }))
    const menu = found && { partition: found.partition.number, path: found.path, entries: found.entries }
    terminal.out(
      `${JSON.stringify({ format: disk.format, bytes: disk.length, partitions: shown, menu, notes, written })}\n`,
    )
  } else terminal.out(describe(disk, partitions, found, notes, written))
  return found ? EXIT.ok : 1
}

function openFile(path: string, open: (() => void)[], depth = 0): DiskImage {
  if (depth > MAX_BACKING) throw new DiskError(`more than ${MAX_BACKING} images on top of each other`)
  const { source, close } = openSource(path)
  open.push(close)
  return openDisk(source, {
    backing: (name) => openFile(resolve(dirname(path), name.replace(/^file:/, '')), open, depth + 1),
    inflate,
  })
}

function findMenu(partitions: readonly Partition[]): { found: Found | undefined; notes: string[] } {
  const notes: string[] = []
  for (const partition of partitions) {
    if (partition.holds !== EXT) {
      if (/XFS|Btrfs|LVM|LUKS/.test(partition.holds))
        notes.push(
          `partition ${partition.number}: ${partition.holds} is not read; copy kernel and initrd out of it by hand`,
        )
      continue
    }
    try {
      const files = new Ext4(partition.content)
      const menu = bootMenu(files)
      if (menu) return { found: { partition, files, ...menu }, notes }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      notes.push(`partition ${partition.number}: ${error.message}`)
    }
  }
  return { found: undefined, notes }
}

function chooseEntry(entries: readonly BootEntry[], number: string | undefined): BootEntry {
  if (number === undefined) return entries.find(({ isDefault }) => isDefault) ?? entries[0]!
  const entry = entries[wholeNumber('entry', number) - 1]
  if (!entry) throw new UsageError(`--entry takes 1 to ${entries.length}, not ${number}`)
  return entry
}

/** @returns the files that were written */
async function extract(
  found: Found,
  entry: BootEntry,
  partitions: readonly Partition[],
  folder: string,
): Promise<string[]> {
  const kernel = readAnywhere(found, partitions, entry.kernel)
  const initrds = entry.initrds.map((path) => readAnywhere(found, partitions, path))
  const initrd = initrds.length > 0 ? Buffer.concat(initrds) : undefined
  const attributes = {
    kernel: 'kernel',
    ...(initrd && { initrd: 'initrd.img' }),
    bootargs: entry.bootargs,
    memory: DEFAULT_MEMORY,
  }
  const files: [string, Uint8Array | string][] = [
    ['kernel', kernel],
    ...(initrd ? ([['initrd.img', initrd]] as [string, Uint8Array][]) : []),
    ['pef.json', `${JSON.stringify(attributes, undefined, 2)}\n`],
  ]
  try {
    await mkdir(folder, { recursive: true })
    // What is there already may be somebody's own.
    for (const [name, content] of files) await writeFile(join(folder, name), content, { flag: 'wx' })
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new UsageError(
      code === 'EEXIST'
        ? `--extract ${folder}: a file of this name is there already: give a new folder (${message})`
        : `--extract ${folder} cannot be written: ${message}`,
    )
  }
  return files.map(([name]) => join(folder, name))
}

/** A boot partition has no /boot of its own, and GRUB may look on another partition than the one with its configuration. */
function readAnywhere({ files }: Found, partitions: readonly Partition[], path: string): Uint8Array {
  for (const place of [path, path.replace(/^\/boot\//, '/'), `/boot${path}`]) {
    const bytes = files.read(place)
    if (bytes) return bytes
  }
  for (const { holds, content } of partitions) {
    const bytes = holds === EXT ? new Ext4(content).read(path) : undefined
    if (bytes) return bytes
  }
  throw new DiskError(`${path}, which the boot menu names, is on no partition that can be read`)
}

const mib = (bytes: number): string => `${Math.round(bytes / (1 << 20))} MiB`

function describe(
  disk: DiskImage,
  partitions: readonly Partition[],
  found: Found | undefined,
  notes: readonly string[],
  written: readonly string[] | undefined,
): string {
  const lines = [`${disk.format}, ${mib(disk.length)}`]
  for (const { number, start, length, holds } of partitions)
    lines.push(number === 0 ? `no partitions: ${holds}` : `partition ${number}: ${mib(length)} from ${start}: ${holds}`)
  lines.push(...notes)
  if (!found) lines.push('no boot menu: expected grub.cfg or loader/entries on an ext2, ext3 or ext4 file system')
  else {
    lines.push('', `boot menu ${found.path} on partition ${found.partition.number}:`)
    for (const [i, { title, kernel, initrds, bootargs, isDefault }] of found.entries.entries())
      lines.push(
        `${isDefault ? '*' : ' '} ${i + 1}. ${title}`,
        `       kernel    ${kernel}`,
        ...initrds.map((path) => `       initrd    ${path}${operandNote(found, path)}`),
        `       bootargs  ${bootargs}`,
      )
  }
  if (written) lines.push('', ...written.map((path) => `wrote ${path}`))
  return `${lines.join('\n')}\n`
}

function operandNote({ files }: Found, path: string): string {
  const head = (files.read(path) ?? files.read(path.replace(/^\/boot\//, '/')))?.subarray(0, 4096)
  return head && beginsWithOperand(head) ? ' (with an operand in front)' : ''
}
