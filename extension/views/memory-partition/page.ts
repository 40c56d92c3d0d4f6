import { element, svgElement } from '../common/dom.ts'
import { bytesText, countText, pagesText } from '../common/numbers.ts'
import { connect, Page, PageState } from '../common/page.ts'
import { type Row, TreeGrid } from '../common/tree-grid.ts'
import type { HostMessage, MapMessage } from './messages.ts'
import { pageStates } from './page-states.ts'
import {
  type Change,
  changes,
  type Half,
  halves,
  isSecure,
  layOut,
  PAGE_BYTES,
  type Run,
  realAddress,
  toRuns,
} from './partition.ts'

const OWNERS = ['firmware', 'ultravisor', 'hypervisor', 'guest', 'secure guest'] as const
const BAR_HEIGHT = 26
/** Room for a label inside a box of a bar. */
const LABEL_CHARACTER = 6.2

const page = new Page(
  'The memory partition: normal and secure memory of the machine to scale, who owns each page, and what changed since the last stop.',
)
const state = new PageState<{ selected?: string; scrollTop: number; onlyChanges: boolean }>({
  scrollTop: 0,
  onlyChanges: false,
})

const bars = element('div', { class: 'bars' })
const legend = element('div', { class: 'legend', 'aria-hidden': 'true' })
const details = element('div', { class: 'details', 'aria-live': 'polite' })
const onlyChanges = element('input', { type: 'checkbox' })
onlyChanges.checked = state.value.onlyChanges
onlyChanges.addEventListener('change', () => {
  state.set({ onlyChanges: onlyChanges.checked })
  if (shown) show(shown)
})
const summary = element('span', { class: 'summary' })
page.toolbar.append(summary, element('label', { class: 'push' }, onlyChanges, 'Only changes'))

const grid = new TreeGrid({
  label: 'Runs of pages',
  columns: [
    { title: 'Real address', class: 'code' },
    { title: 'Pages', class: 'number' },
    { title: 'Owner' },
    { title: 'Use', class: 'wide' },
    { title: 'GPA', class: 'code' },
    { title: 'State' },
  ],
  empty: 'Nothing changed since the last stop.',
  select: (id) => {
    state.set({ selected: id })
    mark()
    describe()
  },
  toggle: () => {},
})
page.content.append(bars, legend, grid.element, details)

let shown: MapMessage | undefined
let rowsById = new Map<string, { readonly run?: Run; readonly changes: readonly Change[] }>()
let restored = false

connect<HostMessage>((message) => {
  if (message.kind === 'status') page.status(message)
  else show(message)
})
new ResizeObserver(() => shown && drawBars(shown)).observe(bars)

function show(message: MapMessage): void {
  shown = message
  const { map, before } = message
  const changed = before ? changes(toRuns(before.runs), toRuns(map.runs)) : []
  summary.textContent = `VM: ${map.vmState}${changed.length > 0 ? ` · ${changedText(changed)} since the last stop` : ''}`
  drawBars(message)
  drawList(message, changed)
  if (!restored) {
    restored = true
    if (state.value.selected !== undefined && rowsById.has(state.value.selected)) grid.select(state.value.selected)
    grid.scrollTo(state.value.scrollTop)
    grid.element.addEventListener('scroll', () => state.set({ scrollTop: grid.scrollTop }), { passive: true })
  }
  describe()
}

function changedText(changed: readonly Change[]): string {
  return `${pagesText(changed.reduce((sum, { pages }) => sum + pages, 0))} changed`
}

function drawBars({ map, before }: MapMessage): void {
  const { normal, secure } = halves(map)
  const changed = before ? changes(toRuns(before.runs), toRuns(map.runs)) : []
  bars.replaceChildren(...[secure, normal].map((half) => drawBar(half, changed)))
  const used = new Set(map.runs.map(({ owner }) => owner))
  const entries = OWNERS.filter((owner) => used.has(owner)).map((owner) => legendEntry(ownerClass(owner), owner))
  if (changed.length > 0) entries.push(legendEntry('changed', 'changed'))
  legend.replaceChildren(...entries)
}

function legendEntry(style: string, text: string): HTMLElement {
  return element('span', { class: 'entry' }, element('span', { class: `swatch ${style}` }), text)
}

function drawBar(half: Half, changed: readonly Change[]): HTMLElement {
  const width = Math.max(80, bars.clientWidth)
  const name = half.secure ? 'Secure memory' : 'Normal memory'
  const total = half.pages * PAGE_BYTES
  const text = `${name} · ${bytesText(total)} · ${bytesText(half.freePages * PAGE_BYTES)} free · from ${realAddress(half.first)}`
  const boxes = layOut(half.runs, half, width, looks).map(({ x, width, item }) => box(x, width, item))
  const own = changed.filter(({ first }) => isSecure(first) === half.secure)
  const marks = layOut(own, half, width, () => '').map(({ x, width }) =>
    svgElement('rect', { class: 'change', x, y: BAR_HEIGHT - 3, width, height: 3 }),
  )
  const drawing = svgElement(
    'svg',
    { width, height: BAR_HEIGHT, role: 'img', 'aria-label': `${text}. ${inWords(half)}` },
    svgElement('rect', { class: 'free', width, height: BAR_HEIGHT - 4 }),
    ...boxes,
    ...marks,
  )
  drawing.addEventListener('click', (event) => {
    const id = (event.target as Element).closest('[data-id]')?.getAttribute('data-id')
    if (id) grid.select(id)
  })
  return element(
    'figure',
    { class: half.secure ? 'half secure' : 'half' },
    element('figcaption', {}, element('strong', {}, name), text.slice(name.length)),
    drawing,
  )
}

