/** Every parser of bytes or text that come from outside, with what it may throw and what its inputs look like. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { TpmError } from '../../debug-adapter/machine/tpm/constants.ts'
import { readPublicArea, writePublicArea } from '../../debug-adapter/machine/tpm/public-area.ts'
import { locateOperand } from '../../server/esm/cpio.ts'
import { KeyFormatError } from '../../server/esm/crypto/der.ts'
import { nodeCrypto as crypto } from '../../server/esm/crypto/node.ts'
import { isEncryptedPrivateKey, parsePrivateKey, parsePublicKey } from '../../server/esm/crypto/pem.ts'
import { readDtsOperand, verifyDts, writeDts } from '../../server/esm/dts/operand.ts'
import { explainOperand } from '../../server/esm/explain.ts'
import { FdtError, parseFdt } from '../../server/esm/fdt.ts'
import { scanFdt } from '../../server/esm/fdt-scan.ts'
import { openKernelFile } from '../../server/esm/kernel-file.ts'
import { flattenKernel, inspectKernelHead, KernelImageError } from '../../server/esm/kernel-image.ts'
import { findPrivateKey } from '../../server/esm/private-key-scan.ts'
import { latin1 } from '../../server/esm/reader.ts'
import { parseSvmBlob } from '../../server/esm/svm-blob.ts'
import { readDigestList } from '../../server/esm/verify/digests.ts'
import { verifyImage } from '../../server/esm/verify/image.ts'
import { readZImage } from '../../server/esm/zimage.ts'
import { configurationsOf } from '../../server/lsp/image/configurations.ts'
import { elfFile } from '../esm/elf-file.ts'

export interface Parser {
  /** @throws only what `refusals` has */
  readonly run: (input: Uint8Array) => unknown
  /** What it throws to say that the input is none. */
  readonly refusals: readonly (new (
    ...args: never[]
  ) => Error)[]
  /** Inputs that are right, which are damaged then. @param root of the repository */
  readonly seeds: (root: string) => readonly Uint8Array[]
  readonly isText?: boolean
}

const file = (root: string, path: string) => new Uint8Array(readFileSync(join(root, 'test/fixtures/esm', path)))
const files =
  (...paths: string[]) =>
  (root: string) =>
    paths.map((path) => file(root, path))
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes)
const utf8 = (value: string) => new TextEncoder().encode(value)

/** The DER inside a PEM. */
const derOf = (pem: Uint8Array) => Uint8Array.from(Buffer.from(latin1(pem).replace(/-----[^-]*-----/g, ''), 'base64'))

/** Runs one parser after the other. @throws the last refusal where all of them refuse */
function each(bytes: Uint8Array, ...runs: readonly ((bytes: Uint8Array) => unknown)[]): void {
  const refusals: unknown[] = []
  for (const run of runs)
    try {
      run(bytes)
    } catch (error) {
      if (!(error instanceof KeyFormatError || error instanceof KernelImageError || error instanceof FdtError))
        throw error
      refusals.push(error)
    }
  if (refusals.length === runs.length) throw refusals.at(-1)
}

const privateKey = (bytes: Uint8Array) => {
  // A pass phrase only for the form whose cost the file does not choose.
  parsePrivateKey(bytes, latin1(bytes).includes('DEK-Info') ? 'correct horse' : undefined)
}

const image = JSON.stringify({
  // Everything that the schema has.
  kernel: 'vmlinux',
  initrd: 'i.img',
  bootargs: 'console=hvc0 svm=on',
  memory: '256M',
  operand: 'svm_blob.yml',
  tpm: { key: 'k.pem' },
  seed: 1,
  symbols: ['System.map'],
  esm: 'stub',
})

const RSA_AREA = {
  type: 0x1,
  nameAlg: 0xb,
  attributes: 0x20072,
  authPolicy: new Uint8Array(32),
  symmetric: undefined,
  scheme: undefined,
  keyBits: 2048,
  exponent: 0,
  unique: new Uint8Array(256).fill(7),
}

