import { nodeCrypto } from '../../../../server/esm/crypto/node.ts'
import { readDtsOperand, verifyDts } from '../../../../server/esm/dts/operand.ts'
import { UsageError } from '../../options.ts'
import { COMMON, debug } from './editing.ts'
import { contents, writeOutputs } from './files.ts'
import { readDtsFile } from './inputs.ts'
import { toText } from './report.ts'
import type { Verb } from './verb.ts'

/** `esm compile`: device-tree source into an operand. */
export const compile: Verb = {
  usage: '[-nv] -b OPERAND FILE.dts',
  summary: 'an operand from its device-tree source',
  description: `Makes the bytes of an operand that stands as device-tree source, such as dtc and "pef esm explain --format dts" write. What is
wrong with the text is an error and nothing is written; what is wrong with the operand is told, and it is written as it stands.

Exit codes: 0 written, 1 not written, 2 wrong usage.`,
  options: [...COMMON, { letter: 'b', name: 'blob', value: 'OPERAND', required: true, help: 'where the operand goes' }],
  files: true,
  example: 'pef esm compile -b image.esmb image.esm.dts',
  async run(args, terminal) {
    const [file] = args.rest
    if (file === undefined || args.rest.length > 1) throw new UsageError('give one FILE (pef esm compile --help)')
    const operand = readDtsOperand(await readDtsFile(file))
    const found = verifyDts(operand, { crypto: nodeCrypto }).map((finding) => ({ finding, file, range: finding.range }))
    const { bytes } = operand
    if (found.length > 0) terminal.error(toText(found))
    if (!bytes) return 1
    debug(args, terminal, `${file}: ${bytes.length} bytes`)
    if (args.count('dry-run') === 0) await writeOutputs(contents(args.needed('blob'), bytes))
    return 0
  },
}
