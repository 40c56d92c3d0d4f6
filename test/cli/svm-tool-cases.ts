/** Command lines of svm-tool that pef takes as they are: every verb, every option, every way to write one. */

export interface GoldenCase {
  /** The folder of what svm-tool wrote, too. */
  readonly name: string
  /** Run one after the other in the folder of the fixtures; OUT is the case's own folder. */
  readonly steps: readonly (readonly string[])[]
  /** Files of the fixtures that are there before, by their name in OUT. */
  readonly copy?: Readonly<Record<string, string>>
  /** What stands on the standard input of each step; absent where nothing is asked. */
  readonly input?: string
  /** The private key that opens the operand. Default: keys/origin.sec. */
  readonly seckey?: string
  readonly passphrase?: string
  /** False where svm-tool leaves half of a file behind, which is nothing to copy. */
  readonly files?: false
}

const KEY = ['-s', 'keys/origin.sec']
const BLOB = ['-b', 'OUT/blob']
const THREE = { blob: 'good/02-three-recipients/blob.dtb' }
const SOURCES = ['-a', 'root=/dev/sda2 svm=on ö', '-i', 'inputs/initrd-cpio.gz', '-k', 'inputs/vmlinux']
const show = ['esm', 'display', ...BLOB]
const TAIL = { authorize: ['-p', 'keys/tpm.pem', ...KEY], revoke: ['-p', 'keys/tpm.pem'] }

const recipes = ['01-one-recipient', '02-three-recipients', '07-tpm-is-second-recipient']

/** Verbs with all that they require, to take one thing away or to add one. */
const complete: Readonly<Record<string, readonly string[]>> = {
  attach: [...BLOB, '-f', 'inputs/plain-name', ...KEY],
  authorize: [...BLOB, '-p', 'keys/origin-big.pub', ...KEY],
  create: [...BLOB, '-p', 'keys/origin.pub'],
  detach: [...BLOB, '-f', 'name'],
  digest: [...BLOB, ...KEY, ...SOURCES],
  display: BLOB,
  extract: [...BLOB, '-f', 'name', ...KEY],
  generate: ['-p', 'OUT/key.pub', '-s', 'OUT/key.sec'],
  make: [...BLOB, '-y', 'good/01-one-recipient/svm_blob.yml'],
  revoke: [...BLOB, '-p', 'keys/tpm.pem'],
}
const svmAdd = ['-i', 'inputs/initrd.img', '-b', 'good/01-one-recipient/blob.dtb', '-f', 'OUT/initrd']

/** Without each required option, with one too many, with an option or a value that is none, and the help. */
function usage(family: string, verb: string, args: readonly string[]): GoldenCase {
  const without = args.flatMap((word, at) =>
    word.startsWith('-') ? [args.filter((_, i) => i !== at && i !== at + 1)] : [],
  )
  const wrong = [...without, [...args, 'surplus'], [...args, '-z'], [...args, '--none'], args.slice(0, -1)]
  const lines = [...wrong, ['-h'], ['--help'], ['--help', ...args]]
  return { name: `usage-${family}-${verb}`, steps: lines.map((line) => [family, verb, ...line]) }
}

