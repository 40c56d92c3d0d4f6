import { nodeCrypto } from '../../../../server/esm/crypto/node.ts'
import { writeDts } from '../../../../server/esm/dts/operand.ts'
import { type Explained, explainOperand } from '../../../../server/esm/explain.ts'
import { FdtError, parseFdt } from '../../../../server/esm/fdt.ts'
import { modelOf, type NamedKey } from '../../../../server/esm/operand-model.ts'
import { hex } from '../../../../server/esm/reader.ts'
import { bootedTpm } from '../../../machine/firmware/booted-tpm.ts'
import { WRAPPING_KEY_HANDLE } from '../../../machine/tpm/tpm.ts'
import { UsageError, wholeNumber } from '../../options.ts'
import { FORMAT, formatOf, KEY } from './check.ts'
import { readOperandFile } from './inputs.ts'
import { readPrivateKey } from './keys.ts'
import { printable } from './report.ts'
import { ToolError, type Verb } from './verb.ts'

const FORMATS = ['text', 'json', 'dts'] as const

/** `esm explain`: a walk through the bytes. */
export const explain: Verb = {
  usage: '[--key KEY] [--tpm-seed N] [--format text|json|dts] FILE',
  summary: 'walk through the bytes of an operand, with offsets',
  description: `FILE is an operand, its device-tree source, or an initrd or zImage with one. Every part is told with its place in the file, what it is, and who looks at
it. With a private key that opens a lockbox the list of digests and the sizes of the attachments are shown too; the key that they
are encrypted with is not. --format dts prints the operand as device-tree source, of which "pef esm compile" makes it again.`,
  options: [
    KEY,
    { name: 'tpm-seed', value: 'N', help: 'opens it with the key of the emulated TPM of this seed' },
    FORMAT(FORMATS),
  ],
  files: true,
  example: 'pef esm explain esmb-initrd.img --key owner.key',
  async run(args, terminal) {
    const format = formatOf(args, FORMATS)
    const [file] = args.rest
    if (file === undefined || args.rest.length > 1) throw new UsageError('give one FILE (pef esm explain --help)')
    const { bytes, offset, kind } = await readOperandFile(file)
    const keys: NamedKey[] = []
    for (const path of args.values('key')) keys.push({ name: path, key: await readPrivateKey(path) })
    const seed = args.value('tpm-seed')
    if (seed !== undefined) keys.push(emulatedTpm(wholeNumber('tpm-seed', seed)))
    if (format === 'dts') {
      terminal.out(sourceOf(file, bytes))
      return 0
    }
    if (format === 'json') {
      const { hex: _, ...model } = modelOf(bytes, offset, keys, nodeCrypto)
      terminal.out(`${JSON.stringify({ file, kind, ...model }, undefined, 2)}\n`)
      return 0
    }
    const parts = explainOperand(bytes, { crypto: nodeCrypto, keys: keys.map(({ key }) => key), offset })
    terminal.out(parts.map((part) => `${printable(line(part))}\n`).join(''))
    return 0
  },
}

function emulatedTpm(seed: number): NamedKey {
  const key = bootedTpm(nodeCrypto, seed, undefined).privateKey(WRAPPING_KEY_HANDLE)!
  return { name: `the emulated TPM of seed ${seed}`, key }
}

function sourceOf(file: string, bytes: Uint8Array): string {
  try {
    return writeDts(parseFdt(bytes))
  } catch (error) {
    if (error instanceof FdtError) throw new ToolError(`${file}: no source of a damaged operand: ${error.message}`)
    throw error
  }
}

function line({ offset, length, depth, name, value, meaning }: Explained): string {
  const place = offset === undefined ? ' '.repeat(18) : `${hex(offset).padStart(8)} ${`+${length}`.padStart(9)}`
  const what = `${'  '.repeat(depth)}${name}${value === undefined ? '' : ` = ${value}`}`
  return meaning === undefined ? `${place}  ${what}` : `${place}  ${what.padEnd(56)}  ${meaning}`
}
