/** ESM127: whether svm-tool would find its objcopy on this host, in the library and in `pef esm check`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { type BuildHost, inspectBuildHost } from '../../server/esm/build-host.ts'
import { pefHere } from '../cli/esm-tool.ts'

const host = (change: Partial<BuildHost> = {}): BuildHost => ({
  arch: 'x64',
  env: { PATH: '/usr/bin:/opt/svm/bin' },
  exists: (path) => path === '/opt/svm/bin/svm-tool',
  ...change,
})

describe('ESM127', () => {
  it('is a warning where svm-tool is in the PATH and CROSS_COMPILE is not set', () => {
    const found = inspectBuildHost(host())
    expect(found).toMatchObject({ rule: 'ESM127', severity: 'W' })
    expect(found!.message).toContain('none on x64, where /opt/svm/bin/svm-tool is')
  })

  it.each<[string, Partial<BuildHost>]>([
    ['on a ppc64 host, whose objcopy does', { arch: 'ppc64' }],
    ['with CROSS_COMPILE, even an empty one', { env: { PATH: '/opt/svm/bin', CROSS_COMPILE: '' } }],
    ['where there is no svm-tool', { exists: () => false }],
    ['without a PATH', { env: {} }],
    ['for a folder that depends on where one is', { env: { PATH: 'bin:.' }, exists: () => true }],
  ])('is not told %s', (_, change) => {
    expect(inspectBuildHost(host(change))).toBeUndefined()
  })
})

describe('pef esm check svm_blob.yml', () => {
  const fixtures = fileURLToPath(new URL('../fixtures/esm/', import.meta.url))
  const folder = mkdtempSync(join(tmpdir(), 'pef-host-'))
  const before = process.cwd()
  afterEach(() => {
    vi.unstubAllEnvs()
    process.chdir(before)
    rmSync(folder, { recursive: true, force: true })
  })

  it('tells it at the kernel, and is no error', async () => {
    writeFileSync(join(folder, 'svm-tool'), '')
    vi.stubEnv('PATH', folder)
    vi.stubEnv('CROSS_COMPILE', undefined)
    process.chdir(fixtures)
    const { code, out } = await pefHere(['esm', 'check', 'bad/base/svm_blob.yml', '--format', 'json'])
    const told = JSON.parse(out).diagnostics
    const expected = { id: 'ESM127', severity: 'warning', range: { start: { line: 12 } } }
    expect(told).toMatchObject(process.arch === 'ppc64' ? [] : [expected])
    expect(code).toBe(0)
  })
})
