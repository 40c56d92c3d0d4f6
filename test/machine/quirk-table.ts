/**
 * One row a quirk: what is done through real calls, and what comes of it in both kinds of firmware (spec/ultravisor.md §9.2). A row
 * observes the same thing twice, so that what differs can only be the switch.
 */
import {
  type Bench,
  type BenchOptions,
  FREE,
  hypercallNumber,
  KERNEL,
  LPID,
  load,
  PAGE,
} from '../../debug-adapter/conformance/bench.ts'
import { pagesOver, reserveHalfPage } from '../../debug-adapter/conformance/cases/esm-quirks.ts'
import { duringAbort, duringEsm } from '../../debug-adapter/conformance/cases/pages.ts'
import { changeTree } from '../../debug-adapter/conformance/esm-doings.ts'
import { ATTACHED } from '../../debug-adapter/conformance/image.ts'
import { bytesOf, callRtas, token, wordsOf } from '../../debug-adapter/conformance/rtas-doings.ts'
import { watch } from '../../debug-adapter/conformance/watch.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { plugMemory, takeBack } from '../../debug-adapter/machine/hypervisor/paging.ts'
import type { Quirk } from '../../debug-adapter/machine/ultravisor/quirks.ts'
import { U } from '../../debug-adapter/machine/ultravisor/return-codes.ts'
import {
  answer,
  callGetFile,
  codeElsewhere,
  DEVICE,
  each,
  esm,
  hostWords,
  initrdWithLargeFiles,
  putHostWords,
} from './quirk-doings.ts'

interface Row extends Partial<Omit<BenchOptions, 'crypto'>> {
  /** @returns what differs: numbers and words */
  readonly observe: (b: Bench) => unknown
  readonly sane: unknown
  readonly real: unknown
}

const BEHIND = 1n << 33n
const SLOT = 0x20_0000n
const BUFFER = FREE + 0x1000n
const SECRET = 0x2a
const put = (b: Bench, gpa = FREE): void => b.write(gpa, Uint8Array.of(SECRET))
const byte = (b: Bench, gpa = FREE): number => b.read(gpa, 1)[0]!
const share = (b: Bench, count = 1n, gpa = FREE): bigint => b.guest('UV_SHARE_PAGE', gpa >> 16n, count)
const out = (b: Bench, gpa = FREE): unknown =>
  b.hypervisor(takeBack(b.machine.hypervisor, b.machine.hypervisor.vm!, gpa, 'secure out'))
const crashed = (b: Bench, quirk: Quirk): string =>
  b.ended?.startsWith('the ultravisor crashed') && b.ended.includes(quirk) ? 'it crashes' : 'it goes on'
const plug = (b: Bench, id: number, start: bigint): unknown =>
  b.hypervisor(plugMemory(b.machine.hypervisor, b.machine.hypervisor.vm!, id, start, SLOT))
const H_PARAMETER = -4n
/** A hypercall that needs nothing but its number. */
const cede = ['li r3,0xe0', 'sc 1']

