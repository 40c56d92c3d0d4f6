/**
 * A list of rows with columns and levels. Only the rows in sight are in the page, so a log of any length scrolls.
 * It is an ARIA treegrid: arrow keys move and open, and a screen reader hears row, level and position.
 */
import { element } from './dom.ts'

export interface Cell {
  readonly text: string
  readonly class?: string
  /** Shown while the pointer rests on it, where the text may be cut off. */
  readonly title?: string
}

export interface Row {
  /** Stable: selection and open rows are kept by it. */
  readonly id: string
  /** From 1 on. */
  readonly level: number
  /** Undefined where there is nothing inside. */
  readonly open?: boolean
  readonly class?: string
  readonly cells: readonly Cell[]
}

export interface Column {
  readonly title: string
  readonly class?: string
}

export interface TreeGridOptions {
  readonly label: string
  readonly columns: readonly Column[]
  /** The column that carries indentation and the mark to open; undefined where rows have no levels. */
  readonly treeColumn?: number
  /** Shown in place of rows where there are none. */
  readonly empty: string
  select(id: string | undefined): void
  toggle(id: string, open: boolean): void
}

const ROW_HEIGHT = 22
/** Rows made above and below the visible ones, so that scrolling shows no gap. */
const MARGIN = 12

export class TreeGrid {
  readonly element: HTMLElement
  readonly #viewport: HTMLElement
  readonly #body = element('div', { class: 'rows', role: 'rowgroup' })
  readonly #empty: HTMLElement
  #rows: readonly Row[] = []
  #positions = new Map<string, number>()
  #selected: string | undefined
  #scheduled = false

  constructor(private readonly options: TreeGridOptions) {
    const headings = options.columns.map((column) =>
      element('div', { class: `cell ${column.class ?? ''}`, role: 'columnheader' }, column.title),
    )
    const header = element(
      'div',
      { class: 'header', role: 'rowgroup' },
      element('div', { class: 'row', role: 'row' }, ...headings),
    )
    this.#empty = element('p', { class: 'empty' }, options.empty)
    this.#viewport = element(
      'div',
      { class: 'grid', role: 'treegrid', tabindex: 0, 'aria-label': options.label, 'aria-colcount': headings.length },
      header,
      this.#body,
      this.#empty,
    )
    this.element = this.#viewport
    this.#viewport.addEventListener('scroll', () => this.#schedule())
    this.#viewport.addEventListener('keydown', (event) => this.#key(event))
    this.#body.addEventListener('mousedown', (event) => this.#click(event))
    new ResizeObserver(() => this.#schedule()).observe(this.#viewport)
  }

  get selected(): string | undefined {
    return this.#selected
  }

  /** Is the last row in sight? Then it makes sense to follow what is added. */
  get atEnd(): boolean {
    const { scrollTop, clientHeight, scrollHeight } = this.#viewport
    return scrollTop + clientHeight >= scrollHeight - ROW_HEIGHT
  }

  get scrollTop(): number {
    return this.#viewport.scrollTop
  }

  setRows(rows: readonly Row[], follow = false): void {
    this.#rows = rows
    this.#positions = new Map(rows.map(({ id }, index) => [id, index]))
    this.#viewport.setAttribute('aria-rowcount', String(rows.length + 1))
    this.#body.style.height = `${rows.length * ROW_HEIGHT}px`
    this.#empty.hidden = rows.length > 0
    if (follow) this.#viewport.scrollTop = this.#viewport.scrollHeight
    this.#schedule()
  }

  scrollTo(top: number): void {
    this.#viewport.scrollTop = top
  }

  /** Selects a row and brings it into sight. */
  select(id: string | undefined): void {
    this.#selected = id
    const index = id === undefined ? undefined : this.#positions.get(id)
    if (index !== undefined) this.#reveal(index)
    this.#schedule()
    this.options.select(id)
  }

