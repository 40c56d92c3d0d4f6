// What a person does in VS Code, as functions.
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const screenshots = fileURLToPath(new URL('screenshots/', import.meta.url))
const WAIT = 30_000

export class Workbench {
  constructor(page, close) {
    this.page = page
    this.close = close
    page.setDefaultTimeout(WAIT)
  }

  async ready() {
    await this.page.waitForSelector('.monaco-workbench .explorer-folders-view .monaco-list-row', { timeout: 90_000 })
  }

  /** Runs a command of the palette by its whole title. */
  async command(title) {
    const { page } = this
    const input = page.locator('.quick-input-widget input[type=text]')
    // A key that comes while the workbench is busy gets lost.
    await until(async () => {
      await page.keyboard.press('F1')
      return input.isVisible()
    }, `the command palette for ${title}`)
    await input.fill(`>${title}`)
    // Enter would take the first fuzzy match, which may be another command.
    const labels = page.locator('.quick-input-widget .monaco-list-row .label-name')
    await until(async () => {
      const at = (await labels.allTextContents()).findIndex((text) => text.replaceAll('\u00a0', ' ') === title)
      if (at >= 0) await labels.nth(at).click()
      return at >= 0
    }, `the command ${title}`)
    await until(
      async () => (await input.inputValue().catch(() => '')) !== `>${title}` || !(await input.isVisible()),
      title,
    )
  }

  /** Opens a file of the workspace in an editor. */
  async open(name) {
    const { page } = this
    const input = page.locator('.quick-input-widget input[type=text]')
    await until(async () => {
      await page.keyboard.press('Control+P')
      return input.isVisible()
    }, `quick open for ${name}`)
    await input.fill(name)
    await page.locator('.quick-input-widget .monaco-list-row', { hasText: name }).first().click()
    await page.locator('.tab', { hasText: name }).first().waitFor()
  }

  /** F5: until something comes of it, since a key that comes before the debuggers are known gets lost. */
  async debug() {
    const { page } = this
    const answers = [
      '.quick-input-widget .monaco-list-row',
      '.debug-toolbar',
      '.notifications-toasts .notification-list-item',
    ]
    await until(async () => {
      await page.keyboard.press('F5')
      for (let i = 0; i < 20; i++) {
        for (const answer of answers) if (await page.locator(answer).first().isVisible()) return true
        await page.waitForTimeout(250)
      }
      return false
    }, 'what F5 brings')
  }

  /** Choices of the pick list that is open. */
  async choices() {
    const rows = this.page.locator('.quick-input-widget .monaco-list-row')
    await rows.first().waitFor()
    return rows.allInnerTexts()
  }

  async choose(text) {
    await this.page.locator('.quick-input-widget .monaco-list-row', { hasText: text }).first().click()
  }

  /** Waits until the debugger stands. */
  async stopped() {
    await this.page.locator('.debug-toolbar .codicon-debug-continue').waitFor({ timeout: 60_000 })
  }

  async callStack() {
    return this.page.locator('.debug-call-stack .monaco-list-row .stack-frame .label').allInnerTexts()
  }

  /** Texts of the Variables view with one scope open and the others closed: the list holds only what is in sight. */
  async variables(scope) {
    const { page } = this
    const rows = page.locator('.debug-variables .monaco-list-row')
    const scopes = page.locator('.debug-variables .monaco-list-row[aria-level="1"]')
    const timeout = 2000
    return await until(async () => {
      try {
        for (const wanted of ['false', 'true']) {
          for (let i = 0; i < (await scopes.count()); i++) {
            const row = scopes.nth(i)
            const open = String((await row.textContent({ timeout })).includes(scope))
            if (open !== wanted || (await row.getAttribute('aria-expanded', { timeout })) === wanted) continue
            await row.locator('.monaco-tl-twistie').click({ timeout })
            await page.waitForTimeout(300)
          }
        }
        await page.waitForTimeout(500)
        const open = page.locator('.debug-variables .monaco-list-row[aria-level="1"][aria-expanded="true"]')
        if ((await open.count()) !== 1 || !(await open.textContent({ timeout })).includes(scope)) return undefined
        const texts = await rows.allInnerTexts()
        return texts.length > (await scopes.count()) ? texts : undefined
      } catch (error) {
        // After a stop the workbench draws the list anew, and what was in it is gone.
        if (error.name === 'TimeoutError') return undefined
        throw error
      }
    }, `the variables of ${scope}`)
  }

  /** Sets a breakpoint on a line of a file. */
  async breakpointAt(file, line) {
    await this.open(file)
    await this.breakpointHere(line)
  }