export const PARSERS: Readonly<Record<string, Parser>> = {
  fdt: {
    run: (bytes) => {
      scanFdt(bytes)
      each(bytes, parseFdt, readDigestList)
    },
    refusals: [FdtError],
    seeds: files('good/01-one-recipient/blob.dtb', 'good/03-files/blob.dtb'),
  },
  operand: {
    run: (operand) => {
      verifyImage({ crypto, operand })
      explainOperand(operand, { crypto })
    },
    refusals: [],
    seeds: files('good/01-one-recipient/blob.dtb', 'good/03-files/blob.dtb', 'bad/blob/file-duplicate.dtb'),
  },
  cpio: {
    run: (esmbInitrd) => {
      locateOperand(esmbInitrd)
      verifyImage({ crypto, esmbInitrd })
    },
    refusals: [],
    seeds: files('bad/base/esmb-initrd.img', 'bad/initrd/empty-file-first.img', 'bad/initrd/no-trailer.img'),
  },
  pem: {
    run: (bytes) => {
      isEncryptedPrivateKey(bytes)
      each(bytes, parsePublicKey, privateKey)
    },
    refusals: [KeyFormatError],
    seeds: files('keys/origin.pub', 'keys/origin.sec', 'keys/origin-enc.sec', 'keys/tpm-private-for-replay.pem'),
  },
  der: {
    run: (bytes) => each(bytes, parsePublicKey, privateKey),
    refusals: [KeyFormatError],
    seeds: (root) =>
      files('keys/origin.pub', 'keys/origin.sec', 'keys/tpm-private-for-replay.pem')(root).map((pem) => derOf(pem)),
  },
  yaml: {
    run: (bytes) => parseSvmBlob(text(bytes)),
    refusals: [],
    seeds: files('good/03-files/svm_blob.yml', 'yaml/anchor-alias.yml', 'yaml/order-shuffled.yml'),
    isText: true,
  },
  dts: {
    run: (bytes) => {
      const source = readDtsOperand(text(bytes))
      verifyDts(source, { crypto })
    },
    refusals: [],
    seeds: (root) => [
      ...files('good/01-one-recipient/blob.dtb')(root).map((blob) =>
        utf8(writeDts(parseFdt(blob)).replace(/\[[^\]]{99,}\]/g, '[00 01]')),
      ),
      utf8(
        '/dts-v1/; /* c */\n/memreserve/ 0x0 010;\n/ { l: a = "x\\n", <1 \'a\' 0x2U>, [0a b: 0c]; // d\n n@1 { w = /bits/ 64 <1>; e; }; };',
      ),
    ],
    isText: true,
  },
  json: {
    run: (bytes) => {
      configurationsOf(text(bytes), 'file:///w/pef.json', 'image')
      configurationsOf(text(bytes), 'file:///w/.vscode/launch.json', 'launch')
    },
    refusals: [],
    seeds: () => [utf8(image), utf8(`// launch\n{ "configurations": [{ "type": "pef", ${image.slice(1)}, ] }`)],
    isText: true,
  },
  kernel: {
    run: (bytes) => {
      inspectKernelHead(bytes)
      flattenKernel(bytes)
    },
    refusals: [KernelImageError],
    seeds: files('inputs/vmlinux'),
  },
  zimage: {
    run: async (bytes) => {
      readZImage(bytes)
      await openKernelFile(bytes)
    },
    refusals: [KernelImageError],
    seeds: (root) => {
      const kernel = gzipSync(file(root, 'inputs/vmlinux'))
      const operand = Buffer.from(file(root, 'good/01-one-recipient/blob.dtb'))
      const sections = [
        ['.kernel:vmlinux.strip', kernel],
        ['.kernel:initrd', Buffer.from('initrd')],
        ['.kernel:esm_blob', operand],
      ] as const
      return [elfFile(false, true, sections), elfFile(true, false, sections), kernel].map((one) => new Uint8Array(one))
    },
  },
  'private-key': {
    run: (bytes) =>
      findPrivateKey(
        (async function* () {
          for (let at = 0; at < bytes.length; at += 300) yield bytes.subarray(at, at + 300)
        })(),
      ),
    refusals: [],
    seeds: (root) => {
      const key = file(root, 'keys/origin.sec')
      return [key, new Uint8Array(gzipSync(key))]
    },
  },
  'tpm-public': {
    run: (bytes) => readPublicArea(bytes, 1),
    refusals: [TpmError],
    seeds: () => [
      writePublicArea(RSA_AREA),
      writePublicArea({ ...RSA_AREA, type: 0x8, keyBits: 0, unique: new Uint8Array(32) }),
    ],
  },
}