export const goldenCases: readonly GoldenCase[] = [
  ...recipes.map((recipe) => ({
    name: `make-${recipe}`,
    steps: [['esm', 'make', ...BLOB, '-y', `good/${recipe}/svm_blob.yml`], show],
  })),
  {
    name: 'make-encrypted-key',
    steps: [['esm', 'make', '-y', 'good/04-encrypted-origin-key/svm_blob.yml', ...BLOB], show],
    input: 'correct horse\n',
    seckey: 'keys/origin-enc.sec',
    passphrase: 'correct horse',
  },
  {
    name: 'make-wrong-passphrase',
    steps: [['esm', 'make', '-y', 'good/04-encrypted-origin-key/svm_blob.yml', ...BLOB]],
    input: 'wrong\n',
    files: false,
  },
  {
    name: 'make-spellings',
    steps: [
      ['esm', 'make', '-vvbOUT/blob', '-ygood/01-one-recipient/svm_blob.yml'],
      ['esm', 'make', '-v', '-b=OUT/blob-equals', '-y=good/01-one-recipient/svm_blob.yml'],
      ['esm', 'make', '-b', 'OUT/not-this', '-b', 'OUT/blob-last', '-y', 'good/01-one-recipient/svm_blob.yml'],
    ],
  },
  {
    name: 'create-spellings',
    steps: [
      ['esm', 'create', '-bOUT/blob', '-pkeys/origin.pub', '-cthe owner: ö'],
      ['esm', 'create', '-b=OUT/blob-equals', '-c=a=b', '-p=keys/origin.pub'],
      ['esm', 'create', '-b', 'OUT/blob-empty', '-c', '', '-p', 'keys/origin.pub'],
      ['esm', 'create', '-b', 'OUT/blob-dash', '-c', '-5', '-p', 'keys/origin.pub'],
      ['esm', 'create', '-b', 'OUT/blob-default', '-p', 'keys/origin.pub'],
      show,
      ['esm', 'display', '-b=OUT/blob-equals'],
      ['esm', 'display', '-vbOUT/blob-dash'],
    ],
  },
  {
    name: 'create-refused',
    steps: [
      ['esm', 'create', ...BLOB, '-p', 'keys/origin.sec'],
      ['esm', 'create', ...BLOB, '-p', 'keys/none'],
      ['esm', 'create', ...BLOB, '-p', 'inputs/plain-name'],
      ['esm', 'create', ...BLOB, '-p', 'keys/origin.pub', '-c', 'two\nlines'],
      ['esm', 'create', '-b', 'OUT/none/blob', '-p', 'keys/origin.pub'],
    ],
  },
  {
    name: 'owner-verbs',
    copy: THREE,
    steps: [
      ['esm', 'authorize', ...BLOB, '-p', 'keys/origin-big.pub', ...KEY, '-c', 'fourth'],
      show,
      ['esm', 'revoke', '-vv', ...BLOB, '-p', 'keys/recipient-2.pem'],
      ['esm', 'authorize', '-v', ...KEY, '-pkeys/recipient-2.pem', ...BLOB],
      show,
      ['esm', 'attach', ...BLOB, '-f', 'inputs/plain-name', ...KEY],
      ['esm', 'attach', ...BLOB, '-f', 'inputs/1bad.txt', '-r', 'good', '-c', 'a comment', ...KEY],
      ['esm', 'attach', ...BLOB, '-finputs/att-rootd.bin', '-r', '', ...KEY],
    ],
  },
  {
    name: 'numbers-start-again',
    copy: { blob: 'good/01-one-recipient/blob.dtb' },
    steps: [
      ['esm', 'revoke', ...BLOB, ...TAIL.revoke],
      show,
      ['esm', 'authorize', ...BLOB, '-p', 'keys/recipient-3.pem', ...KEY],
      show,
    ],
  },
  {
    name: 'dry-run',
    copy: THREE,
    input: '\n\n',
    steps: [
      ['esm', 'create', '-n', '-b', 'OUT/none', '-p', 'keys/origin.pub'],
      ['esm', 'authorize', '-nv', ...BLOB, '-p', 'keys/origin-big.pub', ...KEY],
      ['esm', 'revoke', '-vn', ...BLOB, ...TAIL.revoke],
      ['esm', 'attach', '-n', ...BLOB, '-f', 'inputs/plain-name', ...KEY],
      ['esm', 'generate', '-n', '-p', 'OUT/key.pub', '-s', 'OUT/key.sec'],
      show,
    ],
  },
  {
    name: 'owner-verbs-refused',
    copy: THREE,
    steps: [
      ['esm', 'authorize', ...BLOB, ...TAIL.authorize],
      ['esm', 'authorize', ...BLOB, '-p', 'keys/origin-big.pub', '-s', 'keys/origin-big.sec'],
      ['esm', 'authorize', ...BLOB, '-p', 'keys/origin-big.pub', '-s', 'keys/origin.pub'],
      ['esm', 'authorize', ...BLOB, '-p', 'keys/origin-big.pub', '-s', 'keys/none'],
      ['esm', 'authorize', ...BLOB, '-p', 'keys/none', ...KEY],
      ['esm', 'authorize', ...BLOB, '-p', 'keys/origin-big.pub', '-c', 'two\nlines', ...KEY],
      ['esm', 'authorize', '-b', 'OUT/none', '-p', 'keys/origin-big.pub', ...KEY],
      ['esm', 'authorize', '-b', 'OUT', '-p', 'keys/origin-big.pub', ...KEY],
      ['esm', 'revoke', ...BLOB, '-p', 'keys/origin.pub'],
      ['esm', 'revoke', ...BLOB, '-p', 'keys/origin-big.pub'],
      ['esm', 'attach', ...BLOB, '-f', 'inputs/none', ...KEY],
      ['esm', 'attach', ...BLOB, '-f', 'inputs/1bad.txt', ...KEY],
      ['esm', 'attach', ...BLOB, '-f', 'inputs/plain-name', '-r', 'a/b', ...KEY],
      ['esm', 'attach', ...BLOB, '-f', 'inputs/plain-name', '-c', 'two\nlines', ...KEY],
      ['esm', 'detach', ...BLOB, '-f', 'none'],
      ['esm', 'extract', ...BLOB, '-f', 'none', ...KEY],
      ['esm', 'display', '-b', 'OUT/none'],
      ['esm', 'display', '-b', 'OUT'],
      ['esm', 'display', '-b', 'inputs/vmlinux'],
      show,
    ],
  },
  {
    name: 'generate',
    steps: [
      ['esm', 'generate', '-p', 'OUT/key.pub', '-s', 'OUT/key.sec'],
      ['esm', 'create', ...BLOB, '-p', 'OUT/key.pub', '-c', 'owner'],
      ['esm', 'authorize', ...BLOB, '-p', 'keys/tpm.pem', '-s', 'OUT/key.sec'],
    ],
    input: '\n\n',
    seckey: 'OUT/key.sec',
  },
  {
    name: 'generate-passphrase',
    steps: [['esm', 'generate', '-vpOUT/key.pub', '-sOUT/key.sec']],
    input: 'word & word\nword & word\n',
    passphrase: 'word & word',
  },
  {
    name: 'generate-refused',
    steps: [
      ['esm', 'generate', '-p', 'OUT/key.pub', '-s', 'OUT/key.sec'],
      ['esm', 'generate', '-p', 'OUT/key.pub', '-s', 'OUT/key.pub'],
    ],
    input: 'one\ntwo\n',
  },
  {
    name: 'generate-without-input',
    steps: [['esm', 'generate', '-p', 'OUT/key.pub', '-s', 'OUT/key.sec']],
    input: '',
  },
  {
    name: 'svm-add',
    steps: [
      ['svm', 'add', '-i', 'inputs/initrd.img', '-b', 'good/01-one-recipient/blob.dtb', '-f', 'OUT/initrd'],
      ['svm', 'add', '-fOUT/initrd-other', '-bgood/03-files/blob.dtb', '-i=inputs/initrd-cpio.gz'],
    ],
  },
  {
    name: 'svm-add-refused',
    steps: [
      ['svm', 'add', '-i', 'inputs/none', '-b', 'good/01-one-recipient/blob.dtb', '-f', 'OUT/initrd'],
      ['svm', 'add', '-i', 'inputs/initrd.img', '-b', 'good/none', '-f', 'OUT/initrd'],
      ['svm', 'add', '-i', 'inputs/initrd.img', '-b', 'good/01-one-recipient/blob.dtb', '-f', 'OUT/none/initrd'],
    ],
    files: false,
  },
  // pef digest works where svm-tool's ends with a TypeError: only its usage is compared.
  ...Object.entries(complete).map(([verb, args]) => usage('esm', verb, args)),
  usage('svm', 'add', svmAdd),
  {
    name: 'usage-families',
    steps: [['esm', 'none'], ['svm', 'none'], ['esm', '-h'], ['svm', '--help'], ['--help']],
  },
]
