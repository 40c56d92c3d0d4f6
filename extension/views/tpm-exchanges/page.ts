import { element } from '../common/dom.ts'
import { countText, hexGroups } from '../common/numbers.ts'
import { connect, goThere, Page, PageState } from '../common/page.ts'
import { Tabs } from '../common/tabs.ts'
import { type Row, TreeGrid } from '../common/tree-grid.ts'
import { type Exchange, type HostMessage, type Measurement, TPM_TYPES, type TpmState } from './messages.ts'
import { responseWords } from './response-words.ts'

type Field = Exchange['requestFields'][number]

const page = new Page(
  'What is said to the TPM and what it answers: every exchange with its fields decoded, and the PCRs with what was measured into them.',
)
const state = new PageState<{ open: readonly string[]; selected?: string; selectedPcr?: string; tab: number }>({
  open: [],
  tab: 0,
})

const summary = element('span', { class: 'summary' })
page.toolbar.append(summary)

const exchangesGrid = new TreeGrid({
  label: 'TPM exchanges',
  columns: [
    { title: 'Command', class: 'wide' },
    { title: 'Carrier' },
    { title: 'Sizes', class: 'number' },
    { title: 'Response', class: 'wide' },
  ],
  treeColumn: 0,
  empty: 'No exchange with the TPM yet.',
  select: (id) => {
    state.set({ selected: id })
    describeExchange()
  },
  toggle: (id, open) => {
    const others = state.value.open.filter((one) => one !== id)
    state.set({ open: open ? [...others, id] : others })
    drawExchanges(false)
  },
})
const pcrGrid = new TreeGrid({
  label: 'Platform configuration registers',
  columns: [{ title: 'PCR' }, { title: 'Value', class: 'code wide' }, { title: 'Measured', class: 'wide' }],
  empty: 'The TPM has not been asked yet.',
  select: (id) => {
    state.set({ selectedPcr: id })
    describePcr()
  },
  toggle: () => {},
})
const handleList = element('div', { class: 'handles' })
const exchangeDetails = element('div', { class: 'details', 'aria-live': 'polite', hidden: true })
const pcrDetails = element('div', { class: 'details', 'aria-live': 'polite', hidden: true })
const tabs = new Tabs(
  [
    { title: 'Exchanges', content: [exchangesGrid.element, exchangeDetails] },
    { title: 'PCRs', content: [pcrGrid.element, pcrDetails] },
    { title: 'Handles', content: [handleList] },
  ],
  state.value.tab,
  (tab) => state.set({ tab }),
)
page.toolbar.append(tabs.bar)
page.content.append(...tabs.panels)

let exchanges: Exchange[] = []
let measurements: Measurement[] = []
let tpm: TpmState | undefined
let newFrom = 0

connect<HostMessage>((message) => {
  switch (message.kind) {
    case 'status':
      page.status(message)
      break
    case 'reset':
      exchanges = []
      measurements = []
      tpm = undefined
      drawExchanges(false)
      drawTpm()
      break
    case 'records':
      for (const record of message.records)
        if (record.type === TPM_TYPES[0]) exchanges.push(record)
        else measurements.push(record)
      newFrom = message.newFrom
      drawExchanges(true)
      drawTpm()
      break
    case 'tpm':
      tpm = message.tpm
      drawTpm()
  }
})

function drawExchanges(grown: boolean): void {
  const follow = grown && exchangesGrid.atEnd
  const open = new Set(state.value.open)
  exchangesGrid.setRows(
    exchanges.flatMap((exchange) => exchangeRows(exchange, open)),
    follow,
  )
  const failed = exchanges.filter(({ responseCode }) => responseCode !== 0).length
  summary.textContent = `${countText(exchanges.length)} exchange${exchanges.length === 1 ? '' : 's'}${failed ? ` · ${failed} failed` : ''}`
  describeExchange()
}

/** The exchange; where it is open, its two halves; where those are, their fields. */
function exchangeRows(exchange: Exchange, open: ReadonlySet<string>): Row[] {
  const { seq, command, carrier, requestSize, responseSize, responseCode, responseName } = exchange
  const id = String(seq)
  const name = command.replace(/^TPM_CC_/, 'TPM2_')
  const words = responseCode === 0 ? 'success' : `${responseName}: ${responseWords(responseCode)}`
  const head: Row = {
    id,
    level: 1,
    open: open.has(id),
    class: [responseCode !== 0 && 'failed', seq >= newFrom && 'new'].filter(Boolean).join(' '),
    cells: [
      { text: name, title: `${name}, code 0x${exchange.code.toString(16)}` },
      { text: carrier, title: `brought to the TPM by ${carrier}` },
      { text: `${requestSize} → ${responseSize}`, title: `${requestSize} bytes there, ${responseSize} bytes back` },
      { text: words },
    ],
  }
  if (!open.has(id)) return [head]
  const half = (key: 'request' | 'response', size: number, fields: readonly Field[]): Row[] => {
    const halfId = `${id} ${key}`
    // Who opens an exchange wants to see its fields: the halves are open unless they were closed.
    const isOpen = !open.has(`${halfId} closed`)
    const row: Row = {
      id: `${halfId} closed`,
      level: 2,
      open: isOpen,
      class: 'half',
      cells: [{ text: key }, { text: '' }, { text: `${size} B` }, { text: '' }],
    }
    return isOpen ? [row, ...fields.map((field, index) => fieldRow(field, `${halfId} ${index}`))] : [row]
  }
  return [
    head,
    ...half('request', requestSize, exchange.requestFields),
    ...half('response', responseSize, exchange.responseFields),
  ]
}