export const quirkRows: Readonly<Record<Quirk, Row>> = {
  Q01: {
    observe: (b) => {
      const seen = watch(b, 'H_CEDE')
      b.run([...load(0, 5n), ...load(20, 6n), ...cede])
      return [seen.gpr[0] === 0n, seen.gpr[20]]
    },
    sane: [true, 0n],
    real: [false, 0n],
  },
  Q02: {
    observe: (b) => {
      b.machine.cpu.setSpr(SPR.AMR, 0x5500n)
      const seen = watch(b, 'H_CEDE')
      b.run(cede)
      return [seen.spr.get(SPR.AMR), b.spr(SPR.AMR)]
    },
    sane: [0n, 0x5500n],
    real: [0x5500n, 0x5500n],
  },
  Q03: {
    observe: (b) => {
      b.machine.hypervisor.behaviour = { returning: (hv) => void (hv.parts.cpu.msr |= MSR.TS_S) }
      b.machine.cpu.setSpr(SPR.SRR1, 0x1234n)
      return [b.run(cede).vector, b.spr(SPR.SRR1) & 0x20_0000n]
    },
    sane: [0x700, 0x20_0000n],
    real: [0x700, 0n],
  },
  Q04: {
    observe: (b) => {
      const [code, random] = b.call(1, hypercallNumber('H_RANDOM'), [0n])
      return [BigInt.asIntN(64, code!), random === 0n]
    },
    sane: [0n, false],
    real: [-2n, true],
  },
  Q05: {
    observe: (b) => callRtas(b, token(b, 'nvram-fetch'), [0, Number(BUFFER), 16], 2).code,
    sane: 0n,
    real: 0xf000n,
  },
  Q06: {
    observe: (b) => {
      const [code] = b.call(1, 0x3b0, [])
      return [BigInt.asIntN(64, code!) === -2n, crashed(b, 'Q06')]
    },
    sane: [true, 'it goes on'],
    real: [false, 'it crashes'],
  },
  Q07: {
    observe: (b) => {
      b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n)
      return b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n)
    },
    sane: U.BUSY,
    real: U.FUNCTION,
  },
  Q08: {
    start: 'normal',
    observe: (b) => callGetFile(b, 0n, ATTACHED.name).code,
    sane: U.PERMISSION,
    real: U.PARAMETER,
  },
  Q09: {
    observe: (b) => [
      share(b),
      b.guest('UV_UNSHARE_PAGE', FREE >> 16n, 1n),
      share(b, 0n),
      b.guest('UV_UNSHARE_ALL_PAGES'),
    ],
    sane: [0n, 0n, U.P2, 0n],
    real: [0xf130n, 0xf134n, 0xf130n, 0xf140n],
  },
  Q10: {
    observe: (b) => {
      const { ultravisor } = b.machine
      const dw0 = () => ultravisor.memory.u64(ultravisor.pateAddress(1))
      const before = dw0()
      return [b.host('UV_WRITE_PATE', LPID, 0x8000_0000_0123_000dn, 0n), dw0() === before]
    },
    sane: [U.PERMISSION, true],
    real: [U.SUCCESS, true],
  },
  Q11: {
    observe: (b) => {
      b.machine.hypervisor.behaviour = { returning: (_hv, _vm, registers) => void (registers.cookie ^= 4n) }
      b.run(cede)
      return [crashed(b, 'Q11'), b.machine.ultravisor.svms.size]
    },
    sane: ['it goes on', 0],
    real: ['it crashes', 1],
  },
  Q12: {
    observe: (b) => [
      b.host('UV_REGISTER_MEM_SLOT', LPID, BEHIND, SLOT, 0n, 0x1_0001n),
      b.machine.ultravisor.svms.get(1)!.slots.has(1n),
      b.host('UV_UNREGISTER_MEM_SLOT', 7n, 0n) === U.PARAMETER,
      crashed(b, 'Q12'),
    ],
    sane: [U.P5, false, true, 'it goes on'],
    real: [0n, true, false, 'it crashes'],
  },
  Q13: {
    observe: (b) => {
      plug(b, 5, BEHIND)
      plug(b, 6, BEHIND + SLOT)
      share(b, 1n, BEHIND + SLOT)
      return [b.host('UV_UNREGISTER_MEM_SLOT', LPID, 5n), b.state(BEHIND + SLOT)]
    },
    sane: [0n, 'SHARED'],
    real: [0n, 'SECURE'],
  },
  Q14: {
    observe: (b) => {
      share(b)
      const page = b.machine.hypervisor.vm!.pageOf(FREE)!
      return b.host('UV_PAGE_IN', LPID, page, FREE, 0xffn, 16n)
    },
    sane: U.P4,
    real: U.SUCCESS,
  },
  Q16: {
    start: 'normal',
    observe: (b) => {
      const seen: unknown[] = []
      duringEsm(b, () => {
        const page = b.hostPage(0)
        for (const name of ['UV_PAGE_OUT', 'UV_PAGE_IN']) seen.push(b.host(name, LPID, page, FREE, 0n, 16n))
        const { memory, svms } = b.machine.ultravisor
        const inside = memory.read(svms.get(1)!.securePage(FREE >> 16n)!, 32)
        seen.push(Buffer.from(inside).equals(b.hostRead(page, 32)) ? 'ciphertext' : Math.max(...inside))
      })
      return seen
    },
    sane: [0n, 0n, 0],
    real: [0n, 0n, 'ciphertext'],
  },
  Q17: {
    observe: (b) => b.host('UV_READ_SCOM', 0n, 0x2001_0a9cn),
    sane: U.PERMISSION,
    real: U.SUCCESS,
  },
  Q18: {
    observe: (b) => {
      const { chip, type, read, write } = b.machine.ultravisor.memoryResources[0]!
      const usual = (BigInt(chip) << 32n) | BigInt(type)
      const swapped = (BigInt(type) << 32n) | BigInt(chip)
      const size = 8n
      return [
        b.host('UV_WRITE_MEM', b.hostPage(0), swapped, write[0]!.offset, size),
        // The upper bits of the type do not count there.
        b.host('UV_READ_MEM', b.hostPage(0), usual + 0x10n, read[0]!.offset, size),
        b.host('UV_READ_MEM', b.hostPage(0), (9n << 32n) | usual, read[0]!.offset, size) === U.PERMISSION,
        crashed(b, 'Q18'),
      ]
    },
    sane: [U.PERMISSION, U.PERMISSION, true, 'it goes on'],
    real: [0n, 0n, false, 'it crashes'],
  },
  Q19: {
    observe: (b) => {
      const { chip, type, read } = b.machine.ultravisor.memoryResources[0]!
      put(b)
      const secure = b.machine.guestRealAddress(FREE)!
      const before = byte(b)
      const code = b.host('UV_READ_MEM', secure, (BigInt(chip) << 32n) | BigInt(type), read[0]!.offset, 8n)
      return [code, byte(b) === before]
    },
    sane: [U.PARAMETER, true],
    real: [U.SUCCESS, false],
  },
  Q21: {
    observe: (b) => {
      out(b)
      out(b, FREE + PAGE)
      let asked = 0
      answer(b, 'H_SVM_PAGE_IN', (args) => (args[1] === 0n && args[0] === FREE && ++asked < 4 ? [-1n] : undefined))
      const fourth = share(b)
      answer(b, 'H_SVM_PAGE_IN', (args) => (args[1] === 0n ? [-1n] : undefined))
      return [fourth, share(b, 1n, FREE + PAGE)]
    },
    sane: [U.SUCCESS, U.P2],
    real: [U.P2, U.SUCCESS],
  },
  Q22: {
    observe: (b) => {
      put(b)
      answer(b, 'H_SVM_PAGE_IN', (args) => (args[1] === 1n && args[0] === FREE + PAGE ? [H_PARAMETER] : undefined))
      return [share(b, 2n), b.state(FREE), byte(b)]
    },
    sane: [U.P2, 'SECURE', SECRET],
    real: [U.P2, 'SECURE', 0],
  },
  Q23: {
    observe: (b) => {
      put(b)
      out(b)
      const code = b.guest('UV_UNSHARE_PAGE', FREE >> 16n, 1n)
      return [code, b.run([...load(4, FREE), 'lbz r3,0(r4)']).gpr[3]]
    },
    sane: [0n, BigInt(SECRET)],
    real: [0n, 0n],
  },
  Q25: {
    observe: (b) => [callGetFile(b, 0x1_0000n, ATTACHED.name).code === U.PARAMETER, crashed(b, 'Q25')],
    sane: [true, 'it goes on'],
    real: [false, 'it crashes'],
  },
  Q27: {
    start: 'normal',
    observe: (b) => {
      const { heap } = b.machine.ultravisor
      const taken: bigint[] = []
      for (let ra = heap.allocate(PAGE); ra !== undefined; ra = heap.allocate(PAGE)) taken.push(ra)
      const first = esm(b).code
      for (const ra of taken) heap.free(ra, PAGE)
      const second = esm(b).code
      return [first, second, b.machine.vmState, b.host('UV_SVM_TERMINATE', LPID)]
    },
    sane: [U.RETRY, 'secure', 'secure', U.SUCCESS],
    real: [U.RETRY, U.RETRY, 'normal', U.SUCCESS],
  },
  Q29: {
    start: 'normal',
    observe: (b) => {
      b.write(KERNEL + 0x8000n, Uint8Array.of(1))
      return [esm(b).code, b.machine.ultravisor.esm!.rules.includes('ESM054')]
    },
    sane: [U.PARAMETER, true],
    real: ['secure', true],
  },
  Q30: {
    start: 'normal',
    observe: (b) => {
      changeTree(b, (tree) => void (tree.bootCpu = 5))
      return [esm(b).code, b.machine.ultravisor.esm?.rules[0], crashed(b, 'Q30')]
    },
    sane: [U.PARAMETER, 'UV-ESM-016', 'it goes on'],
    real: ['gone', undefined, 'it crashes'],
  },
  Q31: {
    start: 'normal',
    observe: (b) => {
      const { end } = b.machine.platform.guest!.initrd!
      put(b, end)
      return [esm(b).code, byte(b, end)]
    },
    sane: ['secure', 0],
    real: ['secure', SECRET],
  },
  Q32: {
    start: 'normal',
    observe: (b) => {
      answer(b, 'H_SVM_TPM_COMM', () => [0n, 5000n])
      return [esm(b).code, b.machine.ultravisor.esm?.rules[0], crashed(b, 'Q32')]
    },
    sane: [U.PARAMETER, 'ESM135', 'it goes on'],
    real: ['gone', undefined, 'it crashes'],
  },
  Q33: {
    start: 'normal',
    observe: (b) => {
      const seen: unknown[] = []
      duringAbort(b, () => {
        const page = b.hostPage(0)
        b.hostWrite(page, Uint8Array.of(SECRET))
        seen.push(b.host('UV_PAGE_OUT', LPID, page, KERNEL, 0n, 16n), b.hostRead(page, 1)[0] === SECRET)
      })
      return seen
    },
    sane: [U.SUCCESS, false],
    real: [U.SUCCESS, true],
  },
  Q34: {
    observe: (b) => {
      each(b, 'H_SVM_PAGE_IN', () => void b.host('UV_PAGE_INVAL', LPID, FREE, 16n))
      return [share(b), b.state(FREE)]
    },
    sane: [0n, 'SHARED_INV'],
    real: [0n, 'SHARED'],
  },
  Q36: {
    observe: (b) => {
      put(b)
      out(b)
      const tries = 40
      let asked = 0
      answer(b, 'H_SVM_PAGE_IN', () => (++asked < tries ? [H_PARAMETER] : undefined))
      const { how } = b.run([...load(4, FREE), 'lbz r3,0(r4)'])
      return [how, asked]
    },
    sane: ['machine', 4],
    real: ['end', 40],
  },
  Q37: {
    observe: (b) => {
      answer(b, 'H_LOGICAL_CI_LOAD', () => [0n, 0x77n])
      const { how, gpr } = codeElsewhere(b, ['lbz r3,0(r4)'], DEVICE)
      return how === 'end' ? gpr[3] : [how, b.rules().at(-1)]
    },
    sane: 0x77n,
    real: ['machine', 'UV-FAULT-004'],
  },
  Q38: {
    observe: (b) => [b.hcall('H_RTAS', DEVICE) === H_PARAMETER, crashed(b, 'Q38')],
    sane: [true, 'it goes on'],
    real: [false, 'it crashes'],
  },
  Q39: {
    observe: (b) => {
      const seen = watch(b, 'H_RTAS')
      const { code } = callRtas(b, token(b, 'ibm,slot-error-detail'), Array<number>(40).fill(0), 1)
      return [code, seen.times]
    },
    sane: [H_PARAMETER, 0],
    real: [0n, 1],
  },
  Q40: {
    observe: (b) => {
      let block: number[] = []
      each(b, 'H_RTAS', (args) => void (block = hostWords(b, args[0]!, 8)))
      callRtas(b, token(b, 'nvram-fetch'), [0, Number(BUFFER), 5000], 2)
      return block[4]
    },
    sane: undefined,
    real: Number(BUFFER),
  },
  Q41: {
    observe: (b) => {
      answer(b, 'H_RTAS', (args) => {
        // One result more than the guest has asked for.
        putHostWords(b, args[0]! + 8n, [2, 0, 0xbad])
        return [0n]
      })
      b.write(FREE + 16n, bytesOf([0x1234]))
      callRtas(b, token(b, 'ibm,slot-error-detail'), [], 1)
      return wordsOf(b.read(FREE + 12n, 8))
    },
    sane: [0, 0x1234],
    real: [0, 0xbad],
  },
  Q43: {
    start: 'normal',
    observe: (b) => {
      const address = reserveHalfPage(b)
      return [esm(b).code, pagesOver(b, address)]
    },
    sane: ['secure', []],
    real: ['secure', ['keys and digests']],
  },
  Q47: {
    start: 'normal',
    observe: (b) => {
      const far = 1n << 40n
      const { fdt } = b.machine.platform.guest!
      // The host plugs in memory of its own, which it does not use.
      b.machine.hypervisor.vm!.pages.free(b.hostPage(0), SLOT)
      plug(b, 5, far)
      b.write(far, b.read(fdt, Number(PAGE)).slice())
      let behind = 0n
      answer(b, 'H_SVM_INIT_ABORT', () => {
        const { memory, svms } = b.machine.ultravisor
        behind = memory.u64(svms.get(1)!.securePage(0n)!)
        return undefined
      })
      return [esm(b, far).code, b.machine.ultravisor.esm?.rules[0], behind]
    },
    sane: ['secure', undefined, 0n],
    real: [U.PARAMETER, 'UV-ESM-007', 1n],
  },
  Q49: {
    config: { initrd: initrdWithLargeFiles(80_000) },
    observe: (b) => {
      const { gpa } = b.machine.ultravisor.svms.get(1)!.reserved.get('keys and digests')!
      const overwritten = b.read(gpa + 0x1000n, 64).some((value) => value !== 0)
      return [callGetFile(b, 0n, ATTACHED.name).code, overwritten]
    },
    sane: [U.PARAMETER, false],
    real: [64n, true],
  },
  Q50: {
    observe: (b) => [b.host('UV_SVM_TERMINATE', 7n), b.host('UV_REGISTER_MEM_SLOT', LPID, BEHIND, SLOT, 0xffn, 5n)],
    sane: [U.PARAMETER, U.P4],
    real: [U.SUCCESS, U.SUCCESS],
  },
}
