import { element } from '../common/dom.ts'
import { countText } from '../common/numbers.ts'
import { connect, goThere, Page, PageState } from '../common/page.ts'
import { type Row, TreeGrid } from '../common/tree-grid.ts'
import {
  type CallRow,
  CallRows,
  type CrossedRegister,
  crossedText,
  filterRows,
  type NamedValue,
  unfoldedRows,
} from './call-rows.ts'
import type { HostMessage } from './messages.ts'

const page = new Page(
  'The calls across the barrier: ultracalls, hypercalls and what the ultravisor reflects, nested as they happen, with arguments and results by name.',
)
const state = new PageState<{ filter: string; folded: readonly number[]; selected?: string }>({
  filter: '',
  folded: [],
})

const filter = element('input', {
  type: 'search',
  class: 'filter push',
  placeholder: 'Filter: name, argument, result',
  'aria-label': 'Filter calls by name, argument or result',
})
filter.value = state.value.filter
filter.addEventListener('input', () => {
  state.set({ filter: filter.value })
  draw(false)
})
const summary = element('span', { class: 'summary' })
page.toolbar.append(summary, filter)

const grid = new TreeGrid({
  label: 'Calls',
  columns: [
    { title: 'Call', class: 'wide' },
    { title: 'Arguments', class: 'code arguments' },
    { title: 'Result', class: 'code' },
    { title: 'Instructions', class: 'number' },
  ],
  treeColumn: 0,
  empty: 'No calls.',
  select: (id) => {
    state.set({ selected: id })
    describe()
  },
  toggle: (id, open) => {
    const folded = new Set(state.value.folded)
    if (open) folded.delete(Number(id))
    else folded.add(Number(id))
    state.set({ folded: [...folded] })
    draw(false)
  },
})
const details = element('div', { class: 'details', 'aria-live': 'polite', hidden: true })
page.content.append(grid.element, details)

let calls = new CallRows()
let newFrom = 0
let skipped = 0

connect<HostMessage>((message) => {
  switch (message.kind) {
    case 'status':
      page.status(message)
      break
    case 'reset':
      calls = new CallRows()
      draw(false)
      break
    case 'records':
      for (const record of message.records) calls.add(record)
      newFrom = message.newFrom
      skipped = message.skipped
      draw(true)
  }
})

function draw(grown: boolean): void {
  const follow = grown && grid.atEnd
  const filtered = filterRows(calls.rows, state.value.filter)
  const folded = new Set(state.value.folded)
  grid.setRows(
    unfoldedRows(filtered, folded).map((row) => gridRow(row, folded)),
    follow,
  )
  const refusals = calls.rows.filter(({ kind }) => kind === 'refusal').length
  summary.textContent = [
    state.value.filter
      ? `${countText(filtered.length)} of ${countText(calls.rows.length)}`
      : `${countText(calls.rows.length)} call${calls.rows.length === 1 ? '' : 's'}`,
    refusals > 0 ? `· ${countText(refusals)} refused` : '',
    skipped > 0 ? `· ${countText(skipped)} older records left out` : '',
  ]
    .filter(Boolean)
    .join(' ')
  describe()
}

/** Names of calls begin with UV_ or H_: only the others need a mark. */
const MARKS: Readonly<Partial<Record<CallRow['kind'], string>>> = { reflection: '↷ ', refusal: '✕ ', 'vm-state': '● ' }

function gridRow(row: CallRow, folded: ReadonlySet<number>): Row {
  const { seq, kind, depth, name, args, result, at, hasChildren } = row
  const values = result?.values.length ? ` ${listText(result.values)}` : ''
  return {
    id: String(seq),
    level: depth + 1,
    ...(hasChildren && { open: !folded.has(seq) }),
    class: [kind, result?.failed && 'failed', seq >= newFrom && 'new'].filter(Boolean).join(' '),
    cells: [
      { text: `${MARKS[kind] ?? ''}${name}`, title: `${name}, by the ${row.caller}` },
      { text: kind === 'refusal' ? args[1]!.value : listText(args) },
      { text: result ? result.text + values : '…', title: result ? undefined : 'has not returned' },
      { text: countText(at), title: `after ${countText(at)} guest instructions` },
    ],
  }
}

function listText(values: readonly NamedValue[]): string {
  return values.map(({ name, value }) => `${name}=${value}`).join(' ')
}

/** Everything about the selected row, one value a line. */
function describe(): void {
  const row = calls.rows.find(({ seq }) => String(seq) === state.value.selected)
  details.hidden = !row
  if (!row) return
  const { name, kind, caller, at, args, result } = row
  details.replaceChildren(
    element(
      'p',
      {},
      element('strong', {}, name),
      ` — ${kind}, by the ${caller}, after ${countText(at)} guest instructions `,
      goThere(row.seq),
    ),
    table('Arguments', args),
    element(
      'p',
      { class: result?.failed ? 'failed' : '' },
      result
        ? `Result: ${result.text}${result.at > at ? `, after ${countText(result.at)} guest instructions` : ''}`
        : 'It has not returned.',
    ),
    table('Results', result?.values ?? []),
    ...(row.crossed ? [registers('Registers on the way to the hypervisor', row.crossed.out)] : []),
    ...(row.crossed?.back ? [registers('Registers on the way back', row.crossed.back)] : []),
  )
}

/** Both register files side by side. */
function registers(label: string, crossed: readonly CrossedRegister[]): HTMLElement {
  const heads = ['Register', 'Guest', 'Hypervisor', 'What happened']
  return element(
    'table',
    { class: 'registers' },
    element('caption', {}, `${label}: ${crossedText(crossed)}`),
    element('thead', {}, element('tr', {}, ...heads.map((head) => element('th', { scope: 'col' }, head)))),
    element(
      'tbody',
      {},
      ...crossed.map(({ name, guest, hypervisor, how }) =>
        element(
          'tr',
          { class: how },
          element('th', { scope: 'row' }, name),
          ...[guest, hypervisor, how].map((text) => element('td', {}, text)),
        ),
      ),
    ),
  )
}

function table(label: string, values: readonly NamedValue[]): HTMLElement {
  const rows = values.map(({ name, value }) =>
    element('tr', {}, element('th', { scope: 'row' }, name), element('td', {}, value, decimal(value))),
  )
  return element('table', { 'aria-label': label, hidden: rows.length === 0 }, element('tbody', {}, ...rows))
}

/** Small numbers are easier to read in decimal: `0x10 (16)`. */
function decimal(value: string): string {
  if (!/^0x[0-9a-f]+$/.test(value)) return ''
  const number = BigInt.asIntN(64, BigInt(value))
  return (number > 9n && number < 1_000_000n) || (number < 0n && number > -1000n) ? ` (${number})` : ''
}