function fieldRow({ name, offset, size, hex }: Field, id: string): Row {
  return {
    id,
    level: 3,
    class: 'field',
    cells: [
      { text: name },
      { text: `at ${offset}` },
      { text: `${size} B` },
      { text: hex.length > 96 ? `${hex.slice(0, 96)}…` : hex, class: 'code', title: hexGroups(hex.slice(0, 1024)) },
    ],
  }
}

/** The selected exchange or field, complete. */
function describeExchange(): void {
  const [seq, half, index] = (state.value.selected ?? '').split(' ')
  const exchange = exchanges.find((one) => String(one.seq) === seq)
  exchangeDetails.hidden = !exchange
  if (!exchange) return
  const { command, carrier, at, responseName, responseCode, request, response } = exchange
  const fields = half === 'request' ? exchange.requestFields : half === 'response' ? exchange.responseFields : []
  const field = fields[Number(index)]
  if (field) {
    const { name, offset, size, hex } = field
    exchangeDetails.replaceChildren(
      element(
        'p',
        {},
        element('strong', {}, name),
        ` — ${size} bytes at offset ${offset} of the ${half} of ${command}`,
      ),
      element('pre', {}, hexGroups(hex)),
    )
    return
  }
  const raw = half === 'request' ? [request] : half === 'response' ? [response] : [request, response]
  exchangeDetails.replaceChildren(
    element(
      'p',
      {},
      element('strong', {}, command),
      ` — by ${carrier}, after ${countText(at)} guest instructions `,
      goThere(exchange.seq),
    ),
    element(
      'p',
      { class: responseCode === 0 ? '' : 'failed' },
      `${responseName} (0x${responseCode.toString(16)}): ${responseWords(responseCode)}`,
    ),
    ...raw.map((hex) => element('pre', {}, hexGroups(hex))),
  )
}

function drawTpm(): void {
  pcrGrid.setRows((tpm?.pcrs ?? []).map((pcr) => pcrRow(pcr)))
  handleList.replaceChildren(
    tpm && tpm.handles.length > 0
      ? element(
          'table',
          { 'aria-label': 'Handles of the TPM' },
          element('tbody', {}, ...tpm.handles.map(({ handle, what }) => handleRow(handle, what))),
        )
      : element('p', { class: 'empty' }, 'The TPM holds no objects, sessions or indexes.'),
  )
  describePcr()
}

function handleRow(handle: string, what: string): HTMLElement {
  return element('tr', {}, element('th', { scope: 'row', class: 'code' }, handle), element('td', {}, what))
}

function pcrRow({ bank, index, value }: TpmState['pcrs'][number]): Row {
  const own = measured(bank, index)
  const isNew = own.some(({ seq }) => seq >= newFrom)
  const untouched = /^(00)*$|^(ff)*$/.test(value)
  return {
    id: `${bank} ${index}`,
    level: 1,
    class: [isNew && 'new', untouched && 'untouched'].filter(Boolean).join(' '),
    cells: [
      { text: `${bank} ${index}` },
      { text: value },
      { text: own.map(({ what }) => what).join(', '), title: own.map(({ what }) => what).join('\n') },
    ],
  }
}

function measured(bank: string, index: number): Measurement[] {
  return measurements.filter((one) => one.bank === bank && one.pcr === index)
}

/** The selected PCR and each extend that made it. */
function describePcr(): void {
  const [bank = '', index = ''] = (state.value.selectedPcr ?? '').split(' ')
  const pcr = tpm?.pcrs.find((one) => one.bank === bank && String(one.index) === index)
  pcrDetails.hidden = !pcr
  if (!pcr) return
  const own = measured(bank, pcr.index)
  pcrDetails.replaceChildren(
    element('p', {}, element('strong', {}, `PCR ${index}, bank ${bank}`), ` — ${own.length} measurements in the log`),
    element('pre', {}, hexGroups(pcr.value)),
    ...own.map(({ what, digest, value }) =>
      element('p', {}, `${what}: extended by `, element('code', {}, digest), ', then ', element('code', {}, value)),
    ),
  )
}
