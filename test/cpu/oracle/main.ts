/** `npm run test:cpu-oracle -- --seed N --cases N`: random instructions against QEMU. */
import { compareRandom, HOW_TO_ENABLE, qemuIsThere } from './compare.ts'
import { COMPARED } from './program.ts'

function option(name: string, otherwise: number): number {
  const at = process.argv.indexOf(`--${name}`)
  if (at < 0) return otherwise
  const value = Number(process.argv[at + 1])
  if (!Number.isInteger(value) || value < 0) {
    console.error(`--${name} ${process.argv[at + 1]}: expected a whole number`)
    process.exit(2)
  }
  return value
}

const seed = option('seed', Math.floor(Math.random() * 2 ** 32))
const cases = option('cases', 10_000)
if (!qemuIsThere()) {
  console.log(`cpu-oracle skipped: ${HOW_TO_ENABLE}`)
  process.exit(0)
}
let failed = 0
const STEP = 1000
for (let done = 0; done < cases; done += STEP) {
  const littleEndian = (done / STEP) % 2 === 0
  const found = compareRandom({
    ...{ seed: (seed + done) >>> 0, cases: Math.min(STEP, cases - done), length: 8, littleEndian },
  })
  failed += found.length
  for (const difference of found.slice(0, 5)) console.log(`seed ${seed + done} ${difference}`)
}
const mnemonics = new Set(COMPARED.map((insn) => insn.mnemonic)).size
console.log(`cpu-oracle seed ${seed} cases ${cases} mnemonics ${mnemonics} differences ${failed}`)
process.exit(failed ? 1 : 0)
