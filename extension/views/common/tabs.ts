import { element } from '../common/dom.ts'

export interface Tab {
  readonly title: string
  readonly content: readonly HTMLElement[]
}

/** Tabs after the ARIA pattern: arrow keys change the tab, only the one that is shown can be reached. */
export class Tabs {
  readonly bar = element('div', { class: 'tabs push', role: 'tablist' })
  readonly panels: readonly HTMLElement[]
  readonly #buttons: readonly HTMLButtonElement[]

  constructor(
    tabs: readonly Tab[],
    selected: number,
    private readonly changed: (index: number) => void,
  ) {
    this.#buttons = tabs.map(({ title }, index) => {
      const button = element(
        'button',
        { type: 'button', role: 'tab', id: `tab-${index}`, 'aria-controls': `panel-${index}` },
        title,
      )
      button.addEventListener('click', () => this.#show(index))
      return button
    })
    this.panels = tabs.map(({ content }, index) =>
      element(
        'section',
        { class: 'panel', role: 'tabpanel', id: `panel-${index}`, 'aria-labelledby': `tab-${index}` },
        ...content,
      ),
    )
    this.bar.append(...this.#buttons)
    this.bar.addEventListener('keydown', ({ key }) => {
      const by = { ArrowRight: 1, ArrowLeft: -1 }[key]
      if (by === undefined) return
      const next = (this.#selected + by + tabs.length) % tabs.length
      this.#show(next)
      this.#buttons[next]!.focus()
    })
    this.#show(tabs[selected] ? selected : 0)
  }

  get #selected(): number {
    return this.#buttons.findIndex((button) => button.getAttribute('aria-selected') === 'true')
  }

  #show(index: number): void {
    for (const [i, button] of this.#buttons.entries()) {
      button.setAttribute('aria-selected', i === index ? 'true' : 'false')
      button.tabIndex = i === index ? 0 : -1
      this.panels[i]!.hidden = i !== index
    }
    this.changed(index)
  }
}
