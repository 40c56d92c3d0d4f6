import { element } from '../common/dom.ts'
import { bytesText, countText } from '../common/numbers.ts'
import { connect, PageState, send } from '../common/page.ts'
import { Tabs } from '../common/tabs.ts'
import { type Row, TreeGrid } from '../common/tree-grid.ts'
import { hexDump } from './hex-dump.ts'
import type { HostMessage, OperandModel } from './messages.ts'
import { childrenOf, visibleParts } from './tree.ts'

type Part = OperandModel['parts'][number]

const state = new PageState<{ folded: readonly number[]; selected?: string; tab: number }>({ folded: [], tab: 0 })
let model: OperandModel | undefined

const status = element('span', { class: 'status', role: 'status' }, 'reading')
const keyButton = element('button', { type: 'button', class: 'secondary' }, 'Open with a Private Key…')
keyButton.addEventListener('click', () => send({ kind: 'chooseKey' }))
const tpmButton = element('button', { type: 'button', class: 'secondary', hidden: '' }, 'Open with the Emulated TPM…')
tpmButton.addEventListener('click', () => send({ kind: 'chooseTpm' }))
const toolbar = element('div', { class: 'toolbar' }, status, keyButton, tpmButton)

const grid = new TreeGrid({
  label: 'Parts of the operand',
  columns: [
    { title: 'Part', class: 'wide' },
    { title: 'Value', class: 'code' },
    { title: 'At', class: 'number' },
  ],
  treeColumn: 0,
  empty: 'Nothing to show.',
  select: (id) => {
    state.set({ selected: id })
    describe()
  },
  toggle: (id, open) => {
    const others = state.value.folded.filter((one) => String(one) !== id)
    state.set({ folded: open ? others : [...others, Number(id)] })
    draw()
  },
})
const details = element('div', { class: 'details', 'aria-live': 'polite' })
const findings = element('div', { class: 'findings' })
const protection = element('div', { class: 'protection' })
const tabs = new Tabs(
  [
    { title: 'Parts', content: [element('div', { class: 'split' }, grid.element, details)] },
    { title: 'Findings', content: [findings] },
    { title: 'What is verified', content: [protection] },
  ],
  state.value.tab,
  (tab) => state.set({ tab }),
)
toolbar.append(tabs.bar)
const main = element('main', {}, ...tabs.panels)
document.body.append(toolbar, main)

connect<HostMessage>((message) => {
  if (message.kind === 'operand') {
    model = message.operand
    tpmButton.hidden = !message.hasTpm
    draw()
    drawFindings(model)
    drawProtection(model)
    status.className = 'status'
    status.textContent = summary(model)
  } else {
    status.className = 'status problem'
    status.textContent = message.text
  }
})

function summary({ hex, findings: found, openedWith }: OperandModel): string {
  const errors = found.filter(({ severity }) => severity === 'error').length
  const warnings = found.filter(({ severity }) => severity === 'warning').length
  const count = (number: number, noun: string) => `${countText(number)} ${noun}${number === 1 ? '' : 's'}`
  return [
    bytesText(hex.length / 2),
    count(errors, 'error'),
    count(warnings, 'warning'),
    openedWith === undefined ? 'not opened' : `opened with ${openedWith}`,
  ].join(' · ')
}

function draw(): void {
  const parts = model?.parts ?? []
  const folded = new Set(state.value.folded)
  const rows = visibleParts(parts, folded).map((index): Row => {
    const { depth, name, value, offset, length } = parts[index]!
    const hasChildren = childrenOf(parts, index) > 0
    return {
      id: String(index),
      level: depth + 1,
      ...(hasChildren && { open: !folded.has(index) }),
      cells: [
        { text: name },
        { text: value ?? '' },
        {
          text: offset === undefined ? '' : `0x${offset.toString(16)}`,
          title: offset === undefined ? undefined : `${length} bytes at ${offset}`,
        },
      ],
    }
  })
  grid.setRows(rows)
  describe()
}

/** The selected part: value, what it is for, and its bytes. */
function describe(): void {
  const part = model?.parts[Number(state.value.selected ?? Number.NaN)]
  if (!model || !part) {
    details.replaceChildren(element('p', { class: 'empty' }, 'Select a part to see its bytes.'))
    return
  }
  const { name, value, meaning, offset, length = 0 } = part
  const place =
    offset === undefined ? 'decrypted' : `${countText(length)} bytes at offset ${offset} (0x${offset.toString(16)})`
  details.replaceChildren(
    element('p', {}, element('strong', {}, name), ` — ${place}`),
    ...(meaning === undefined ? [] : [element('p', {}, meaning)]),
    ...(value === undefined ? [] : [element('pre', { class: 'value' }, value)]),
    ...bytesOf(part, model),
  )
}

const MOST_SHOWN = 4096

function bytesOf({ offset, length = 0 }: Part, { hex, offset: base }: OperandModel): HTMLElement[] {
  if (offset === undefined || length === 0) return []
  const start = offset - base
  const shown = Math.min(length, MOST_SHOWN)
  const dump = hexDump(hex.slice(2 * start, 2 * (start + shown)), offset)
  const rest = length - shown
  return [
    element('pre', { class: 'dump', 'aria-label': 'Bytes' }, dump),
    ...(rest > 0 ? [element('p', { class: 'empty' }, `${countText(rest)} bytes more`)] : []),
  ]
}

function drawFindings({ findings: found }: OperandModel): void {
  if (found.length === 0) {
    findings.replaceChildren(element('p', { class: 'empty' }, 'Nothing is wrong, as far as it could be looked at.'))
    return
  }
  findings.replaceChildren(
    ...found.map(({ rule, severity, message, effect, fix, offset }) =>
      element(
        'article',
        { class: severity },
        element('h2', {}, `${rule} · ${severity}`, offset === undefined ? undefined : ` · at 0x${offset.toString(16)}`),
        element('p', {}, `${message}.`),
        element('p', {}, `What happens: ${effect}.`),
        element('p', {}, `To correct it: ${fix}.`),
      ),
    ),
  )
}

function drawProtection({ protection: rows }: OperandModel): void {
  const head = ['Part', 'What protects it', 'What was looked at here'].map((title) =>
    element('th', { scope: 'col' }, title),
  )
  protection.replaceChildren(
    element(
      'table',
      { 'aria-label': 'What is verified and what is not' },
      element('thead', {}, element('tr', {}, ...head)),
      element(
        'tbody',
        {},
        ...rows.map(({ part, how, here }) =>
          element('tr', {}, element('th', { scope: 'row' }, part), element('td', {}, how), element('td', {}, here)),
        ),
      ),
    ),
  )
}
