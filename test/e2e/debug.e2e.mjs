// The main job in a real VS Code: F5 on the sample image, through UV_ESM, to the end; and what the three views show.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { openVsCode, sampleWorkspace } from './vscode.mjs'
import { until } from './workbench.mjs'

/** Line of the first instruction `sc 2` of the sample. */
const source = readFileSync(new URL('../guests/hello-svm/head.S', import.meta.url), 'utf8').split('\n')
const ULTRACALL_LINE = 1 + source.findIndex((line) => /^\s+sc\s+2\b/.test(line))

/** Texts of the rows of a part of a view, those that are in sight. */
const rowsText = async (view, part) => (await view.locator(`${part} .rows .row`).allTextContents()).join('\n')
const rows = (view) => view.locator('.rows .row').allTextContents()

describe('the sample image', () => {
  let code
  before(async () => {
    code = await openVsCode(sampleWorkspace())
  })
  after(() => code?.close())

  it('is offered by F5 without a launch.json, and stops on its first instruction', async () => {
    await code.breakpointAt('head.S', ULTRACALL_LINE)
    await code.command('View: Show Run and Debug')
    await code.debug()
    assert.match((await code.choices()).join('\n'), /PEF secure VM/)
    await code.choose('PEF secure VM')
    await code.stopped()
    assert.deepEqual(await code.callStack(), ['_start'])
  })

  it('shows registers with a decoded MSR', async () => {
    const special = (await code.variables('Special registers')).join('\n')
    assert.match(special, /msr =\s*0x8000000000001001 privileged: SF ME LE/)
    assert.match(special, /nia =\s*0x0000000000400000 <_start>/)
    await code.screenshot('1-entry')
  })

  it('is shown as instructions in the Disassembly view', async () => {
    await code.command('Open Disassembly View')
    const listing = code.page.locator('.monaco-table.disassembly-view .monaco-list-row')
    await until(async () => /\blis\b/.test((await listing.allTextContents()).join('\n')), 'the disassembly')
    const current = code.page.locator('.disassembly-view .codicon-debug-stackframe')
    await current.first().waitFor()
    await code.screenshot('2-disassembly')
    await code.command('View: Close Editor')
  })

  it('stops at the breakpoint on sc 2', async () => {
    await code.press('F5')
    // The workbench asks for the first frame by itself, and for its callers afterwards.
    await until(
      async () => /^ucall,run_normal \(inlined\),main\+.*,_start/.test((await code.callStack()).join()),
      'the breakpoint and its callers',
    )
  })

  it('has views of the memory partition, the calls and the TPM', async () => {
    await code.command('PEF: Show Memory Partition')
    const memory = await code.view('memory-partition')
    await until(async () => (await rows(memory)).length > 5, 'runs of pages')
    const list = (await rows(memory)).join('\n')
    assert.match(list, /host kernel/)
    assert.match(list, /memory of VM 1/)
    assert.match(await memory.locator('.half.secure svg').getAttribute('aria-label'), /ultravisor/)
    assert.match(await memory.locator('.summary').textContent(), /VM: normal/)

    const calls = await code.view('calls')
    await until(async () => /UV_WRITE_PATE.*U_SUCCESS/.test((await rows(calls)).join('\n')), 'ultracalls')

    const tpm = await code.view('tpm-exchanges')
    const extend = tpm.locator('.rows .row', { hasText: 'TPM2_PCR_Extend' }).first()
    await extend.waitFor()
    assert.match(await extend.textContent(), /\d+ → \d+success/)
    await extend.locator('.twistie').click()
    await tpm.locator('.rows .row', { hasText: 'commandCode' }).first().waitFor()
    assert.match((await rows(tpm)).join('\n'), /commandCode.*00000182/)
    await tpm.locator('[role=tab]', { hasText: 'PCRs' }).click()
    await until(async () => /sha1 0[0-9a-f]{40}.*hostboot/.test(await rowsText(tpm, '#panel-1')), 'the PCRs')
    await tpm.locator('[role=tab]', { hasText: 'Exchanges' }).click()
    await code.screenshot('3-views')
  })

  it('steps into the ultravisor, and on into the hypervisor', async () => {
    await code.focusDebugger()
    await code.press('F11')
    await until(async () => (await code.callStack())[0]?.includes('(ultravisor)'), 'a frame of the ultravisor')
    const stack = await code.callStack()
    assert.match(stack[0], /^UV_ESM/)
    assert.equal(stack[1], 'ucall')
    await code.page.locator('.tab', { hasText: 'UV_ESM.steps' }).waitFor()
    assert.match((await code.variables('Step values')).join('\n'), /kbase =\s*0x400000/)
    await code.screenshot('4-ultravisor')
    for (let i = 0; i < 40 && !(await code.callStack())[0]?.includes('(hypervisor)'); i++) {
      await code.step('F11')
    }
    // VS Code asks for the top frame first, and for the others a moment later.
    const layers = async () =>
      (await code.callStack()).map((frame) => /^\S.* \((\w+)\) —/.exec(frame)?.[1]).filter(Boolean)
    await until(async () => (await layers()).at(-1) === 'ultravisor', 'the frames of the ultravisor below')
    assert.equal((await layers())[0], 'hypervisor')
    await code.screenshot('5-hypervisor')
  })

  it('becomes secure: step out of the ultravisor leads to the first instruction of the secure VM', async () => {
    for (let i = 0; i < 12 && (await code.callStack())[0] !== '_start'; i++) {
      await code.step('Shift+F11')
    }
    assert.deepEqual(await code.callStack(), ['_start'])
    assert.match((await code.variables('Special registers')).join('\n'), /msr =\s*0x8000000000401001 secure privileged/)
    const memory = await code.view('memory-partition')
    await until(async () => /VM: secure/.test((await memory.locator('.summary').textContent()) ?? ''), 'a secure VM')
    assert.match(await memory.locator('.summary').textContent(), /pages changed since the last stop/)
    assert.match(await memory.locator('.half.secure svg').getAttribute('aria-label'), /secure guest/)
    await code.screenshot('6-secure')
  })

  it('runs to its end; console and views keep the story', async () => {
    for (let i = 0; i < 8 && (await code.page.locator('.debug-toolbar').isVisible()); i++) {
      await code.press('F5')
      await code.page.waitForTimeout(1500)
    }
    const calls = await code.view('calls')
    await calls.locator('.status.ended').waitFor()
    const filter = calls.locator('.filter')
    await filter.fill('UV_ESMB_GET_FILE')
    await until(async () => (await rows(calls)).length === 1, 'one call')
    assert.match((await rows(calls))[0], /^UV_ESMB_GET_FILE.*28/)
    await code.screenshot('7-end')
    await filter.fill('reflect system call')
    await calls.locator('.rows .row.reflection', { hasText: 'returned' }).first().click()
    const crossed = calls.locator('table.registers')
    await crossed.first().waitFor()
    assert.match(await crossed.first().locator('caption').textContent(), /to the hypervisor: \d+ kept.*\d+ scrubbed/)
    assert.match((await crossed.first().locator('tbody tr').allTextContents()).join('\n'), /^R3.*0x\w+.*kept$/m)
    await crossed.first().scrollIntoViewIfNeeded()
    await code.screenshot('9-registers')
    await filter.fill('')

    const tpm = await code.view('tpm-exchanges')
    await tpm.locator('#panel-0 .grid').press('End')
    await until(async () => /TPM2_RSA_Decrypt/.test(await rowsText(tpm, '#panel-0')), 'the exchanges of UV_ESM')

    await code.command('Debug Console: Focus on Debug Console View')
    await until(async () => /hello-svm: done/.test(await code.console()), 'the console of the VM')
    assert.match(await code.console(), /the VM switched itself off/)
    await code.screenshot('8-console')
  })
})
