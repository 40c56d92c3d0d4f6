/** Disk images made by mke2fs, sfdisk and qemu-img (test/fixtures/disks/make.sh): read, damaged, and on the command line. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, inflateRawSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
import { bootMenu, grubEntries } from '../../debug-adapter/disk/boot-menu.ts'
import { DiskError } from '../../debug-adapter/disk/bytes.ts'
import { type DiskImage, openDisk } from '../../debug-adapter/disk/disk-image.ts'
import { Ext4 } from '../../debug-adapter/disk/ext4.ts'
import { EXT, partitionsOf } from '../../debug-adapter/disk/partitions.ts'
import { sourceOf } from '../../server/esm/reader.ts'
import { pefHere } from '../cli/esm-tool.ts'

const file = (name: string): Buffer => readFileSync(new URL(`../fixtures/disks/${name}`, import.meta.url))
const sample = (name: string): Buffer => readFileSync(new URL(`../guests/hello-svm/${name}`, import.meta.url))
const gpt = file('gpt-ext4.qcow2')
const mbr = gunzipSync(file('mbr-ext2.img.gz'))

const open = (bytes: Uint8Array): DiskImage =>
  openDisk(sourceOf(bytes), {
    backing: (name) => open(file(name)),
    inflate: (packed, size) =>
      new Uint8Array(inflateRawSync(packed, { maxOutputLength: size, finishFlush: 2 /* Z_SYNC_FLUSH */ })),
  })
const fileSystem = (disk: DiskImage): Ext4 => new Ext4(partitionsOf(disk).find(({ holds }) => holds === EXT)!.content)

describe('reading', () => {
  test.each([
    ['GPT in qcow2 with compressed clusters', () => open(gpt), 'svm-root', [1, 2]],
    ['an overlay with nothing of its own', () => open(file('overlay.qcow2')), 'svm-root', [1, 2]],
    ['a logical partition of an MBR', () => open(mbr), '', [1, 5]],
  ])('%s', (_, disk, label, numbers) => {
    expect(partitionsOf(disk()).map(({ number }) => number)).toEqual(numbers)
    expect(fileSystem(disk()).label).toBe(label)
  })

  test('files by extents and links, as they went in', () => {
    const files = fileSystem(open(gpt))
    expect(files.read('/boot/vmlinux')).toEqual(new Uint8Array(sample('hello-svm.elf')))
    expect(files.read('boot/../boot/./initrd.img-1.0')).toEqual(new Uint8Array(sample('initrd-esmb.img')))
    expect(files.read('/boot')).toBeUndefined()
    expect(files.read('/boot/grub/nothing')).toBeUndefined()
    expect(files.list('/boot').sort()).toEqual(['.', '..', 'grub', 'initrd.img-1.0', 'vmlinux', 'vmlinux-1.0'])
  })

  test('files by tables of blocks, of two levels', () => {
    const bytes = fileSystem(open(mbr)).read('/initramfs-2.img')!
    expect(bytes).toHaveLength(400_000)
    expect(bytes.every((byte) => byte === 0x69)).toBe(true)
  })
})

describe('boot menus', () => {
  test("GRUB's, with variables, quotes, submenus and the default by id", () => {
    const { path, entries } = bootMenu(fileSystem(open(gpt)))!
    expect(path).toBe('/boot/grub/grub.cfg')
    expect(entries).toEqual([
      {
        title: 'Sample "one"',
        kernel: '/boot/vmlinux',
        initrds: ['/boot/initrd.img-1.0'],
        bootargs: 'console=hvc0 svm=on',
        isDefault: false,
      },
      { title: 'Older', kernel: '/boot/vmlinux-1.0', initrds: [], bootargs: 'quiet splash x=$y', isDefault: true },
    ])
  })

  test('Boot Loader Specification, the newest first', () => {
    const { entries } = bootMenu(fileSystem(open(mbr)))!
    expect(entries.map(({ title, isDefault }) => [title, isDefault])).toEqual([
      ['Version 2', true],
      ['Version 1', false],
    ])
  })

  const two = "menuentry 'a' {\nlinux /k1\n}\nmenuentry 'b' {\nlinux /k2 \"x y\"\ninitrd /i1 /i2\n}\n"
  test.each([
    ['the first where nothing is said', two, undefined, 'a'],
    ['by number', `set default=1\n${two}`, undefined, 'b'],
    ['by title', `set default="b"\n${two}`, undefined, 'b'],
    ['what was saved', `set default="\${saved_entry}"\n${two}`, 'b', 'b'],
    ['the first where the default is gone', `set default=7\n${two}`, undefined, 'a'],
  ])('the default: %s', (_, text, saved, title) =>
    expect(grubEntries(text, saved).find(({ isDefault }) => isDefault)!.title).toBe(title),
  )
  test('several initrds, and an argument with a space', () =>
    expect(grubEntries(two)[1]).toMatchObject({ initrds: ['/i1', '/i2'], bootargs: 'x y' }))
})

