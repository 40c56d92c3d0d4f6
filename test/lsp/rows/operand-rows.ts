/** Rules about the bytes of an operand, and of an initrd that carries one: met at the attribute of an image that names the file. */
import { attachOperand } from '../../../server/esm/cpio.ts'
import { concat, type FdtNode, type FdtTree, findNode, parseFdt, strings } from '../../../server/esm/fdt.ts'
import { writeOperand } from '../../../server/esm/make.ts'
import { fixture, fixtureJson } from '../../esm/fixtures.ts'
import { type Document, E, I, type Row, W } from './row.ts'

export const BOOTARGS: string = fixtureJson('bad/expected.json').bootargs
const BASE = fixture('bad/base/blob.dtb')
const ESMB = fixture('bad/base/esmb-initrd.img')
const GOOD_IMAGE = {
  kernel: '../inputs/vmlinux',
  bootargs: BOOTARGS,
  tpm: { key: '../keys/tpm-private-for-replay.pem' },
}

/** An image of the fixtures' machine. */
export const imageOf = (change: object, files?: Document['files']): Document => ({
  name: 'pef.json',
  text: JSON.stringify({ ...GOOD_IMAGE, ...change }, undefined, 2),
  files,
})

const withOperand = (bytes: Uint8Array): Document =>
  imageOf({ operand: 'operand.dtb', initrd: '../inputs/initrd.img' }, { 'operand.dtb': bytes })
const withInitrd = (bytes: Uint8Array): Document => imageOf({ initrd: 'initrd.img' }, { 'initrd.img': bytes })

/** A damaged operand beside the whole one. */
const operand = (rule: string, severity: Row['severity'], bytes: Uint8Array, at = '"operand.dtb"'): Row => ({
  rule,
  severity,
  at,
  wrong: withOperand(bytes),
  right: withOperand(BASE),
})
const initrd = (rule: string, severity: Row['severity'], bytes: Uint8Array): Row => ({
  rule,
  severity,
  at: '"initrd.img"',
  wrong: withInitrd(bytes),
  right: withInitrd(ESMB),
})

const blob = (name: string): Uint8Array => fixture(`bad/blob/${name}.dtb`)
const image = (name: string): Uint8Array => fixture(`bad/initrd/${name}.img`)

function edited(edit: (tree: FdtTree) => void): Uint8Array {
  const tree = parseFdt(BASE)
  edit(tree)
  return writeOperand(tree)
}

const node = (tree: FdtTree, path: string): FdtNode => {
  const found = findNode(tree, path)
  if (!found) throw new Error(`the operand has no ${path}`)
  return found
}
const lockbox2 = (edit: (box: FdtNode, tree: FdtTree) => void) =>
  edited((tree) => edit(node(tree, '/lockboxes/lockbox-2'), tree))

/** The nested device tree of attachments, changed. */
const attachments = (edit: (files: FdtNode) => void) =>
  edited((tree) => {
    const { properties } = node(tree, '/file')
    const files = parseFdt(properties.get('files-fdt')!)
    edit(node(files, '/files'))
    properties.set('files-fdt', writeOperand(files))
  })

function withWord(bytes: Uint8Array, offset: number, value: number): Uint8Array {
  const out = bytes.slice()
  new DataView(out.buffer).setUint32(offset, value)
  return out
}

/** A property of another name, that is then given the name of one that is there. */
function withSecondProperty(): Uint8Array {
  const out = edited(({ root }) => root.properties.set('compatiblE', strings('ibm,esm')))
  const at = Buffer.from(out).lastIndexOf('compatiblE')
  out[at + 'compatibl'.length] = 'e'.charCodeAt(0)
  return out
}

const TOO_BIG = fixture('good/09-attachment-too-big/blob.dtb')

