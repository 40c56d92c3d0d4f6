// The VM's console in a terminal of VS Code: what Linux prints, and what is typed at its shell.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { openVsCode, workspace } from './vscode.mjs'
import { until } from './workbench.mjs'

const linux = (name) => readFileSync(new URL(`../fixtures/linux/${name}`, import.meta.url))
const configuration = {
  name: 'Linux',
  type: 'pef',
  request: 'launch',
  kernel: 'vmlinux-svm.gz',
  initrd: 'initramfs.cpio.gz',
  bootargs: 'console=hvc0',
  stopOn: 'none',
  console: 'terminal',
}

describe('Linux in a terminal', () => {
  let code
  before(async () => {
    code = await openVsCode(
      workspace({
        'vmlinux-svm.gz': linux('vmlinux-svm.gz'),
        'initramfs.cpio.gz': linux('initramfs.cpio.gz'),
        '.vscode/launch.json': { version: '0.2.0', configurations: [configuration] },
      }),
    )
  })
  after(() => code?.close())

  const screen = async () =>
    (await code.page.locator('.terminal-wrapper.active .xterm-rows > div').allInnerTexts()).join('\n')

  it('boots to its shell', async () => {
    await code.debug()
    await until(async () => /@@READY@@[\s\S]*\/ #/.test(await screen()), 'the shell', 120_000)
    await code.screenshot('20-linux-terminal')
  })

  it('takes what is typed', async () => {
    await code.page.locator('.terminal-wrapper.active').click()
    await code.page.keyboard.type('echo $((6*7)) of $(uname -m)\n')
    await until(async () => (await screen()).includes('42 of ppc64le'), 'the answer of the shell', 60_000)
    await code.screenshot('21-linux-typed')
    assert.match(await screen(), /echo \$\(\(6\*7\)\)/)
  })
})
