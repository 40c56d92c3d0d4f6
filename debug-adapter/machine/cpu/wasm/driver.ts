/**
 * Generates the function that `Cpu.run` calls: it goes back and forth between compiled pages and the interpreter. It is a function of
 * its own, and small, so that going from one compiled page to the next costs little.
 */
import {
  COUNTERS,
  DECODED,
  EVENT,
  Event,
  INTERPRET,
  ITLB_BASE,
  ITLB_ENTRIES,
  ITLB_ENTRY,
  LEAST_LEFT,
  NIA,
  RECORD,
  REMAINING,
} from '../layout.ts'
import { Code } from './emitter.ts'

/** Distance of the counter of a record from a quarter of the record's offset. */
export const COUNTER_OFFSET = COUNTERS - (DECODED * 4) / RECORD

/** Finds the instruction translation of the address in `address`; leaves 1 where the entry, then in `entry`, is of its page. */
export function lookUpFetch(code: Code, address: number, entry: number): Code {
  code.i32(0).load(4, 'i32', ITLB_BASE).get(address).i64(12n).op(0x88).op(0xa7)
  code
    .i32(ITLB_ENTRIES - 1)
    .op(0x71)
    .i32(ITLB_ENTRY)
    .op(0x6c)
    .op(0x6a)
    .tee(entry)
  return code.load(8, 'i64', 0).get(address).i64(~0xfffn).op(0x83).op(0x51)
}

/** Puts the offset of the record of the address in `address` on the stack, whose page's records begin where the stack says. */
export function recordOf(code: Code, address: number): Code {
  return code.get(address).op(0xa7).i32(0xffc).op(0x71).i32(2).op(0x74).op(0x6a)
}

/**
 * Runs until nothing remains of the budget or an event asks to leave.
 * @param interpret the number of the interpreter's function; its parameter says that its first instruction is not compiled code's
 * @param compiled  whether there may be compiled code in this mode
 */
export function driver(interpret: number, compiled: boolean): Code {
  const code = new Code()
  if (!compiled) return code.i32(0).call(interpret)
  const entry = code.local('i32')
  const slot = code.local('i32')
  const nia = code.local('i64')
  code.loop('again').block('done').block('interpret')
  code.i32(0).load(4, 'i32', REMAINING).i32(LEAST_LEFT).op(0x48).brIf('interpret')
  code.i32(0).load(4, 'i32', INTERPRET).if()
  code.i32(0).i32(0).store(4, 'i32', INTERPRET).i32(1).call(interpret).br('done').end()
  code.i32(0).load(8, 'i64', NIA).set(nia)
  lookUpFetch(code, nia, entry).op(0x45).brIf('interpret')
  code.get(entry).load(4, 'i32', 8)
  recordOf(code, nia).i32(2).op(0x76).load(4, 'i32', COUNTER_OFFSET).tee(slot).i32(0).op(0x4e).brIf('interpret')
  code.get(slot).i32(0x3ff).op(0x71).get(slot).i32(10).op(0x76).i32(0x1f_ffff).op(0x71).callIndirect().br('done')
  code.end() // interpret
  code.i32(0).call(interpret)
  code.end() // done
  code.i32(0).load(4, 'i32', REMAINING).op(0x45)
  code.i32(0).load(4, 'i32', EVENT).i32(Event.Leave).op(0x46).op(0x72).if().return().end()
  code.i32(0).i32(Event.None).store(4, 'i32', EVENT).br('again').end()
  return code
}
