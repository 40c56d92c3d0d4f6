// The walkthrough "Your first secure VM": in a folder with nothing of PEF, by its buttons alone, to a running SVM.
import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openVsCode, workspace } from './vscode.mjs'
import { until } from './workbench.mjs'

describe('the walkthrough', () => {
  let code
  let folder
  before(async () => {
    folder = workspace({ 'notes.txt': 'An empty project.\n' })
    code = await openVsCode(folder)
  })
  after(() => code?.close())

  const file = (name) => join(folder, 'first-secure-vm', name)

  /** Opens a step, unless it is open, and presses its button. */
  const take = async (step, button) => {
    const one = code.page.locator('.getting-started-step', { hasText: step })
    if ((await one.getAttribute('aria-expanded')) !== 'true') await one.locator('.step-title').click()
    await one.locator('.monaco-button', { hasText: button }).click()
  }

  it('is offered by the welcome page', async () => {
    await code.command('Welcome: Open Walkthrough...')
    await code.choose('Your first secure VM')
    await code.page.locator('.getting-started-step').first().waitFor()
    await code.page.waitForTimeout(1000)
    await code.screenshot('30-walkthrough')
    assert.equal(await code.page.locator('.getting-started-step').count(), 6)
  })

  it('makes the folder, in which the editor misses the keys', async () => {
    await take('A folder with a kernel', 'Make the Folder')
    await until(() => existsSync(file('svm_blob.yml')) && existsSync(file('pef.json')), 'the files')
    await code.page.locator('.editor-instance .squiggly-error').first().waitFor()
    await code.screenshot('31-walkthrough-folder')
  })

  it("makes the owner's keys, asking for a pass phrase", async () => {
    await take("The owner's key pair", 'Make the Key Pair')
    const terminal = code.page.locator('.terminal-outer-container, .terminal-wrapper').first()
    await terminal.waitFor()
    await code.page.waitForTimeout(3000)
    await code.screenshot('32-walkthrough-keys')
    for (let i = 0; i < 2; i++) {
      await terminal.click()
      await code.press('Enter')
      await code.page.waitForTimeout(1500)
    }
    await until(() => existsSync(file('origin.pub')), 'the key pair', 60_000)
    assert.equal(statSync(file('origin.sec')).mode & 0o077, 0)
  })

  it("writes the machine's key, builds the operand and attaches it", async () => {
    await take('The key of the machine', 'Write the Public Key')
    await until(() => existsSync(file('tpm.pem')), "the machine's key", 60_000)
    await take('Build the operand', 'Build the Operand')
    await until(() => existsSync(file('svm_blob.esmb')), 'the operand', 60_000)
    await take('Attach it to the initrd', 'Attach the Operand')
    await until(() => existsSync(file('esmb-initrd.img')), 'the initrd with the operand', 60_000)
    await code.screenshot('33-walkthrough-attached')
  })

  it('runs it: the VM becomes secure and says so', async () => {
    await take('Run and debug it', 'Debug the Image')
    await code.stopped()
    await code.press('F5')
    const secret = /the attached file rootd has 28 bytes/
    await until(async () => secret.test(await code.console()), 'what only a secure VM can read', 60_000)
    await code.screenshot('34-walkthrough-secure')
  })
})
