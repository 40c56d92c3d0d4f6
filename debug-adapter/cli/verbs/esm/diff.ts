import { nodeCrypto } from '../../../../server/esm/crypto/node.ts'
import type { RsaPrivateKey } from '../../../../server/esm/crypto/rsa.ts'
import { type Difference, diffOperands } from '../../../../server/esm/diff.ts'
import { UsageError } from '../../options.ts'
import { FORMAT, formatOf, KEY } from './check.ts'
import { readOperandFile } from './inputs.ts'
import { readPrivateKey } from './keys.ts'
import { printable } from './report.ts'
import { ToolError, type Verb } from './verb.ts'

const FORMATS = ['text', 'json'] as const

/** `esm diff`: what two operands differ in. */
export const diff: Verb = {
  usage: '[--key KEY] [--format text|json] A B',
  summary: 'compare two operands',
  description: `A and B are operands, or initrds or zImages with one. With a private key that opens both, what is encrypted is compared too, and
that it was encrypted anew does not count.

Exit codes: 0 no difference, 1 differences, 2 wrong usage or a file that cannot be read.`,
  options: [KEY, FORMAT(FORMATS)],
  files: true,
  example: 'pef esm diff blob.old blob --key owner.key',
  async run(args, terminal) {
    const format = formatOf(args, FORMATS)
    const [a, b] = args.rest
    if (a === undefined || b === undefined || args.rest.length > 2)
      throw new UsageError('give two files to compare (pef esm diff --help)')
    const { differences, opened } = await compare(a, b, args.values('key'))
    if (format === 'json') terminal.out(`${JSON.stringify({ a, b, opened, differences }, undefined, 2)}\n`)
    else terminal.out(toText(differences, opened))
    return differences.some(({ random }) => !random || !opened) ? 1 : 0
  },
}

async function compare(a: string, b: string, keyPaths: readonly string[]) {
  try {
    const [first, second] = await Promise.all([a, b].map(readOperandFile))
    const keys: RsaPrivateKey[] = []
    for (const path of keyPaths) keys.push(await readPrivateKey(path))
    return diffOperands(first!.bytes, second!.bytes, { crypto: nodeCrypto, keys })
  } catch (error) {
    // 1 is for differences.
    if (error instanceof ToolError) throw new UsageError(error.message)
    throw error
  }
}

function toText(differences: readonly Difference[], opened: boolean): string {
  const lines = differences
    .filter(({ random }) => !random)
    .flatMap(({ path, a, b }) => {
      if (a === undefined) return [`+ ${path}: ${b}`]
      return b === undefined ? [`- ${path}: ${a}`] : [`~ ${path}`, `    - ${a}`, `    + ${b}`]
    })
  const anew = differences.filter(({ random }) => random).map(({ path }) => path)
  if (anew.length > 0) lines.push(`encrypted anew${opened ? '' : ', perhaps of other contents'}: ${anew.join(', ')}`)
  return lines.map((text) => `${printable(text)}\n`).join('')
}
