/** Rules that svm_blob.yml and the files that it names can meet. */
import { attachOperand } from '../../../server/esm/cpio.ts'
import { fixture, fixtureJson, fixtureText } from '../../esm/fixtures.ts'
import { changed, GOOD } from '../workspace.ts'
import { E, H, I, lineOf, otherKernel, type Row, recipe, W, yaml } from './row.ts'

const ARGS = '"console=hvc0 svm=on"'
const RECIPIENT = GOOD.slice(GOOD.indexOf('- recipient'), GOOD.indexOf('- digest'))
const SWAPPED = changed(
  '"keys/origin.pub"\n    seckey: "keys/origin.sec"',
  '"keys/origin.sec"\n    seckey: "keys/origin.pub"',
)
/** The key of somebody else first. */
const OTHER_FIRST = changed(RECIPIENT, `- recipient:\n    pubkey: "keys/recipient-2.pem"\n${RECIPIENT}`)
const recipients = (...names: string[]) =>
  names.map((name) => `- recipient:\n    pubkey: "keys/${name}.pem"\n`).join('')
const IMAGE = JSON.stringify({
  kernel: '../inputs/vmlinux',
  initrd: '../inputs/initrd.img',
  operand: 'svm_blob.yml',
  bootargs: 'console=hvc0 svm=on',
  tpm: { key: '../keys/tpm-private-for-replay.pem' },
})
const image = (change: object) => ({ 'pef.json': JSON.stringify({ ...JSON.parse(IMAGE), ...change }) })
const launch = (change: object) => ({
  '.vscode/launch.json': JSON.stringify({ configurations: [{ type: 'pef', kernel: '../inputs/vmlinux', ...change }] }),
  'esmb.img': ESMB,
})
const BOOTARGS = JSON.stringify(fixtureJson('bad/expected.json').bootargs)
const OWN = { 'svm_blob.esmb': fixture('bad/base/blob.dtb') }
const MADE = recipe(changed(ARGS, BOOTARGS), OWN)
const STALE = changed(ARGS, BOOTARGS).replace('inputs/vmlinux', 'other.elf')
const BUILD = 'pef.buildOperand'
const twoFiles = (path: string) =>
  `${GOOD}- file:\n    name: "one"\n    path: "${path}"\n- file:\n    name: "two"\n    path: "${path}"\n`
const ESMB = attachOperand(fixture('inputs/initrd.img'), fixture('bad/base/blob.dtb'))