/** What a bar shows, for who cannot see it. */
function inWords({ runs }: Half): string {
  const sums = new Map<string, number>()
  for (const { pages, run } of runs) sums.set(run.owner, (sums.get(run.owner) ?? 0) + pages)
  return [...sums].map(([owner, pages]) => `${owner} ${bytesText(pages * PAGE_BYTES)}`).join(', ')
}

function looks({ run }: Run): string {
  return `${run.owner} ${sharing(run.state)}`
}

function ownerClass(owner: string): string {
  return `owner-${owner.replace(' ', '-')}`
}

/** Pages that the hypervisor can read, or that are not there, are drawn differently. */
function sharing(state: string | undefined): string {
  if (state === undefined || state === 'SECURE') return ''
  return state === 'PAGEDOUT' ? 'paged-out' : /SHAR/.test(state) ? 'shared' : ''
}

function box(x: number, width: number, { run, pages }: Run): SVGElement {
  const label = `${run.owner}: ${run.use}`
  const short = [label, run.use, run.owner].find((text) => text.length * LABEL_CHARACTER + 8 < width)
  const title = svgElement('title', {}, `${label}\n${run.ra}, ${pagesText(pages)} (${bytesText(pages * PAGE_BYTES)})`)
  const classes = ['run', ownerClass(run.owner), sharing(run.state), run.ra === state.value.selected && 'selected']
  return svgElement(
    'g',
    { class: classes.filter(Boolean).join(' '), 'data-id': run.ra },
    title,
    svgElement('rect', { x, y: 0, width, height: BAR_HEIGHT - 4 }),
    short === undefined
      ? undefined
      : svgElement('text', { x: x + width / 2, y: BAR_HEIGHT / 2 - 1, 'dominant-baseline': 'middle' }, short),
  )
}

/** Only the mark of the selected run changes. */
function mark(): void {
  for (const one of bars.querySelectorAll('[data-id]'))
    one.classList.toggle('selected', one.getAttribute('data-id') === state.value.selected)
}

function drawList({ map }: MapMessage, changed: readonly Change[]): void {
  rowsById = new Map()
  const rows: Row[] = []
  const runs = toRuns(map.runs)
  let next = 0
  for (const run of runs) {
    const touching: Change[] = []
    for (; next < changed.length && changed[next]!.first < run.first + run.pages; next++) {
      const change = changed[next]!
      if (change.after === undefined) rows.push(freedRow(change))
      else touching.push(change)
    }
    if (onlyChanges.checked && touching.length === 0) continue
    rows.push(runRow(run, touching))
  }
  for (; next < changed.length; next++) rows.push(freedRow(changed[next]!))
  grid.setRows(rows)
}

function runRow(run: Run, touching: readonly Change[]): Row {
  const { ra, owner, use, gpa, state } = run.run
  rowsById.set(ra, { run, changes: touching })
  const some = touching.reduce((sum, { pages }) => sum + pages, 0)
  const mark = some === 0 ? '' : some === run.pages ? ' ●' : ` ●${countText(some)}`
  return {
    id: ra,
    level: 1,
    class: some > 0 ? 'changed' : '',
    cells: [
      { text: ra },
      {
        text: countText(run.pages) + mark,
        title: `${pagesText(run.pages)}, ${bytesText(run.pages * PAGE_BYTES)}${some ? `, ${countText(some)} changed` : ''}`,
      },
      { text: owner, class: `owner ${ownerClass(owner)}` },
      { text: use },
      { text: gpa ?? '' },
      { text: state ?? '' },
    ],
  }
}

function freedRow(change: Change): Row {
  const ra = realAddress(change.first)
  const id = `free ${ra}`
  rowsById.set(id, { changes: [change] })
  return {
    id,
    level: 1,
    class: 'changed freed',
    cells: [
      { text: ra },
      { text: `${countText(change.pages)} ●` },
      { text: 'free' },
      { text: `was ${change.before?.owner}: ${change.before?.use}` },
      { text: '' },
      { text: '' },
    ],
  }
}

/** What is known of the selected run, in whole sentences. */
function describe(): void {
  const found = state.value.selected === undefined ? undefined : rowsById.get(state.value.selected)
  details.hidden = !found
  if (!found) return
  const lines: HTMLElement[] = []
  if (found.run) {
    const { first, pages, run } = found.run
    const last = realAddress(first + pages)
    const vm =
      run.lpid === undefined ? '' : `, VM ${run.lpid}${run.gpa === undefined ? '' : ` at guest address ${run.gpa}`}`
    lines.push(
      element(
        'p',
        {},
        element('strong', {}, `${run.owner}: ${run.use}`),
        ` — ${run.ra} to ${last}, ${pagesText(pages)} (${bytesText(pages * PAGE_BYTES)})${vm}` +
          (run.state === undefined ? '' : `. State ${run.state}: ${pageStates[run.state] ?? 'not known here'}`),
      ),
    )
  }
  for (const { first, pages, before, after } of found.changes.slice(0, 50))
    lines.push(
      element(
        'p',
        { class: 'change' },
        `${realAddress(first)}, ${pagesText(pages)}: ${stateText(before)} → ${stateText(after)}`,
      ),
    )
  if (found.changes.length > 50)
    lines.push(element('p', {}, `and ${countText(found.changes.length - 50)} more changes`))
  details.replaceChildren(...lines)
}

function stateText(run: Change['before']): string {
  return run ? [run.owner, run.use, run.state].filter(Boolean).join(', ') : 'free'
}
