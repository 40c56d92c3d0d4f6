// What goes wrong before a session, and what editing helps with.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { openVsCode, sampleWorkspace, workspace } from './vscode.mjs'
import { until } from './workbench.mjs'

const launch = (attributes) => ({
  version: '0.2.0',
  configurations: [{ name: 'Debug SVM image', type: 'pef', request: 'launch', ...attributes }],
})

async function withCode(folder, work) {
  const code = await openVsCode(folder)
  try {
    await work(code)
  } finally {
    await code.close()
  }
}

describe('a wrong attribute', () => {
  it('is named with what is accepted, and the button leads to it', async () => {
    const wrong = launch({ kernel: 'hello-svm.elf', initrd: 'initrd-esmb.img', memory: '65M' })
    await withCode(sampleWorkspace({ '.vscode/launch.json': wrong }), async (code) => {
      await code.command('View: Show Run and Debug')
      await code.debug()
      const text = await code.notification()
      assert.match(text, /"memory"/)
      assert.match(text, /multiple of 2M/)
      await code.screenshot('9-wrong-attribute')
      await code.page
        .locator('.notification-list-item a, .notification-list-item .monaco-button', { hasText: 'Open launch.json' })
        .first()
        .click()
      await code.page.locator('.tab', { hasText: 'launch.json' }).waitFor()
      const line =
        1 +
        JSON.stringify(wrong, undefined, 2)
          .split('\n')
          .findIndex((text) => text.includes('"memory"'))
      await code.atLine(line)
    })
  })

  it('is underlined in launch.json while it is written', async () => {
    const wrong = launch({ kernel: 'hello-svm.elf', stopOn: 'never' })
    await withCode(sampleWorkspace({ '.vscode/launch.json': wrong }), async (code) => {
      await code.open('launch.json')
      await code.page.locator('.squiggly-warning, .squiggly-error').first().waitFor()
    })
  })

  it('of a pef.json is underlined too', async () => {
    await withCode(sampleWorkspace({ 'pef.json': { kernel: 'hello-svm.elf', memry: '64M' } }), async (code) => {
      await code.open('pef.json')
      await code.page.locator('.squiggly-warning, .squiggly-error').first().waitFor()
      await code.debug()
      assert.match(await code.notification(), /did you mean "memory"/)
      await code.screenshot('10-image-file')
    })
  })
})

describe('a workspace', () => {
  it('without an image says so, and offers a launch.json or the sample', async () => {
    await withCode(workspace({ 'readme.txt': 'nothing here' }), async (code) => {
      await code.command('View: Show Run and Debug')
      await code.debug()
      await code.choose('PEF secure VM')
      const text = await code.notification()
      assert.match(text, /no SVM image/)
      assert.match(text, /Create launch\.json/)
      assert.match(text, /Open Sample/)
      await code.screenshot('11-no-image')
    })
  })

  it('with several images lets one choose', async () => {
    const image = JSON.parse(readFileSync(new URL('../guests/hello-svm/pef.json', import.meta.url), 'utf8'))
    await withCode(sampleWorkspace({ 'small.pef.json': { ...image, memory: '32M' } }), async (code) => {
      await code.command('View: Show Run and Debug')
      await code.debug()
      await code.choose('PEF secure VM')
      await until(async () => (await code.choices()).length === 2, 'two images')
      assert.match((await code.choices()).join('\n'), /small\.pef\.json/)
      await code.choose('small.pef.json')
      await code.stopped()
    })
  })
})

describe('svm_blob.yml', () => {
  it('is checked while it is written', async () => {
    const text = readFileSync(new URL('../guests/hello-svm/svm_blob.yml', import.meta.url), 'utf8')
    await withCode(sampleWorkspace({ 'svm_blob.yml': text.replace('hello-svm.elf', 'missing.elf') }), async (code) => {
      await code.open('svm_blob.yml')
      await code.page.locator('.squiggly-error, .squiggly-warning').first().waitFor()
      await code.screenshot('12-svm-blob')
    })
  })
})