  /** Sets a breakpoint on a line of the editor that is open; it has no other in sight. */
  async breakpointHere(line) {
    const { page } = this
    await this.goTo(line)
    // Until the manifests are read no language has breakpoints.
    const mark = page.locator('.glyph-margin-widgets [class*="codicon-debug-breakpoint"]').first()
    await until(async () => {
      await page.keyboard.press('F9')
      return mark.waitFor({ timeout: 2000 }).then(
        () => true,
        () => false,
      )
    }, `a breakpoint on line ${line}`)
  }

  /** Opens the menu of quick fixes at the cursor. @returns the first of them */
  async quickFixes() {
    const menu = this.page.locator('.action-widget .monaco-list-row.action').first()
    await until(async () => {
      await this.press('Control+.')
      await this.page.waitForTimeout(1000)
      return menu.isVisible()
    }, 'the quick fixes')
    return menu
  }

  /** Adds a function breakpoint as a person does in the Breakpoints view. */
  async functionBreakpoint(name) {
    const { page } = this
    await this.command('Add Function Breakpoint')
    // The view is small, and what is not in sight is not there: it is scrolled to its end.
    const inSight = (wanted, what) =>
      until(async () => {
        await page.locator('.debug-breakpoints').hover()
        await page.mouse.wheel(0, 1000)
        return wanted.isVisible()
      }, what)
    const input = page.locator('.debug-breakpoints .inputBoxContainer input').first()
    await inSight(input, 'the name of the breakpoint')
    await input.fill(name)
    await input.press('Enter')
    await inSight(
      page.locator('.debug-breakpoints .monaco-list-row', { hasText: name }).first(),
      `the breakpoint ${name}`,
    )
  }

  /** Waits until the cursor is on a line. */
  async atLine(line) {
    const bar = this.page.locator('.statusbar')
    await until(async () => (await bar.textContent())?.includes(`Ln ${line},`), `the cursor on line ${line}`)
  }

  /** Puts the cursor to a place of the editor that is open. */
  async goTo(line, column) {
    const { page } = this
    const input = page.locator('.quick-input-widget input[type=text]')
    const bar = page.locator('.statusbar')
    // An editor that has just opened may not have the focus yet: then the line is one of another editor, or of none.
    await until(async () => {
      await page.keyboard.press('Control+G')
      await input.waitFor({ timeout: 2000 }).catch(() => undefined)
      if (!(await input.isVisible())) return false
      await input.fill(column === undefined ? `:${line}` : `:${line}:${column}`)
      await page.keyboard.press('Enter')
      await page.waitForTimeout(500)
      return (await bar.textContent())?.includes(`Ln ${line},`)
    }, `the cursor on line ${line}`)
  }

  /** Text of the editor that is open, as far as it is in sight, with its hints. */
  async text() {
    const lines = await this.page.locator('.editor-instance .view-lines .view-line').allTextContents()
    return lines.join('\n').replaceAll('\u00a0', ' ')
  }

  async console() {
    return (await this.page.locator('.repl .monaco-list-row').allInnerTexts()).join('\n')
  }

  async notification() {
    const toast = this.page.locator('.notifications-toasts .notification-list-item').first()
    await toast.waitFor()
    return (await toast.textContent()).trim()
  }

  /** A step that changes the call stack; while the machine runs the list is empty. */
  async step(key) {
    const before = (await this.callStack()).join('\n')
    await this.press(key)
    await until(async () => {
      const now = (await this.callStack()).join('\n')
      return now !== '' && now !== before
    }, `another call stack after ${key}`)
  }

  /** Puts the keys where they mean the debugger: a webview that has the focus would keep some. */
  async focusDebugger() {
    await this.page.locator('.debug-call-stack .monaco-list-row').first().click()
  }

  async press(key) {
    await this.page.keyboard.press(key)
  }

  /** The inner frame of a webview view, by the name of its style sheet. */
  async view(name) {
    let found
    await until(async () => {
      for (const frame of this.page.frames()) {
        if (frame === this.page.mainFrame()) continue
        const mine = await frame
          .locator(`link[href*="/${name}.css"]`)
          .count()
          .catch(() => 0)
        if (mine > 0) found = frame
      }
      return found !== undefined
    }, `the view ${name}`)
    return found
  }

  async screenshot(name) {
    mkdirSync(screenshots, { recursive: true })
    await this.page.screenshot({ path: `${screenshots}${name}.png` })
  }
}

/** Waits until something holds. @returns what it gave */
export async function until(check, what, timeout = WAIT) {
  const end = Date.now() + timeout
  let last
  for (;;) {
    last = await check()
    if (last) return last
    if (Date.now() > end) throw new Error(`Waited ${timeout / 1000} s for ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}
