// The extension where no machine is behind it: in the browser's own extension host, a worker.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { openVsCode, sampleWorkspace } from './vscode.mjs'
import { until } from './workbench.mjs'

const yaml = readFileSync(new URL('../guests/hello-svm/svm_blob.yml', import.meta.url), 'utf8')

describe('in the browser alone', () => {
  let code
  before(async () => {
    const folder = sampleWorkspace({ 'svm_blob.yml': yaml.replace('hello-svm.elf', 'helo-svm.elf') })
    code = await openVsCode(folder, undefined, { 'remote.extensionKind': { 'pef-debug.pef-debug': ['web'] } })
  })
  after(() => code?.close())

  it('a wrong path in svm_blob.yml is underlined, and corrected by its quick fix', async () => {
    await code.open('svm_blob.yml')
    const squiggle = code.page.locator('.editor-instance .squiggly-error').first()
    await squiggle.waitFor()
    await code.goTo(12, 15)
    const menu = await code.quickFixes()
    assert.match(await menu.textContent(), /Change it to "hello-svm\.elf"/)
    await code.screenshot('30-web-quick-fix')
    await code.press('Enter')
    await squiggle.waitFor({ state: 'detached' })
    assert.match(await code.text(), /kernel: "hello-svm.elf"/)
  })

  it('hints say what is behind each value; lenses that would run something are not there', async () => {
    await until(async () => /✓ hello-svm\.esmb · 4,168 bytes/.test(await code.text()), 'the digest of the kernel')
    assert.match(await code.text(), /lockbox-1 · RSA-2048 · [0-9a-f]{12}…/)
    assert.equal(await code.page.locator('.codelens-decoration a', { hasText: 'Build operand' }).count(), 0)
    await code.screenshot('31-web-hints')
  })

  it('an operand is taken apart in its editor', async () => {
    await code.open('hello-svm.esmb')
    const frame = await code.view('operand')
    await until(async () => /opened with origin\.sec/.test(await frame.locator('.status').textContent()), 'the key')
    await code.screenshot('32-web-operand')
  })

  it('a command that needs a machine says so', async () => {
    await code.command('PEF: Debug SVM Image')
    assert.match(await code.notification(), /"Debug SVM Image" needs VS Code on a machine/)
    await code.screenshot('33-web-command')
  })
})