  #reveal(index: number): void {
    const header = this.#viewport.firstElementChild!.clientHeight
    const top = index * ROW_HEIGHT
    const { scrollTop, clientHeight } = this.#viewport
    if (top < scrollTop) this.#viewport.scrollTop = top
    else if (top + ROW_HEIGHT > scrollTop + clientHeight - header)
      this.#viewport.scrollTop = top + ROW_HEIGHT - clientHeight + header
  }

  /** Many changes in a row become one drawing. */
  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    requestAnimationFrame(() => {
      this.#scheduled = false
      this.#draw()
    })
  }

  #draw(): void {
    const { scrollTop, clientHeight } = this.#viewport
    const first = Math.max(0, Math.floor(scrollTop / ROW_HEIGHT) - MARGIN)
    const last = Math.min(this.#rows.length, Math.ceil((scrollTop + clientHeight) / ROW_HEIGHT) + MARGIN)
    const made: HTMLElement[] = []
    for (let index = first; index < last; index++) made.push(this.#make(this.#rows[index]!, index))
    this.#body.replaceChildren(...made)
    const active = this.#selected === undefined ? undefined : this.#positions.get(this.#selected)
    if (active !== undefined && active >= first && active < last)
      this.#viewport.setAttribute('aria-activedescendant', rowId(active))
    else this.#viewport.removeAttribute('aria-activedescendant')
  }

  #make(row: Row, index: number): HTMLElement {
    const cells = row.cells.map((cell, column) => {
      const text = element(
        'div',
        {
          class: ['cell', this.options.columns[column]?.class, cell.class].filter(Boolean).join(' '),
          role: 'gridcell',
          title: cell.title ?? cell.text,
        },
        ...(column === this.options.treeColumn ? [twistie(row)] : []),
        cell.text,
      )
      if (column === this.options.treeColumn) text.style.paddingLeft = `${(row.level - 1) * 14 + 2}px`
      return text
    })
    const selected = row.id === this.#selected
    const made = element(
      'div',
      {
        id: rowId(index),
        class: ['row', row.class, selected && 'selected'].filter(Boolean).join(' '),
        role: 'row',
        'aria-level': row.level,
        'aria-rowindex': index + 2,
        'aria-selected': selected ? 'true' : 'false',
        ...(row.open !== undefined && { 'aria-expanded': row.open ? 'true' : 'false' }),
        'data-index': index,
      },
      ...cells,
    )
    made.style.transform = `translateY(${index * ROW_HEIGHT}px)`
    return made
  }

  #click(event: MouseEvent): void {
    if (event.button !== 0) return
    const target = event.target as Element
    const index = Number(target.closest<HTMLElement>('[data-index]')?.dataset['index'])
    const row = this.#rows[index]
    if (!row) return
    this.#viewport.focus({ preventScroll: true })
    event.preventDefault()
    this.select(row.id)
    if (row.open !== undefined && (event.detail === 2 || target.classList.contains('twistie')))
      this.options.toggle(row.id, !row.open)
  }

  #key(event: KeyboardEvent): void {
    if (event.altKey || event.ctrlKey || event.metaKey) return
    const at = this.#selected === undefined ? -1 : (this.#positions.get(this.#selected) ?? -1)
    const page = Math.max(1, Math.floor(this.#viewport.clientHeight / ROW_HEIGHT) - 2)
    const go = (index: number) => {
      const row = this.#rows[Math.max(0, Math.min(this.#rows.length - 1, index))]
      if (row) this.select(row.id)
    }
    const row = this.#rows[at]
    const keys: Record<string, () => void> = {
      ArrowDown: () => go(at + 1),
      ArrowUp: () => go(at - 1),
      PageDown: () => go(at + page),
      PageUp: () => go(at - page),
      Home: () => go(0),
      End: () => go(this.#rows.length - 1),
      ArrowRight: () => {
        if (row?.open === false) this.options.toggle(row.id, true)
        else if (row?.open) go(at + 1)
      },
      ArrowLeft: () => {
        if (row?.open) this.options.toggle(row.id, false)
        else if (row) go(this.#parent(at))
      },
      Enter: () => row?.open !== undefined && this.options.toggle(row.id, !row.open),
      ' ': () => row?.open !== undefined && this.options.toggle(row.id, !row.open),
    }
    const act = keys[event.key]
    if (!act) return
    event.preventDefault()
    act()
  }

  #parent(index: number): number {
    const { level } = this.#rows[index]!
    for (let at = index - 1; at >= 0; at--) if (this.#rows[at]!.level < level) return at
    return index
  }
}

/** The page has one or several grids; ids only have to be unique among rows that are drawn. */
function rowId(index: number): string {
  return `row-${index}`
}

function twistie({ open }: Row): HTMLElement {
  return element('span', {
    class: `twistie ${open === undefined ? '' : open ? 'open' : 'closed'}`,
    'aria-hidden': 'true',
  })
}
