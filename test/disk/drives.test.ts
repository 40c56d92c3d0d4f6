import { expect, test } from 'vitest'
import { AttributeError } from '../../debug-adapter/attribute-error.ts'
import { mapPaths } from '../../debug-adapter/attribute-paths.ts'
import { checkDrives, openDrives } from '../../debug-adapter/drives.ts'

/** A qcow2 image of one cluster of 64 KiB that it does not have, on top of `backing`. */
function qcow2(backing?: string): Uint8Array {
  const file = new Uint8Array(0x40000)
  const view = new DataView(file.buffer)
  view.setUint32(0, 0x514649fb)
  view.setUint32(4, 2)
  view.setUint32(20, 16)
  view.setBigUint64(24, 0x10000n)
  view.setUint32(36, 1)
  view.setBigUint64(40, 0x10000n)
  if (backing !== undefined) {
    const name = new TextEncoder().encode(backing)
    view.setBigUint64(8, 0x200n)
    view.setUint32(16, name.length)
    file.set(name, 0x200)
  }
  return file
}

const files = new Map<string, Uint8Array>([
  ['/vm/raw.img', new Uint8Array(4096).fill(7)],
  ['/vm/top.qcow2', qcow2('base/base.qcow2')],
  ['/vm/base/base.qcow2', qcow2('../raw.img')],
  ['/vm/loop.qcow2', qcow2('loop.qcow2')],
])
const open = (value: unknown) =>
  openDrives(checkDrives(value), {
    cwd: '/vm',
    read: async (path) => {
      const bytes = files.get(path.replace('/base/../', '/'))
      if (!bytes) throw new AttributeError('drives', path, 'a disk image', `there is no file ${path}`)
      return bytes
    },
  })

test('opens raw images and qcow2 images on top of others', async () => {
  const [raw, top] = await open(['raw.img', { file: 'top.qcow2', format: 'qcow2', readonly: true }])
  expect(raw).toMatchObject({ readonly: false, serial: 'drive0' })
  expect(raw!.content.length).toBe(4096)
  expect(top).toMatchObject({ readonly: true, serial: 'drive1' })
  expect(top!.content.length).toBe(0x10000)
  expect([...top!.content.slice(4094, 4098)]).toEqual([7, 7, 0, 0])
})

test('takes an image as what it is said to be', async () => {
  const [drive] = await open([{ file: 'top.qcow2', format: 'raw' }])
  expect(drive!.content.length).toBe(0x40000)
  await expect(open([{ file: 'raw.img', format: 'qcow2' }])).rejects.toThrow('it is no qcow2 image')
})

test('refuses images that are on top of themselves, and files that are not there', async () => {
  await expect(open(['loop.qcow2'])).rejects.toThrow('on top of itself')
  await expect(open(['none.img'])).rejects.toThrow('there is no file /vm/none.img')
})

test.each([
  ['disk.img', 'drives'],
  [Array(5).fill('raw.img'), 'drives'],
  [[7], 'drives[0]'],
  [[{}], 'drives[0].file'],
  [['raw.img', { file: ' ' }], 'drives[1].file'],
  [[{ file: 'raw.img', format: 'vmdk' }], 'drives[0].format'],
  [[{ file: 'raw.img', readonly: 'yes' }], 'drives[0].readonly'],
  [[{ file: 'raw.img', size: 5 }], 'drives[0].size'],
])('%j is wrong at %s', (value, attribute) => {
  expect(() => checkDrives(value)).toThrow(expect.objectContaining({ attribute }))
})

test('paths of drives are changed with the others', () => {
  const change = (path: string) => `/there/${path}`
  expect(mapPaths({ drives: ['a', { file: 'b', readonly: true }] }, change)).toEqual({
    drives: ['/there/a', { file: '/there/b', readonly: true }],
  })
})