describe('what is damaged or another thing is named', () => {
  const changed = (bytes: Buffer, at: number, ...values: number[]): Buffer => {
    const copy = Buffer.from(bytes)
    copy.set(values, at)
    return copy
  }
  test.each([
    ['version', changed(gpt, 7, 9), 'qcow2 version 9: expected 2 or 3'],
    ['cluster size', changed(gpt, 23, 30), 'clusters of 2^30 bytes'],
    ['encryption', changed(gpt, 35, 1), 'an encrypted qcow2 image'],
    ['size', changed(gpt, 24, 1), 'damaged'],
    ['first table', changed(gpt, 40, 1), 'is outside of the disk'],
    ['marked corrupt', changed(gpt, 79, 2), 'qemu-img check'],
    ['external data', changed(gpt, 79, 4), 'the data is in another file'],
    ['features', changed(gpt, 72, 1), 'features 0x100000000000000'],
    ['VMDK', Buffer.from('KDMV0000000000000000'), 'a VMDK image: expected a raw or qcow2 image'],
  ])('%s', (_, bytes, message) => expect(() => partitionsOf(open(bytes))).toThrow(message))

  test('any change of a file system leads to files or a DiskError, and ends', () => {
    let state = 1
    const below = (limit: number) => {
      state = (state * 48271) % 0x7fff_ffff
      return state % limit
    }
    let named = 0
    for (let i = 0; i < 1500; i++) {
      const bytes = Buffer.from(mbr)
      // Most of it lies in the partition table, the superblock, the groups and the first inodes.
      const regions = [512, 6144 * 512 + 1024, 6144 * 512 + 16384, bytes.length]
      for (let changes = 1 + below(4); changes > 0; changes--) {
        const region = regions[below(4)]!
        bytes[Math.max(0, region - 1 - below(Math.min(region, 8192)))] = below(256)
      }
      try {
        for (const { holds, content } of partitionsOf(open(bytes)))
          if (holds === EXT) {
            const files = new Ext4(content)
            for (const { kernel } of bootMenu(files)?.entries ?? []) files.read(kernel)
          }
      } catch (error) {
        expect(error).toBeInstanceOf(DiskError)
        named++
      }
    }
    expect(named).toBeGreaterThan(5)
  })

  test('a disk that is cut off anywhere', () => {
    for (let length = 0; length < gpt.length; length += 9973)
      try {
        const disk = open(gpt.subarray(0, length))
        for (const { holds, content } of partitionsOf(disk)) if (holds === EXT) bootMenu(new Ext4(content))
      } catch (error) {
        expect(error).toBeInstanceOf(DiskError)
      }
  })
})

describe('pef image inspect', () => {
  const folder = mkdtempSync(join(tmpdir(), 'pef-disk-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const path = new URL('../fixtures/disks/gpt-ext4.qcow2', import.meta.url).pathname

  test('a menu as text and as JSON', async () => {
    const { code, out } = await pefHere(['image', 'inspect', path])
    expect(code).toBe(0)
    expect(out).toContain('* 2. Older')
    expect(out).toContain('/boot/initrd.img-1.0 (with an operand in front)')
    const json = JSON.parse((await pefHere(['image', 'inspect', path, '--json'])).out)
    expect(json).toMatchObject({ format: 'qcow2', menu: { partition: 2, entries: [{ title: 'Sample "one"' }, {}] } })
  })

  test('what is extracted runs: the sample becomes a secure VM out of a disk image', async () => {
    const out = join(folder, 'vm')
    expect((await pefHere(['image', 'inspect', path, '--extract', out, '--entry', '1'])).code).toBe(0)
    const run = await pefHere(['run', join(out, 'pef.json'), '--until', 'esm', '--json', '--memory', '64M'])
    expect(JSON.parse(run.out)).toMatchObject({ outcome: 'secure', returnCode: 0 })
    // Nothing is written over.
    const again = await pefHere(['image', 'inspect', path, '--extract', out])
    expect([again.code, again.error]).toEqual([2, expect.stringContaining('is there already')])
  })

  test.each([
    [['inspect'], 2, 'give one disk image'],
    [['inspct', path], 2, 'pef image knows inspect'],
    [['inspect', '/nowhere'], 1, '/nowhere: No such file or directory'],
    [['inspect', path, '--extract', folder, '--entry', '9'], 2, '--entry takes 1 to 2'],
  ])('%j', async (args, code, message) => {
    const found = await pefHere(['image', ...args])
    expect([found.code, found.error]).toEqual([code, expect.stringContaining(message)])
  })

  test('a disk without a menu says what was expected', async () => {
    const empty = join(folder, 'empty.img')
    writeFileSync(empty, new Uint8Array(4096))
    const { code, out } = await pefHere(['image', 'inspect', empty])
    expect([code, out]).toEqual([1, expect.stringContaining('no boot menu: expected grub.cfg')])
    expect(existsSync(join(folder, 'kernel'))).toBe(false)
  })
})
