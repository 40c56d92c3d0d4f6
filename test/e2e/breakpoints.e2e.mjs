// Breakpoints of every kind, steps over and out of the ultravisor, and a workspace of several folders.
import assert from 'node:assert/strict'
import { cpSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { openVsCode, sampleWorkspace, workspace } from './vscode.mjs'
import { until } from './workbench.mjs'

const sample = new URL('../guests/hello-svm/', import.meta.url)
const image = JSON.parse(readFileSync(new URL('pef.json', sample), 'utf8'))
/** Paths as a person writes them: relative, without a variable. */
const launch = (attributes) => ({
  version: '0.2.0',
  configurations: [{ name: 'Debug the guest', type: 'pef', request: 'launch', ...image, ...attributes }],
})
/** Line of a step in the listing of a firmware procedure that is open: looked up in one go, since the editor redraws. */
const lineOfStep = (code, text) =>
  until(
    () =>
      code.page.evaluate((wanted) => {
        const lines = [...document.querySelectorAll('.editor-instance .view-line')]
        const line = lines.find((one) => one.textContent.replaceAll('\u00a0', ' ').includes(wanted))
        const margins = [...document.querySelectorAll('.editor-instance .margin-view-overlays > div')]
        const margin = line && margins.find((one) => one.style.top === line.style.top)
        return Number(margin?.querySelector('.line-numbers')?.textContent ?? 0)
      }, text),
    `the line of ${text}`,
  )

describe('breakpoints', () => {
  let code
  const top = async () => (await code.callStack())[0] ?? ''
  before(async () => {
    code = await openVsCode(sampleWorkspace({ '.vscode/launch.json': launch({ stopOn: 'esm' }) }))
  })
  after(() => code?.close())

  it('stopOn esm stops at the first step of UV_ESM', async () => {
    await code.command('View: Show Run and Debug')
    await code.debug()
    await code.stopped()
    await until(async () => /^UV_ESM \(ultravisor\)/.test(await top()), 'UV_ESM')
    await code.page.locator('.tab', { hasText: 'UV_ESM.steps' }).waitFor()
  })

  it('on a line of a listing stops at that step', async () => {
    const line = await lineOfStep(code, 'H_SVM_INIT_DONE')
    await code.breakpointHere(line)
    await code.screenshot('13-steps-breakpoint')
    await code.focusDebugger()
    await code.press('F5')
    await until(async () => /^UV_ESM.*H_SVM_INIT_DONE/.test(await top()), 'the step of the breakpoint')
    await code.atLine(line)
  })

  it('step over runs what the step calls; step out leads back to the guest', async () => {
    await code.focusDebugger()
    await code.step('F10')
    assert.match(await top(), /^UV_ESM.*partition table entry/)
    await code.step('Shift+F11')
    assert.deepEqual(await code.callStack(), ['_start'])
  })

  it('by the name of an ultracall, of a symbol, and by an address', async () => {
    const runsTo = async (name) => {
      await code.functionBreakpoint(name)
      await code.focusDebugger()
      await code.step('F5')
      return top()
    }
    assert.match(await runsTo('UV_SHARE_PAGE'), /^UV_SHARE_PAGE \(ultravisor\)/)
    assert.equal(await runsTo('ucall_get_file'), 'ucall_get_file')
    const special = async () => (await code.variables('Special registers')).join('\n')
    const [, nia] = await until(async () => /nia =\s*(0x[0-9a-f]+) <ucall_get_file>/.exec(await special()), 'nia')
    assert.equal(await runsTo(`0x${(BigInt(nia) + 4n).toString(16)}`), 'ucall_get_file+0x4')
    await code.screenshot('14-function-breakpoints')
  })
})

describe('a workspace of several folders', () => {
  it('takes the relative paths of a launch.json from its own folder', async () => {
    const folder = workspace({
      'two.code-workspace': { folders: [{ path: 'notes' }, { path: 'guest' }] },
      'notes/readme.txt': 'no image here',
      'guest/.vscode/launch.json': launch({ stopOn: 'entry' }),
    })
    cpSync(sample, join(folder, 'guest'), { recursive: true })
    const code = await openVsCode(folder, 'two.code-workspace')
    try {
      await code.command('View: Show Run and Debug')
      await code.debug()
      await code.stopped()
      assert.deepEqual(await code.callStack(), ['_start'])
      await code.page.locator('.tab', { hasText: 'head.S' }).waitFor()
    } finally {
      await code.close()
    }
  })
})
