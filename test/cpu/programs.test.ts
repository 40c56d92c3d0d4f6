/** Programs in C, most of them with vectors, compiled with -O0 to -O3 (programs/build.mjs), print here what they print under QEMU's user mode. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { benchMachine, runProgram } from '../bench/guest.ts'
import { HOW_TO_ENABLE, QEMU, qemuIsThere } from './oracle/compare.ts'

const folder = new URL('./programs/', import.meta.url)
const fileOf = (name: string): URL => new URL(name, folder)
const programs = readdirSync(folder).filter((name) => name.endsWith('.elf'))
const expectedOf = (program: string): string => readFileSync(fileOf(program.replace(/-O\d\.elf$/, '.txt')), 'utf8')
const there = qemuIsThere()
const skipped = there ? '' : ` (skipped: ${HOW_TO_ENABLE})`

describe('compiled programs', () => {
  it('are there in all optimisations', () => {
    expect(programs).toHaveLength(12)
  })

  it.each(programs)('%s, interpreted and compiled', (name) => {
    const elf = readFileSync(fileOf(name))
    const expected = expectedOf(name)
    const interpreted = runProgram(benchMachine(elf, { jit: false }))
    expect(interpreted.output).toBe(expected)
    // A low threshold: most of it is compiled.
    const machine = benchMachine(elf, { jit: { threshold: 2 } })
    const compiled = runProgram(machine, 5000)
    expect(compiled.output).toBe(expected)
    expect(compiled.instructions).toBe(interpreted.instructions)
    expect(machine.cpu.jitStatistics.instructions).toBeGreaterThan(300)
  })

  it.skipIf(!there).each(programs)(`%s prints the same under QEMU${skipped}`, (name) => {
    const output = execFileSync(QEMU, ['-cpu', 'power9', fileOf(name).pathname], { encoding: 'utf8' })
    expect(output).toBe(expectedOf(name))
  })
})
