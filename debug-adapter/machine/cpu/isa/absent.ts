import type { Insn } from './insn.ts'
export const absent: readonly Insn[] = []
