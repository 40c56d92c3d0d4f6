/** Rules about an image as a whole: what its attributes name, and whether that belongs together. */

import { elfFile } from '../../esm/elf-file.ts'
import { fixture } from '../../esm/fixtures.ts'
import { BOOTARGS, imageOf } from './operand-rows.ts'
import { type Document, E, I, otherKernel, type Row, W } from './row.ts'

const BASE = fixture('bad/base/blob.dtb')
const ESMB = { initrd: 'esmb.img' }
const esmb = { 'esmb.img': fixture('bad/base/esmb-initrd.img') }
const good: Document = imageOf(ESMB, esmb)
const zImage = elfFile(false, false, [
  ['.kernel:vmlinux.strip', Buffer.from(fixture('inputs/vmlinux'))],
  ['.kernel:esm_blob', Buffer.from(BASE)],
])
const wrapped = elfFile(false, false, [['.kernel:vmlinux.strip', Buffer.from(fixture('inputs/vmlinux'))]])
const kernels = { zImage, wrapped }

const row = (
  rule: string,
  severity: Row['severity'],
  at: string | number,
  wrong: Document,
  more: Partial<Row> = {},
) => ({
  rule,
  severity,
  at,
  wrong,
  right: good,
  ...more,
})
const withRecipe = imageOf(
  { operand: 'svm_blob.yml', initrd: '../inputs/initrd.img' },
  { 'svm_blob.yml': new TextDecoder().decode(fixture('bad/base/svm_blob.yml')) },
)
const changedRecipe = (from: string, to: string): Document => ({
  ...withRecipe,
  files: { 'svm_blob.yml': String(withRecipe.files!['svm_blob.yml']).replace(from, to) },
})

/** The same in a launch.json, among others. */
const launch = (change: object): Document => ({
  name: '.vscode/launch.json',
  text: `// mine\n${JSON.stringify(
    {
      configurations: [
        { type: 'node' },
        { type: 'pef', ...JSON.parse(good.text), initrd: `\${workspaceFolder}/esmb.img`, ...change },
      ],
    },
    undefined,
    2,
  )}`,
  files: esmb,
})

export const imageRows: readonly Row[] = [
  row('ESM054', E, '"other.elf"', imageOf({ ...ESMB, kernel: 'other.elf' }, { ...esmb, 'other.elf': otherKernel() })),
  row('ESM057', E, '"svm=on"', imageOf({ ...ESMB, bootargs: 'svm=on' }, esmb)),
  row('ESM057', E, '"svm=on"', launch({ bootargs: 'svm=on' }), { right: launch({}) }),
  row('ESM058', 4, JSON.stringify(`${BOOTARGS} `), imageOf({ ...ESMB, bootargs: `${BOOTARGS} ` }, esmb), {
    fix: 'text',
  }),
  row('ESM059', W, '"quiet"', imageOf({ ...ESMB, bootargs: 'quiet' }, esmb), { fix: 'text' }),
  row('ESM078', E, '"esmb.img"', imageOf({ ...ESMB, kernel: 'zImage' }, { ...esmb, ...kernels }), {
    right: imageOf({ ...ESMB, kernel: 'wrapped' }, { ...esmb, ...kernels }),
  }),
  row(
    'ESM078',
    E,
    '"operand.dtb"',
    imageOf(
      { kernel: 'zImage', operand: 'operand.dtb', initrd: '../inputs/initrd.img' },
      { ...kernels, 'operand.dtb': BASE },
    ),
    { right: imageOf({ kernel: 'zImage', initrd: '../inputs/initrd.img' }, kernels) },
  ),
  row('ESM079', W, '"zImage"', imageOf({ kernel: 'zImage', initrd: '../inputs/initrd.img' }, kernels), {
    right: imageOf(
      { kernel: 'wrapped', operand: 'operand.dtb', initrd: '../inputs/initrd.img' },
      { ...kernels, 'operand.dtb': BASE },
    ),
  }),
  row('ESM080', E, JSON.stringify(BOOTARGS), imageOf({})),
  row(
    'ESM084',
    W,
    '"esmb.img"',
    imageOf({ ...ESMB, operand: 'other.dtb' }, { ...esmb, 'other.dtb': fixture('good/01-one-recipient/blob.dtb') }),
    { right: imageOf({ ...ESMB, operand: 'same.dtb' }, { ...esmb, 'same.dtb': BASE }) },
  ),
  row('ESM110', E, '"esbm.img"', imageOf({ initrd: 'esbm.img' }, esmb), { fix: 'text' }),
  row('ESM111', E, '"../keys/tpm.pem"', imageOf({ ...ESMB, tpm: { key: '../keys/tpm.pem' } }, esmb)),
  row('ESM120', E, '"esmb.img"', imageOf({ ...ESMB, kernel: 'esmb.img' }, esmb)),
  row(
    'ESM121',
    W,
    '"esmb.img"',
    { ...imageOf({ ...ESMB, operand: 'svm_blob.yml' }), files: { ...esmb, ...withRecipe.files } },
    {
      right: withRecipe,
    },
  ),
  row('ESM129', E, '"svm_blob.yml"', changedRecipe('pubkey: "keys/tpm.pem"', 'pubkey: "keys/recipient-3.pem"'), {
    right: withRecipe,
  }),
  row('ESM137', W, '"faithful"', imageOf({ ...ESMB, quirks: 'faithful' }, esmb), {
    right: imageOf({ ...ESMB, quirks: 'sane' }, esmb),
    fix: 'text',
  }),
  row(
    'ESM137',
    W,
    '"faithful"',
    { ...withRecipe, text: withRecipe.text.replace('{', '{ "quirks": "faithful",') },
    { right: withRecipe, fix: 'text' },
  ),
  row('ESM137', W, 7, imageOf({ ...ESMB, quirks: ['Q09', 'Q29'] }, esmb), {
    right: imageOf({ ...ESMB, quirks: ['Q09'] }, esmb),
    fix: 'text',
  }),
  row('ESM140', I, '"../keys/shared.sec"', imageOf({ ...ESMB, tpm: { key: '../keys/shared.sec' } }, esmb), {
    fix: 'pef.protectKey',
  }),
  row(
    'ESM141',
    W,
    '"with-key.img"',
    imageOf({ initrd: 'with-key.img' }, { 'with-key.img': fixture('keys/recipient-2.sec') }),
  ),
]
