// Editing: completion, quick fixes, hints and tasks for svm_blob.yml, pef.json, and the read-only editor for operands.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openVsCode, sampleWorkspace } from './vscode.mjs'
import { until } from './workbench.mjs'

const yaml = readFileSync(new URL('../guests/hello-svm/svm_blob.yml', import.meta.url), 'utf8')
const source = execFileSync(
  process.execPath,
  ['dist/pef.js', 'esm', 'explain', '--format', 'dts', 'test/guests/hello-svm/hello-svm.esmb'],
  { cwd: fileURLToPath(new URL('../..', import.meta.url)), encoding: 'utf8' },
)
const image = JSON.parse(readFileSync(new URL('../guests/hello-svm/pef.json', import.meta.url), 'utf8'))

/** By WCAG 2, from two colours as a page computes them. */
function contrast(first, second) {
  const light = (colour) => {
    const parts = colour
      .match(/[\d.]+/g)
      .slice(0, 3)
      .map((part) => Number(part) / 255)
    const [r, g, b] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const [dark, bright] = [light(first), light(second)].sort((a, b) => a - b)
  return (bright + 0.05) / (dark + 0.05)
}

describe('editing', () => {
  let code
  let folder
  before(async () => {
    folder = sampleWorkspace({
      'svm_blob.yml': yaml.replace('hello-svm.elf', 'helo-svm.elf'),
      'image.esm.dts': source.replace('/ {', '#/ {'),
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

  it('its parts are walked by keyboard', async () => {
    const frame = await code.view('operand')
    await frame.locator('[role=tab]', { hasText: 'Parts' }).click()
    const selected = frame.locator('[role=treegrid] [aria-selected=true]')
    const lockboxes = frame.locator('.rows .row', { hasText: 'lockboxes/' }).first()
    await lockboxes.click()
    await code.page.keyboard.press('ArrowDown')
    await until(async () => /lockbox-1/.test(await selected.first().textContent()), 'the next part')
    await code.page.keyboard.press('ArrowLeft')
    await until(
      async () => (await frame.locator('.rows .row', { hasText: 'encrypted-symkey' }).count()) === 1,
      'a fold',
    )
    await code.page.keyboard.press('ArrowRight')
    await until(
      async () => (await frame.locator('.rows .row', { hasText: 'encrypted-symkey' }).count()) > 1,
      'its parts',
    )
    await code.page.keyboard.press('ArrowRight')
    await until(async () => /encrypted-symkey/.test(await frame.locator('.details').textContent()), 'the first of them')
    assert.match(await frame.locator('.details').textContent(), /the master key under RSA-OAEP/)
  })

  it('it opens with the key of the emulated TPM, which shows the digests', async () => {
    const frame = await code.view('operand')
    await frame.locator('button', { hasText: 'Open with the Emulated TPM' }).click()
    await code.page.locator('.quick-input-widget input[type=text]').fill('1')
    await code.press('Enter')
    const status = frame.locator('.status')
    await until(async () => /opened with the emulated TPM of seed 1/.test(await status.textContent()), 'the TPM')
    await frame.locator('.rows .row').first().click()
    await code.page.keyboard.press('End')
    await until(
      async () =>
        /SHA-512 of the/.test(await frame.locator('.rows').textContent()) ||
        /attachment rootd/.test(await frame.locator('.rows').textContent()),
      'what was decrypted',
    )
    await code.screenshot('22-operand-tpm')
  })

  it('it is readable in dark and high contrast themes', async () => {
    for (const [theme, name] of [
      ['Dark Modern', 'dark'],
      ['Dark High Contrast', 'dark-high-contrast'],
      ['Light High Contrast', 'light-high-contrast'],
      ['Light Modern', 'light'],
    ]) {
      await code.command('Preferences: Color Theme')
      // The list holds only what is in sight.
      await code.page.locator('.quick-input-widget input[type=text]').fill(theme)
      await code.choose(theme)
      const frame = await code.view('operand')
      const colours = () =>
        frame.locator('body').evaluate((body) => {
          // The page lets the editor's background through.
          const sample = body.ownerDocument.createElement('div')
          sample.style.background = 'var(--vscode-editor-background)'
          body.append(sample)
          const { backgroundColor } = getComputedStyle(sample)
          sample.remove()
          return [getComputedStyle(body.querySelector('.rows .row')).color, backgroundColor]
        })
      let last
      await until(async () => {
        const now = await colours()
        const changed = String(now) !== last
        last = String(now)
        return !changed && contrast(...now) > 4.5
      }, `contrast in ${theme}`)
      await code.screenshot(`23-operand-${name}`)
    }
  })

  it('the source of an operand is checked as it is typed, and built by its lens', async () => {
    await code.open('image.esm.dts')
    await code.page.locator('.editor-instance .squiggly-error').first().waitFor()
    await code.command('Problems: Focus on Problems View')
    const problems = code.page.locator('.markers-panel')
    await until(async () => /ESM016/.test(await problems.textContent()), 'the rule')
    await code.screenshot('24-operand-source')
    await code.goTo(3, 1)
    await code.page.keyboard.press('Delete')
    await code.page.locator('.editor-instance .squiggly-error').first().waitFor({ state: 'detached' })
    const lens = code.page.locator('.codelens-decoration a', { hasText: 'Build operand' })
    await lens.click()
    await until(() => existsSync(join(folder, 'image.esmb')), 'the operand')
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
