// Going back in time in a real VS Code, by its own buttons and those of the extension.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { openVsCode, sampleWorkspace } from './vscode.mjs'
import { until } from './workbench.mjs'

describe('a run that has become secure', () => {
  let code
  let place
  before(async () => {
    code = await openVsCode(sampleWorkspace())
  })
  after(() => code?.close())

  const statusBar = async () => (await code.page.locator('.statusbar-item[id*="pef.timeline"]').textContent()) ?? ''
  const button = (label) => code.page.locator(`.debug-toolbar .action-label[aria-label^="${label}"]`)

  it('says in the status bar where it is', async () => {
    await code.command('View: Show Run and Debug')
    await code.debug()
    await code.choose('PEF secure VM')
    await code.stopped()
    await code.functionBreakpoint('svm')
    await code.focusDebugger()
    await code.press('F5')
    await until(async () => /secure privileged/.test((await code.variables('Special registers')).join()), 'a secure VM')
    await until(async () => /^ ?[\d,]+$/.test((await statusBar()).trim()), 'the place in the run')
    place = (await statusBar()).trim()
  })

  it('goes back by one step to the sc 2 of the normal VM, and forward again', async () => {
    await button('Step Back').click()
    await until(async () => (await code.callStack())[0] === 'ucall', 'the ultracall')
    assert.doesNotMatch((await code.variables('Special registers')).join(), /secure privileged/)
    await until(async () => (await statusBar()).includes(` of ${place}`), 'a place in the past')
    await code.screenshot('time-travel')
    await code.press('F5')
    await until(async () => (await code.callStack())[0] === '_start', 'the secure VM again')
    await until(async () => (await statusBar()).trim() === place, 'the end of the known run')
  })

  it('goes back through the firmware by Reverse Step Into, and out of it by Reverse Step Out', async () => {
    await button('Reverse Step Into').click()
    await until(async () => (await code.callStack())[0]?.includes('(ultravisor)'), 'the last step of UV_ESM')
    for (let i = 0; i < 6 && (await code.callStack())[0] !== 'ucall'; i++) {
      const before = await code.callStack()
      await until(async () => {
        // A click that comes while the toolbar changes gets lost.
        await button('Reverse Step Out').click()
        for (let wait = 0; wait < 30; wait++) {
          const now = (await code.callStack()).join()
          if (now !== '' && now !== before.join()) return true
          await code.page.waitForTimeout(100)
        }
        return false
      }, 'another place')
    }
    await until(async () => (await code.callStack())[0] === 'ucall', 'the ultracall')
  })

  it('goes to an instruction that is typed', async () => {
    const input = code.page.locator('.quick-input-widget input[type=text]')
    // The editor may take the focus once more when the stop before is shown, and that closes the box.
    await until(async () => {
      if ((await statusBar()).includes(' 3 of ')) return true
      await code.page.locator('.statusbar-item[id*="pef.timeline"] a').click()
      await input.fill('3', { timeout: 3000 }).catch(() => undefined)
      await input.press('Enter', { timeout: 1000 }).catch(() => undefined)
      return until(async () => (await statusBar()).includes(' 3 of '), 'instruction 3', 3000).catch(() => false)
    }, 'instruction 3')
    await until(
      async () => /^_start\+0xc$/.test((await code.callStack()).join()),
      'the fourth instruction of the guest',
    )
  })

  it('goes to a call that is chosen in the view of calls', async () => {
    await code.command('PEF: Show Calls')
    const calls = await code.view('calls')
    await calls.locator('.filter').fill('UV_ESM')
    await calls.locator('.rows .row', { hasText: 'UV_ESM' }).first().click()
    await calls.locator('.details .go-there').click()
    await until(async () => (await code.callStack())[0] === 'ucall', 'the ultracall of the guest')
    await code.screenshot('time-travel-calls')
  })
})
