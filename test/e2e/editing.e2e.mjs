// Editing: completion, quick fixes, hints and tasks for svm_blob.yml, pef.json, and the read-only editor for operands.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openVsCode, sampleWorkspace } from './vscode.mjs'
import { until } from './workbench.mjs'

const yaml = readFileSync(new URL('../guests/hello-svm/svm_blob.yml', import.meta.url), 'utf8')
const image = JSON.parse(readFileSync(new URL('../guests/hello-svm/pef.json', import.meta.url), 'utf8'))

describe('editing', () => {
  let code
  let folder
  before(async () => {
    folder = sampleWorkspace({
      'svm_blob.yml': yaml.replace('hello-svm.elf', 'helo-svm.elf'),
      'wrong.pef.json': { ...image, bootargs: 'console=hvc0  svm=on' },
    })
    chmodSync(join(folder, 'origin.sec'), 0o600)
    code = await openVsCode(folder)
  })
  after(() => code?.close())

  it('a wrong path in svm_blob.yml is corrected by its quick fix', async () => {
    await code.open('svm_blob.yml')
    const squiggle = code.page.locator('.editor-instance .squiggly-error').first()
    await squiggle.waitFor()
    await code.goTo(12, 15)
    await code.screenshot('15-diagnostic')
    const menu = await code.quickFixes()
    await code.screenshot('16-quick-fix')
    assert.match(await menu.textContent(), /Change it to "hello-svm\.elf"/)
    await code.press('Enter')
    await squiggle.waitFor({ state: 'detached' })
    assert.match(await code.text(), /kernel: "hello-svm.elf"/)
  })

  it('hints say what is behind each value, and whether the operand has it', async () => {
    await until(async () => /✓ hello-svm\.esmb · 4,168 bytes/.test(await code.text()), 'the digest of the kernel')
    assert.match(await code.text(), /lockbox-1 · RSA-2048 · [0-9a-f]{12}…/)
    await code.screenshot('17-hints')
  })

  it('entries, keys and paths are completed', async () => {
    await code.page.locator('.editor-instance .view-line').first().click()
    await code.press('Control+End')
    await code.page.keyboard.type('- rec')
    const suggestion = code.page.locator('.suggest-widget .monaco-list-row', { hasText: 'recipient' }).first()
    await suggestion.waitFor()
    await code.screenshot('18-completion')
    await suggestion.click()
    await until(async () => /TPM of the machine/.test(await code.text()), 'the entry')
    await code.press('Escape')
  })

  it('is built by the lens above it', async () => {
    await code.command('File: Revert File')
    writeFileSync(join(folder, 'svm_blob.yml'), yaml)
    const lens = code.page.locator('.codelens-decoration a', { hasText: 'Build operand' })
    await lens.waitFor()
    await lens.click()
    await until(() => existsSync(join(folder, 'svm_blob.esmb')), 'the operand')
  })

  it('a public key that svm-tool would not know again is written anew by its quick fix', async () => {
    const key = join(folder, 'origin.pub')
    const canonical = readFileSync(key, 'utf8')
    writeFileSync(key, canonical.replaceAll('\n', '\r\n'))
    const squiggle = code.page.locator('.editor-instance .squiggly-error').first()
    await squiggle.waitFor()
    await code.goTo(4, 15)
    const menu = await code.quickFixes()
    assert.match(await menu.textContent(), /Write origin\.pub again in the canonical form/)
    await code.press('Enter')
    await squiggle.waitFor({ state: 'detached' })
    assert.equal(readFileSync(key, 'utf8'), canonical)
  })

  it('an operand opens in its own editor, taken apart', async () => {
    await code.open('hello-svm.esmb')
    const frame = await code.view('operand')
    const part = frame.locator('.rows .row', { hasText: 'encrypted-symkey' }).first()
    await part.click()
    await until(async () => /256 bytes at offset/.test(await frame.locator('.details').textContent()), 'its bytes')
    assert.match(await frame.locator('.status').textContent(), /opened with origin\.sec/)
    await code.screenshot('19-operand')
    await frame.locator('[role=tab]', { hasText: 'What is verified' }).click()
    assert.match(await frame.locator('.protection').textContent(), /Checked here with origin\.sec: the tag matches/)
    await code.screenshot('20-verified')
    await frame.locator('[role=tab]', { hasText: 'Findings' }).click()
    assert.match(await frame.locator('.findings').textContent(), /Nothing is wrong|ESM/)
  })

  it('boot arguments that are not those of the operand are underlined in a pef.json', async () => {
    await code.open('wrong.pef.json')
    await code.page.locator('.editor-instance .squiggly-error').first().waitFor()
    await code.command('Problems: Focus on Problems View')
    const problems = code.page.locator('.markers-panel')
    await until(async () => /ESM057/.test(await problems.textContent()), 'the rule')
    await code.screenshot('21-pef-json')
  })
})
