import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { flattenKernel } from '../../server/esm/kernel-image.ts'
import { inspectOperand } from '../../server/esm/verify/operand.ts'

const folder = fileURLToPath(new URL('hello-svm/', import.meta.url))
const committed = (name: string) => readFileSync(join(folder, name))
const compiler = 'powerpc64le-linux-gnu-gcc'
const there = spawnSync(compiler, ['--version']).status === 0

test.skipIf(!there)('hello-svm.elf is what its source gives (needs apt-get install gcc-powerpc64le-linux-gnu)', () => {
  const output = join(mkdtempSync(join(tmpdir(), 'hello-svm-')), 'hello-svm.elf')
  execFileSync(process.execPath, [join(folder, 'build.mjs'), output])
  // Debian bookworm's gcc 12.2 made the committed file; another version gives other code.
  const version = execFileSync(compiler, ['-dumpfullversion']).toString().trim()
  const same = readFileSync(output).equals(committed('hello-svm.elf'))
  expect(`gcc ${version}: ${same ? 'the same bytes' : 'other bytes'}`).toBe(`gcc ${version}: the same bytes`)
})

test('what is hashed ends before .bss, and is nowhere written to by the program', () => {
  const image = flattenKernel(committed('hello-svm.elf'))
  expect(image.loadAddress).toBe(0x40_0000n)
  expect(image.entryOffset).toBe(0)
  expect(image.bytes.length).toBeLessThan(0x1_0000)
  expect(image.memoryBytes).toBeGreaterThan(image.bytes.length)
})

test('the operand is for the emulated TPM of seed 1, without a finding', () => {
  const { operand, findings } = inspectOperand(committed('hello-svm.esmb'))
  expect(findings).toEqual([])
  const fingerprint = nodeCrypto.sha256(committed('tpm.pem'))
  expect(Buffer.from(operand!.lockbox1!.fingerprint!).equals(fingerprint)).toBe(true)
})
