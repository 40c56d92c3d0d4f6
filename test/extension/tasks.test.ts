/** Tasks of type `pef`: what they run, and that the problem matchers read what comes out. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OperandTask, taskArguments, taskName } from '../../extension/operand/task-arguments.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const { contributes } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

describe('a task of type pef', () => {
  const tasks: OperandTask[] = [
    { task: 'make', config: 'svm_blob.yml', output: 'image.esmb' },
    { task: 'compile', config: 'other.esm.dts', output: 'other.esmb' },
    { task: 'attach', operand: 'image.esmb', initrd: 'initrd.img', output: 'esmb-initrd.img' },
    { task: 'check', config: 'svm_blob.yml' },
    { task: 'generate', pubkey: 'owner.pub', seckey: 'owner.key' },
  ]

  it('runs the tool of that name', () => {
    expect(tasks.map(taskArguments)).toEqual([
      ['esm', 'make', '-b', 'image.esmb', '-y', 'svm_blob.yml'],
      ['esm', 'compile', '-b', 'other.esmb', 'other.esm.dts'],
      ['svm', 'add', '-i', 'initrd.img', '-b', 'image.esmb', '-f', 'esmb-initrd.img'],
      ['esm', 'check', 'svm_blob.yml'],
      ['esm', 'generate', '-p', 'owner.pub', '-s', 'owner.key'],
    ])
    expect(new Set(tasks.map(taskName)).size).toBe(tasks.length)
  })

  it('has in the manifest the properties that it needs', () => {
    const { properties } = contributes.taskDefinitions[0]
    expect(properties.task.enum).toEqual(tasks.map(({ task }) => task))
    for (const task of tasks) for (const name of Object.keys(task)) expect(properties).toHaveProperty(name)
  })

  it('says what it lacks', () => {
    expect(() => taskArguments({ task: 'make', config: 'x' } as never)).toThrow('the task "make" needs "output"')
    expect(() => taskArguments({ task: 'bake' } as never)).toThrow(
      'expected one of make, compile, attach, check, generate',
    )
  })
})

describe('the problem matchers', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'pef-tasks-'))
    cpSync(join(root, 'test/guests/hello-svm'), folder, { recursive: true })
    const text = readFileSync(join(folder, 'svm_blob.yml'), 'utf8')
    writeFileSync(join(folder, 'wrong.yml'), text.replace('hello-svm.elf', 'missing.elf'))
    writeFileSync(join(folder, 'odd.yml'), text.replace(' svm=on', ''))
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  /** What a matcher finds in the output of a task. */
  const problems = (name: string, task: OperandTask) => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(root, 'dist/pef.js'), ...taskArguments(task)], {
      cwd: folder,
      encoding: 'utf8',
    })
    const { pattern } = contributes.problemMatchers.find((one: { name: string }) => one.name === name)
    return `${stdout}${stderr}`.split('\n').flatMap((line) => {
      const match = new RegExp(pattern.regexp).exec(line)
      return match ? [[match[pattern.file], match[pattern.line], match[pattern.code]].join(' ')] : []
    })
  }

  it('read what check says', () => {
    expect(problems('pef', { task: 'check', config: 'wrong.yml' })).toContain('wrong.yml 12 ESM110')
    expect(problems('pef', { task: 'check', config: 'odd.yml' })).toContain('odd.yml 10 ESM059')
  })

  it('read why an operand is not made, and what make warns of', () => {
    expect(problems('pef-make', { task: 'make', config: 'wrong.yml', output: 'w.esmb' })).toEqual([
      'wrong.yml 12 ESM110',
    ])
    expect(problems('pef-make', { task: 'make', config: 'odd.yml', output: 'o.esmb' })).toEqual([])
    expect(problems('pef-make-warning', { task: 'make', config: 'odd.yml', output: 'o.esmb' })).toContain(
      'odd.yml 10 ESM059',
    )
  })
})
