/** The project's own list of known problems (spec/ultravisor.md §9.1): what of it is the machine's does not exist here. One test a row. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Bench, FREE, LPID, load, PAGE, ultracallNumber } from '../../debug-adapter/conformance/bench.ts'
import { changeTree, esm } from '../../debug-adapter/conformance/esm-doings.ts'
import { ATTACHED } from '../../debug-adapter/conformance/image.ts'
import { callRtas, token } from '../../debug-adapter/conformance/rtas-doings.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { SECURE_RA_BIT } from '../../debug-adapter/machine/memory/real-memory.ts'
import { cells } from '../../debug-adapter/machine/ultravisor/guest-tree.ts'
import { U } from '../../debug-adapter/machine/ultravisor/return-codes.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { findNode, parseFdt } from '../../server/esm/fdt.ts'
import { pefHere } from '../cli/esm-tool.ts'
import { untilEsm } from '../esm-fixtures/run.ts'
import { bad, changeOf } from '../esm-fixtures/verdict.ts'
import { PARSERS } from '../fuzz/parsers.ts'
import { sampleMachine, until } from './sample.ts'

const sample = new URL('../guests/hello-svm/pef.json', import.meta.url).pathname
const normal = (): Bench => new Bench({ crypto: nodeCrypto, start: 'normal' })
const secure = (config = {}): Bench => new Bench({ crypto: nodeCrypto, start: 'secure', config })

test('1: secure memory is wiped when an SVM ends', () => {
  const b = secure()
  b.write(FREE, new TextEncoder().encode('a secret'))
  expect(b.host('UV_SVM_TERMINATE', LPID)).toBe(U.SUCCESS)
  const { ultravisor } = b.machine
  const zeros = Buffer.alloc(0x20_0000)
  for (let ra = ultravisor.pages.allocate(0x20_0000n); ra !== undefined; ra = ultravisor.pages.allocate(0x20_0000n))
    expect(zeros.equals(ultravisor.memory.read(ra, 0x20_0000))).toBe(true)
})

test('3: the log is kept, in order, and is not a ring that the host can read', () => {
  const machine = until(sampleMachine(), 'done')
  expect(machine.trace.records.map(({ seq }) => seq)).toEqual(machine.trace.records.map((_, i) => i))
  expect(machine.trace.records[0]!.type).toBe('boot')
})

test('4: nodes of the device tree that no VM has are left out, and named', () => {
  const b = normal()
  changeTree(b, ({ root }) => root.children.push({ name: 'ibm,opal', properties: new Map(), children: [] }))
  expect(esm(b).how).toBe('kernel')
  expect(b.machine.trace.of('refusal')).toMatchObject([{ rule: 'UV-ESM-019', found: '/ibm,opal' }])
  const { fdt } = b.machine.platform.guest!
  expect(findNode(parseFdt(b.read(fdt, Number(PAGE - (fdt % PAGE)))), '/ibm,opal')).toBeUndefined()
})

test('5: each SVM has RTAS tokens of its own', () => {
  const b = secure({ virtualMachines: 2, secureMemoryBytes: 128 << 20 })
  const [one, two] = [1, 2].map((lpid) => b.machine.ultravisor.svms.get(lpid)!)
  const lpid = Number(b.spr(SPR.LPIDR))
  const [own, other] = lpid === 1 ? [one!, two!] : [two!, one!]
  const nvram = own.rtasTokens.get('nvram-store')!
  // The other VM has other tokens: with one table for all, this one's calls would be taken for something else.
  for (const [name, value] of other.rtasTokens) other.rtasTokens.set(name, value + 0x100)
  const block = (service: number): bigint => {
    const words = [service, 1, 1, 0, 0x5555]
    const bytes = new Uint8Array(words.length * 4)
    for (const [i, word] of words.entries()) new DataView(bytes.buffer).setUint32(i * 4, word)
    b.write(FREE, bytes)
    b.hcall('H_RTAS', FREE)
    return BigInt(new DataView(b.read(FREE + 16n, 4).slice().buffer).getUint32(0))
  }
  b.rules()
  block(nvram + 0x100)
  expect(b.rules()).toContain('UV-RTAS-003')
  block(own.rtasTokens.get('power-off')! + 0x100)
  expect(b.rules()).toContain('UV-RTAS-003')
})

describe('6: every UV_ESM that fails has a reason', () => {
  const failing = [...bad.cases, ...bad.guest].filter(({ ultravisor }) => !ultravisor.accepted)

  test.each(failing.filter((_, i) => i % 5 === 0).map((one) => [one.id, one] as const))('%s', (_, one) => {
    const { esm, machine } = untilEsm(changeOf(one))
    expect(esm.outcome).toBe('refused')
    expect(esm.rules.length).toBeGreaterThan(0)
    expect(esm.reason).toContain(esm.rules[0])
    expect(esm.reason).toMatch(/expected .+; found .+/)
    expect(machine.trace.of('refusal').map(({ rule }) => rule)).toContain(esm.rules[0])
  })
})

test('7: the code of RTAS is the one that is known, or there is no SVM', () => {
  const b = normal()
  const { fdt } = b.machine.platform.guest!
  const tree = parseFdt(b.read(fdt, Number(PAGE - (fdt % PAGE))))
  const base = cells(findNode(tree, '/rtas')!.properties.get('linux,rtas-base'))!
  const code = b.read(base, 1)
  b.write(base, new Uint8Array([code[0]! ^ 1]))
  expect(esm(b).how).toBe('end')
  expect(b.machine.esm?.rules).toEqual(['ESM053'])
  b.write(base, code)
  expect(esm(b).how).toBe('kernel')
})

test('8: a heap that is used up is U_RETRY, not the end', () => {
  const b = secure()
  const { heap } = b.machine.ultravisor
  for (let bytes = 1n << 24n; bytes >= 0x100n; bytes >>= 1n) while (heap.allocate(bytes) !== undefined);
  expect(b.host('UV_REGISTER_MEM_SLOT', LPID, 1n << 33n, 0x20_0000n, 0n, 5n)).toBe(U.RETRY)
  expect(b.run(['li r3,5']).gpr[3]).toBe(5n)
})

test('10: codes of ultracalls have names of their own', () => {
  const b = secure()
  b.host('UV_PAGE_IN', LPID, b.hostPage(0), FREE, 0n, 12n)
  expect(b.machine.trace.of('ultracall').at(-1)).toMatchObject({ returnCode: U.P5, returnName: 'U_P5 (-58)' })
})

test('11: times in the log never go back', () => {
  const machine = until(sampleMachine({ virtualMachines: 2, secureMemoryBytes: 256 << 20 }), 'done')
  const times = machine.trace.records.map(({ at }) => at)
  expect(times.every((at, i) => i === 0 || at >= times[i - 1]!)).toBe(true)
})

test('12: statistics of secure memory, by SVM', async () => {
  const b = secure()
  const before = b.machine.secureMemory
  expect(before.svms).toMatchObject([{ lpid: 1, frames: 512, pageOuts: 0, shares: expect.any(Number) }])
  const sum = (states: Readonly<Record<string, number>>): number => Object.values(states).reduce((a, c) => a + c, 0)
  expect(sum(before.svms[0]!.states)).toBe(512)
  expect(b.guest('UV_SHARE_PAGE', FREE >> 16n, 2n)).toBe(0n)
  expect(b.guest('UV_UNSHARE_PAGE', FREE >> 16n, 1n)).toBe(0n)
  expect(b.hcall('H_SVM_PAGE_OUT', FREE + 4n * PAGE, 0n, 16n)).toBe(0n)
  b.run([...load(4, FREE + 4n * PAGE), 'lbz r3,0(r4)'])
  const [was, is] = [before.svms[0]!, b.machine.secureMemory.svms[0]!]
  expect([is.shares - was.shares, is.unshares - was.unshares, is.pageOuts, is.pageIns - was.pageIns]).toEqual([
    2, 1, 1, 1,
  ])
  expect(is.faults - was.faults).toBe(1)
  expect([is.states.SHARED, is.states.PAGEDOUT]).toEqual([1, undefined])
  expect(b.host('UV_SVM_TERMINATE', LPID)).toBe(0n)
  expect(b.machine.secureMemory).toMatchObject({ svms: [], freeBytes: b.machine.secureMemory.bytes })
  // Where a user sees them: behind the walk of `pef run`, and in its JSON.
  const { out } = await pefHere(['run', sample])
  expect(out).toMatch(/^secure memory: \d+ MiB of \d+ MiB free\n {2}SVM 1: \d+ SECURE, .* paged in, /m)
  expect(JSON.parse((await pefHere(['run', sample, '--json'])).out).secureMemory.svms).toMatchObject([{ lpid: 1 }])
})

test('13: SMFCTRL(D) decides whether the debug registers are the ultravisor’s', () => {
  const b = secure()
  const { cpu } = b.machine
  // mtspr DAWR0,r3 in hypervisor state.
  const word = (0x7c60_03a6 | ((SPR.DAWR0 & 31) << 16) | ((SPR.DAWR0 >> 5) << 11)) >>> 0
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, word)
  b.hostWrite(b.hostPage(0), bytes)
  const vectors = [0x8000_0000_0000_0002n, 0x8000_0000_0000_0000n].map((smfctrl) => {
    cpu.setSpr(SPR.SMFCTRL, smfctrl)
    cpu.msr = MSR.SF | MSR.HV | MSR.ME
    cpu.nia = b.hostPage(0)
    const exit = cpu.run(1)
    return exit.kind === 'interrupt' ? exit.vector : undefined
  })
  expect(vectors).toEqual([0xe40, undefined])
})

test('15: thousands of UV_ESMB_GET_FILE, past the end of the file, by a program that loops', () => {
  const b = secure()
  const name = new Uint8Array(64)
  name.set(new TextEncoder().encode(ATTACHED.name))
  const words = Array.from({ length: 8 }, (_, i) => new DataView(name.buffer).getBigUint64(i * 8))
  const again = [
    ...load(3, BigInt(ultracallNumber('UV_ESMB_GET_FILE'))),
    ...load(4, 100n),
    ...words.flatMap((word, i) => load(5 + i, word)),
    'sc 2',
  ]
  const count = 3000
  const { how, gpr } = b.run([`li r20,${count}`, 'mtctr r20', 'li r21,0', ...again, 'add r21,r21,r3', 'bdnz .-212'])
  expect([how, gpr[21], b.ended]).toEqual(['end', 0n, undefined])
  const returns = b.machine.trace
    .of('ultracall')
    .filter(({ name, phase }) => name === 'UV_ESMB_GET_FILE' && phase === 'return')
  expect(returns.length).toBe(count)
  expect(b.machine.ultravisor.svms.get(1)!.files.size).toBe(1)
})

test('16: a PCI device that is no virtio device refuses UV_ESM', () => {
  const b = normal()
  changeTree(b, ({ root }) => {
    const card = {
      name: 'ethernet@0',
      properties: new Map([['vendor-id', Uint8Array.of(0, 0, 0x14, 0xe4)]]),
      children: [],
    }
    const type = new TextEncoder().encode('pci\0')
    root.children.push({ name: 'pci@800000020000000', properties: new Map([['device_type', type]]), children: [card] })
  })
  expect(esm(b).how).toBe('end')
  expect(b.machine.esm?.reason).toMatch(/UV-ESM-018.*\/pci@800000020000000\/ethernet@0 with vendor-id 0x14e4/)
})

test('17: there is no XIVE, whose pages would need a slot that is always shared', () => {
  const b = normal()
  const { fdt } = b.machine.platform.guest!
  const { root } = parseFdt(b.read(fdt, Number(PAGE - (fdt % PAGE))))
  const controllers = root.children.filter(({ name }) => name.startsWith('interrupt-controller'))
  const compatible = controllers.map(({ properties }) => Buffer.from(properties.get('compatible')!).toString('latin1'))
  expect(compatible).toEqual(['IBM,ppc-xicp\0'])
  expect(b.hcall('H_INT_GET_SOURCE_INFO', 0n, 0n)).toBe(-2n)
})

test('18: addresses of the hypervisor are in its own memory', () => {
  const b = secure()
  const { normalBytes } = b.machine.memory
  for (const ra of [
    BigInt(normalBytes),
    BigInt(normalBytes) - 0x8000n,
    SECURE_RA_BIT,
    1n << 47n,
    1n << 63n,
    (1n << 64n) - PAGE,
  ])
    for (const name of ['UV_PAGE_IN', 'UV_PAGE_OUT']) expect(b.host(name, LPID, ra, FREE, 0n, 16n)).toBe(U.P2)
  expect(new Set(b.rules())).toEqual(new Set(['UV-PAGE-002']))
  expect(callRtas(b, token(b, 'nvram-fetch'), [0, Number(FREE + 0x1000n), 4], 2).code).toBe(0n)
})

/** Rows whose subject is another part, by the test that shows it there. */
const ELSEWHERE: Readonly<Record<number, readonly [file: string, title: string]>> = {
  2: [
    'linux/boot.test.ts',
    'boots from a zImage around the compressed kernel, with the operand that was attached to it',
  ],
  9: ['fuzz/fuzz.test.ts', '%s: no input crashes it, hangs it, or takes over 10 ms for a KiB'],
}
/** What is about the source of the firmware: the fields of its stack frames, the size of its TPM code, its remarks. */
const OF_THE_SOURCE = [14, 19, 20]

test('each row is shown here, or in a test elsewhere that is there', () => {
  const read = (file: string): string => readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
  const here = read('machine/known-problems.test.ts')
  const rows = [...here.matchAll(/^(?:test|describe)\('(\d+):/gm)].map(([, row]) => Number(row))
  const all = [...rows, ...Object.keys(ELSEWHERE).map(Number), ...OF_THE_SOURCE].sort((a, b) => a - b)
  expect(all).toEqual(Array.from({ length: 20 }, (_, i) => i + 1))
  for (const [file, title] of Object.values(ELSEWHERE)) expect(read(file)).toContain(`'${title}'`)
  expect(Object.keys(PARSERS)).toContain('fdt')
})
