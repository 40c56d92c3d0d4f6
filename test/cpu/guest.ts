/** A partition with radix tables for the tests of translation and interrupts. */
import type { CpuOptions } from '../../debug-adapter/machine/cpu/cpu.ts'
import { LPCR } from '../../debug-adapter/machine/cpu/interrupts.ts'
import { MSR } from '../../debug-adapter/machine/cpu/msr.ts'
import { SPR } from '../../debug-adapter/machine/cpu/spr.ts'
import { HFSCR_GUEST } from '../../debug-adapter/machine/hypervisor/vcpu.ts'
import { Pool } from '../../debug-adapter/machine/memory/pool.ts'
import { RadixTable } from '../../debug-adapter/machine/memory/radix-table.ts'
import { type TestMachine, testMachine } from './machine.ts'

export const LPID = 1n
const PARTITION_TABLE = 0x80_0000n
export const GUEST = MSR.SF | MSR.LE | MSR.ME

export interface Guest extends TestMachine {
  readonly table: RadixTable
  /** Maps the 64 KiB page of `gpa` to `ra`. */
  map(gpa: bigint, ra: bigint): void
}

/** A processor in a guest (HV=0) with LPID 1; nothing is mapped yet. */
export function guest(options: CpuOptions = {}): Guest {
  const machine = testMachine(options)
  const { cpu, view } = machine
  const table = new RadixTable(view, new Pool('tables', 0x90_0000n, 0xa0_0000n))
  view.setU64(PARTITION_TABLE + LPID * 16n, table.pateDoubleword0)
  cpu.setSpr(SPR.PTCR, PARTITION_TABLE | 4n)
  cpu.setSpr(SPR.LPIDR, LPID)
  cpu.setSpr(SPR.LPCR, LPCR.HR | LPCR.ILE)
  cpu.setSpr(SPR.HFSCR, HFSCR_GUEST)
  cpu.msr = GUEST
  return {
    ...machine,
    table,
    map(gpa, ra) {
      table.map(gpa, ra)
      cpu.flushTranslations()
    },
  }
}

const VALID = 1n << 63n
const LEAF = 1n << 62n
/** Rights of a process-scoped entry: privileged 8, read 4, write 2, execute 1. */
export const KERNEL = 0xfn
export const USER = 0x7n

/**
 * The guest's own tables, at guest physical addresses: process table at 0x10000, for PID 0 a tree that maps effective
 * addresses below 2 MiB and from 0xC000000000000000 on. Process-scoped: 13 + 9 + 9 + 9 bits, pages of 4 KiB.
 */
export class GuestTables {
  static readonly processTable = 0x1_0000n
  readonly #root = 0x2_0000n
  readonly #levels = [0x3_0000n, 0x3_1000n, 0x3_2000n]

  /** @param ra real address of guest physical address `gpa`, for writing the tables */
  constructor(
    readonly machine: Guest,
    readonly ra: (gpa: bigint) => bigint,
  ) {
    const { view, cpu } = machine
    view.setU64(PARTITION_TABLE + LPID * 16n + 8n, GuestTables.processTable)
    // 52 bits: RTS 21, root of 2^13 entries.
    view.setU64(ra(GuestTables.processTable), (0b10n << 61n) | (0b101n << 5n) | this.#root | 13n)
    let table = this.#root
    for (const next of this.#levels) {
      view.setU64(ra(table), VALID | next | 9n)
      table = next
    }
    cpu.flushTranslations()
  }

  /** Maps a page of 4 KiB below 2 MiB. */
  map(ea: bigint, gpa: bigint, rights: bigint): void {
    this.machine.view.setU64(this.entry(ea), VALID | LEAF | gpa | rights)
    this.machine.cpu.flushTranslations()
  }

  /** Real address of the entry of a page. */
  entry(ea: bigint): bigint {
    return this.ra(this.#levels[2]!) + ((ea >> 12n) & 0x1ffn) * 8n
  }
}
