/** `npm start -- --vscode`: which editor it opens, and with what. */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
let folder: string

/** An editor that notes what it was called with. */
function editor(name: string, exitCode = 0): void {
  const path = join(folder, name)
  writeFileSync(path, `#!/bin/sh\nprintf '%s\\n' ${name} "$@" > ${folder}/called\nexit ${exitCode}\n`)
  chmodSync(path, 0o755)
}

function start() {
  const script = join(root, 'test/tools/start.mjs')
  const env = { ...process.env, PATH: folder }
  return spawnSync(process.execPath, [script, '--vscode'], { encoding: 'utf8', env, cwd: tmpdir() })
}

const called = () => readFileSync(join(folder, 'called'), 'utf8').trimEnd().split('\n')

describe('npm start -- --vscode', () => {
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'pef-start-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('opens the sample in a new window with this extension', () => {
    editor('code')
    expect(start().status).toBe(0)
    expect(called()).toEqual([
      'code',
      '--new-window',
      `--extensionDevelopmentPath=${root}`,
      join(root, 'test/guests/hello-svm'),
    ])
  })

  it.each([
    [['code-insiders', 'codium', 'code'], 'code'],
    [['code-insiders', 'codium'], 'codium'],
    [['code-insiders'], 'code-insiders'],
  ])('of %j it takes %s', (names, taken) => {
    for (const name of names) editor(name)
    expect(start().status).toBe(0)
    expect(called()[0]).toBe(taken)
  })

  it('ends as the editor ended', () => {
    editor('codium', 7)
    expect(start().status).toBe(7)
  })

  it('says what is missing where there is none', () => {
    const { status, stderr } = start()
    expect(status).toBe(2)
    expect(stderr).toContain('None of code, codium, code-insiders is on the PATH.')
    expect(stderr).toContain('press F5')
  })
})