export const operandRows: readonly Row[] = [
  operand('ESM001', E, blob('magic-off-by-one')),
  operand('ESM002', E, blob('header-only-20-bytes')),
  operand('ESM003', E, blob('version-15')),
  operand('ESM004', E, blob('truncated-half')),
  operand('ESM005', W, concat([BASE, new Uint8Array(4)])),
  operand('ESM006', E, blob('struct-offset-past-end')),
  operand('ESM007', E, blob('strings-offset-shifted')),
  operand('ESM008', E, withWord(BASE, 0x10, BASE.length - 8)),
  operand('ESM009', E, blob('bad-token')),
  operand('ESM010', E, blob('strings-offset-shifted')),
  operand('ESM011', W, blob('duplicate-lockbox-1-right-first')),
  operand('ESM012', W, withSecondProperty()),
  operand('ESM013', W, blob('lockbox-1-unit-address')),
  operand('ESM014', W, blob('compatible-wrong')),
  operand('ESM015', W, blob('extra-root-property')),
  operand('ESM020', E, blob('missing-lockboxes')),
  operand('ESM021', E, blob('missing-lockbox-1')),
  operand('ESM022', E, blob('lockboxes-swapped')),
  operand('ESM023', E, blob('lockboxes-swapped')),
  operand('ESM024', E, blob('missing-encrypted-symkey')),
  operand('ESM025', E, blob('symkey-255-bytes')),
  operand('ESM026', E, blob('symkey-bit-flip')),
  operand('ESM027', W, blob('master-key-16-bytes')),
  operand('ESM028', W, blob('missing-origin-lockbox')),
  operand(
    'ESM029',
    W,
    lockbox2((box) => void (box.name = 'lockbox-two')),
  ),
  operand(
    'ESM030',
    W,
    lockbox2((box) => void box.properties.delete('untrusted-comment')),
  ),
  operand('ESM031', W, blob('fingerprint-sha512')),
  operand(
    'ESM032',
    W,
    lockbox2((_, tree) =>
      node(tree, '/lockboxes/lockbox-2/pubkey-fingerprint').properties.set('hash', new Uint8Array(31)),
    ),
  ),
  operand('ESM033', W, blob('comment-newline')),
  operand(
    'ESM034',
    I,
    lockbox2((_, tree) => {
      const first = node(tree, '/lockboxes/lockbox-1/pubkey-fingerprint').properties.get('hash')!
      node(tree, '/lockboxes/lockbox-2/pubkey-fingerprint').properties.set('hash', first)
    }),
  ),
  operand(
    'ESM035',
    W,
    lockbox2((box) => void box.properties.set('note', strings('x'))),
  ),
  operand('ESM036', W, blob('wrong-fingerprint')),
  operand('ESM040', E, blob('missing-digest-node')),
  operand('ESM041', E, blob('digest-missing-iv')),
  operand('ESM042', W, blob('digest-algorithm-garbage')),
  operand('ESM043', E, blob('digest-iv-empty')),
  operand('ESM043', I, blob('digest-iv-12-valid')),
  operand('ESM044', E, blob('digest-mac-3-bytes')),
  operand('ESM044', W, blob('digest-mac-4-bytes-valid')),
  operand('ESM045', E, blob('digest-mac-flip')),
  operand('ESM046', W, blob('digest-fdt-5000-bytes')),
  operand(
    'ESM047',
    E,
    edited((tree) => node(tree, '/digest/digests-fdt').properties.set('ciphertext', new Uint8Array(0x1_0000))),
  ),
  operand('ESM048', E, blob('digest-plaintext-not-fdt')),
  operand('ESM049', E, blob('digest-node-renamed')),
  operand('ESM050', E, blob('digest-no-rtas')),
  operand('ESM051', E, blob('digest-entry-sha256')),
  operand('ESM052', E, blob('digest-kernel-size-short')),
  operand('ESM053', E, blob('digest-all-four-wrong')),
  operand('ESM054', E, blob('digest-all-four-wrong'), '"../inputs/vmlinux"'),
  operand('ESM055', E, blob('digest-kernel-size-plus-one'), '"../inputs/vmlinux"'),
  operand('ESM056', E, blob('digest-all-four-wrong'), '"../inputs/initrd.img"'),
  operand('ESM057', E, blob('digest-all-four-wrong'), JSON.stringify(BOOTARGS)),
  operand('ESM060', I, blob('no-files-fdt')),
  operand('ESM061', E, TOO_BIG),
  operand('ESM062', E, blob('files-fdt-garbage')),
  operand(
    'ESM063',
    W,
    attachments((files) => void (files.children[0]!.name = 'with a blank')),
  ),
  operand(
    'ESM063',
    E,
    attachments((files) => void (files.children[0]!.name = 'x'.repeat(65))),
  ),
  operand('ESM064', W, blob('file-duplicate')),
  operand(
    'ESM065',
    W,
    attachments((files) => void files.children[0]!.properties.delete('mac')),
  ),
  operand('ESM066', W, blob('file-mac-flip')),
  operand('ESM067', E, TOO_BIG),
  initrd('ESM056', E, image('initrd-one-byte-changed')),
  initrd('ESM070', E, image('plain-initrd-no-archive')),
  initrd('ESM071', E, image('crc-magic-070702')),
  initrd('ESM072', E, image('wrong-directory')),
  initrd('ESM072', W, image('prefix-only-match')),
  initrd('ESM073', E, image('other-file-first')),
  initrd('ESM074', E, image('no-trailer')),
  initrd('ESM075', E, image('magic-misaligned')),
  initrd('ESM076', E, image('no-512-padding')),
  initrd('ESM083', E, attachOperand(fixture('inputs/initrd.img'), concat([BASE, new Uint8Array(2 << 20)]))),
]
