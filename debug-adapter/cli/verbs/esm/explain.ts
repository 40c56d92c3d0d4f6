import { nodeCrypto } from '../../../../server/esm/crypto/node.ts'
import type { RsaPrivateKey } from '../../../../server/esm/crypto/rsa.ts'
import { type Explained, explainOperand } from '../../../../server/esm/explain.ts'
import { hex } from '../../../../server/esm/reader.ts'
import { UsageError } from '../../options.ts'
import { FORMAT, formatOf, KEY } from './check.ts'
import { readOperandFile } from './inputs.ts'
import { readPrivateKey } from './keys.ts'
import { printable } from './report.ts'
import type { Verb } from './verb.ts'

const FORMATS = ['text', 'json'] as const

/** `esm explain`: a walk through the bytes. */
export const explain: Verb = {
  usage: '[--key KEY] [--format text|json] FILE',
  summary: 'walk through the bytes of an operand, with offsets',
  description: `FILE is an operand, or an initrd or zImage with one. Every part is told with its place in the file, what it is, and who looks at
it. With a private key that opens a lockbox the list of digests and the sizes of the attachments are shown too; the key that they
are encrypted with is not.`,
  options: [KEY, FORMAT(FORMATS)],
  files: true,
  example: 'pef esm explain esmb-initrd.img --key owner.key',
  async run(args, terminal) {
    const format = formatOf(args, FORMATS)
    const [file] = args.rest
    if (file === undefined || args.rest.length > 1) throw new UsageError('give one FILE (pef esm explain --help)')
    const { bytes, offset, kind } = await readOperandFile(file)
    const keys: RsaPrivateKey[] = []
    for (const path of args.values('key')) keys.push(await readPrivateKey(path))
    const parts = explainOperand(bytes, { crypto: nodeCrypto, keys, offset })
    if (format === 'json') terminal.out(`${JSON.stringify({ file, kind, offset, parts }, undefined, 2)}\n`)
    else terminal.out(parts.map((part) => `${printable(line(part))}\n`).join(''))
    return 0
  },
}

function line({ offset, length, depth, name, value, meaning }: Explained): string {
  const place = offset === undefined ? ' '.repeat(18) : `${hex(offset).padStart(8)} ${`+${length}`.padStart(9)}`
  const what = `${'  '.repeat(depth)}${name}${value === undefined ? '' : ` = ${value}`}`
  return meaning === undefined ? `${place}  ${what}` : `${place}  ${what.padEnd(56)}  ${meaning}`
}