export const yamlRows: readonly Row[] = [
  yaml('ESM025', W, changed('keys/tpm.pem', 'keys/origin-big.pub'), '"keys/origin-big.pub"'),
  yaml('ESM054', E, GOOD, '"inputs/vmlinux"', {
    files: { ...image({ kernel: 'other.elf' }), 'other.elf': otherKernel() },
    right: recipe(GOOD, image({})),
    fix: 'text',
  }),
  yaml('ESM056', E, GOOD, '"inputs/initrd.img"', {
    files: image({ initrd: '../inputs/plain-name' }),
    right: recipe(GOOD, image({})),
    fix: 'text',
  }),
  yaml('ESM057', E, GOOD, ARGS, {
    files: image({ bootargs: 'svm=on' }),
    right: recipe(GOOD, image({})),
    fix: 'text',
  }),
  // An operand beside the recipe that its owner's key opens, made of other things than the recipe names now.
  yaml('ESM054', W, STALE, '"other.elf"', { files: { ...OWN, 'other.elf': otherKernel() }, right: MADE, fix: BUILD }),
  yaml('ESM056', W, changed(ARGS, BOOTARGS).replace('initrd.img', 'plain-name'), '"inputs/plain-name"', {
    files: OWN,
    right: MADE,
    fix: BUILD,
  }),
  yaml('ESM057', W, GOOD, ARGS, { files: OWN, right: MADE, fix: BUILD }),
  // One way to boot a kernel of several: an operand of its own, in a launch.json.
  yaml('ESM057', W, GOOD, ARGS, {
    files: launch({ bootargs: 'svm=on quiet', initrd: 'esmb.img' }),
    right: recipe(GOOD, launch({ bootargs: 'console=hvc0 svm=on', initrd: 'esmb.img' })),
    fix: 'text',
  }),
  yaml('ESM058', H, changed(ARGS, '" console=hvc0  svm=on"'), '" console=hvc0  svm=on"', { fix: 'text' }),
  yaml('ESM059', W, changed(ARGS, '"console=hvc0"'), '"console=hvc0"', { fix: 'text' }),
  yaml('ESM061', E, twoFiles('inputs/big-ok.bin'), lineOf(twoFiles('inputs/big-ok.bin'), '"two"') + 1),
  yaml('ESM064', E, `${GOOD}- file:\n    name: "rootd"\n    path: "inputs/plain-name"\n`, GOOD.split('\n').length, {
    fix: 'text',
  }),
  yaml('ESM067', E, changed('inputs/att-rootd.bin', 'inputs/huge.bin'), '"inputs/huge.bin"'),
  yaml('ESM068', H, changed('"machine"', '"password=hunter2"'), '"password=hunter2"'),
  yaml('ESM100', E, changed('    comment: "owner"', '\tcomment: "owner"'), 2, { fix: 'text' }),
  yaml('ESM101', E, GOOD.replaceAll('- ', ''), 1, { fix: 'text' }),
  yaml('ESM102', E, `${GOOD}- just text\n`, 'just text'),
  yaml('ESM102', E, changed('- recipient', '  recipient'), 1, { fix: 'text' }),
  yaml('ESM102', E, changed('- recipient:\n    comment: "machine"\n    ', '- recipient:\n  '), 5, { fix: 'text' }),
  yaml('ESM103', E, changed('- digest:', '- digests:'), 'digests', { fix: 'text' }),
  yaml('ESM104', E, changed('- origin:', '- recipient:').replace(/ +seckey.*\n/, ''), 1, { fix: 'text' }),
  yaml(
    'ESM105',
    E,
    changed('- recipient:', '- origin:').replace(
      '"keys/tpm.pem"',
      '"keys/tpm.pem"\n    seckey: "keys/recipient-2.sec"',
    ),
    'origin',
    { fix: 'text' },
  ),
  yaml('ESM106', E, changed('    args:', '    bootargs:'), 'bootargs', { fix: 'text' }),
  yaml('ESM107', E, changed('    seckey: "keys/origin.sec"\n', ''), 'origin', { fix: 'text' }),
  yaml('ESM108', E, changed(ARGS, 'on'), 'on', { fix: 'text' }),
  yaml('ESM109', E, changed('"machine"', '"two\\nlines"'), '"two\\nlines"', { fix: 'text' }),
  yaml('ESM110', E, changed('inputs/vmlinux', 'inputs/vmlinus'), '"inputs/vmlinus"', { fix: 'text' }),
  yaml('ESM110', E, changed('keys/origin.pub', 'mine.pub').replace('keys/origin.sec', 'mine.sec'), '"mine.pub"', {
    fix: 'pef.generateKeyPair',
  }),
  yaml('ESM110', E, changed('keys/tpm.pem', 'machine.pem'), '"machine.pem"', { fix: 'pef.writeTpmKey' }),
  yaml('ESM111', E, changed('keys/tpm.pem', 'inputs/vmlinux'), '"inputs/vmlinux"'),
  yaml('ESM112', E, SWAPPED, '"keys/origin.sec"', { fix: 'text' }),
  yaml('ESM113', W, changed('keys/tpm.pem', 'keys/recipient-2.sec'), '"keys/recipient-2.sec"', { fix: 'text' }),
  yaml('ESM114', E, changed('keys/origin.sec', 'keys/recipient-2.sec'), '"keys/recipient-2.sec"', {
    fix: 'pef.exportPublicKey',
  }),
  yaml('ESM115', E, changed('keys/origin.pub', 'crlf.pub'), '"crlf.pub"', {
    files: { 'crlf.pub': fixtureText('keys/origin.pub').replaceAll('\n', '\r\n') },
    right: recipe(changed('keys/origin.pub', 'lf.pub'), { 'lf.pub': fixtureText('keys/origin.pub') }),
    fix: 'pef.exportPublicKey',
  }),
  yaml('ESM116', E, changed('keys/tpm.pem', 'keys/origin.pub'), 7, { fix: 'text' }),
  yaml('ESM117', E, GOOD.slice(0, GOOD.indexOf('- recipient')), 1, { fix: 'text' }),
  yaml('ESM118', E, GOOD.slice(0, GOOD.indexOf('- digest')), 1, { fix: 'text' }),
  yaml('ESM119', E, GOOD + GOOD.slice(GOOD.indexOf('- digest'), GOOD.indexOf('- file')), 'digest', { fix: 'text' }),
  yaml('ESM120', E, changed('inputs/vmlinux', 'inputs/initrd.img'), '"inputs/initrd.img"', { fix: 'text' }),
  yaml('ESM121', W, changed('inputs/initrd.img', 'esmb.img'), '"esmb.img"', { files: { 'esmb.img': ESMB } }),
  yaml('ESM122', W, changed(ARGS, '|\n        console=hvc0 svm=on'), 9, { fix: 'text' }),
  yaml('ESM123', W, changed(ARGS, 'console=hvc0 # svm=on'), 9, { fix: 'text' }),
  yaml('ESM124', E, changed('"rootd"', '"1 bad name"'), '"1 bad name"', { fix: 'text' }),
  yaml('ESM125', W, changed('    comment: "owner"', '    comment: "owner"\n    comment: "again"'), 3, { fix: 'text' }),
  yaml(
    'ESM126',
    I,
    changed('keys/origin.pub', 'keys/origin-enc.pub').replace('keys/origin.sec', 'keys/origin-enc.sec'),
    '"keys/origin-enc.sec"',
  ),
  yaml('ESM128', E, `${GOOD}---\n- origin:\n`, GOOD.split('\n').length - 1, { fix: 'text' }),
  yaml('ESM129', E, OTHER_FIRST, '"keys/recipient-2.pem"', {
    files: image({}),
    right: recipe(GOOD, image({})),
    fix: 'text',
  }),
  // Seed 1 makes the key of recipient 3 here.
  yaml('ESM129', E, GOOD, '"keys/tpm.pem"', {
    files: image({ tpm: undefined }),
    right: recipe(changed('keys/tpm.pem', 'keys/recipient-3.pem'), image({ tpm: undefined })),
    fix: 'text',
  }),
  yaml('ESM129', W, changed(RECIPIENT, recipients('recipient-2', 'recipient-3')), '"keys/recipient-2.pem"', {
    right: recipe(changed(RECIPIENT, recipients('recipient-3', 'recipient-2'))),
    fix: 'text',
  }),
  yaml('ESM129', I, changed(RECIPIENT, recipients('recipient-2', 'tpm')), '"keys/recipient-2.pem"', {
    right: recipe(changed(RECIPIENT, recipients('tpm', 'recipient-2'))),
    fix: 'text',
  }),
  yaml('ESM140', W, changed('keys/origin.sec', 'keys/shared.sec'), '"keys/shared.sec"', { fix: 'pef.protectKey' }),
  yaml('ESM141', W, changed('inputs/initrd.img', 'with-key.img'), '"with-key.img"', {
    // Across the border of two chunks that are read.
    files: { 'with-key.img': 'x'.repeat((1 << 20) - 40) + fixtureText('keys/recipient-2.sec') },
  }),
]
