import { algorithmOf, type Bank, readHash } from './algorithms.ts'
import { type FieldReader, pack, u8, u16, u32 } from './bytes.ts'
import { RC } from './constants.ts'
import type { TpmState } from './state.ts'

/** Selections in one list: as many as there are hashes in the reference code. */
const MAX_SELECTIONS = 4
/** Bytes of a selection: 24 registers, no more and no less. */
const MASK_BYTES = 3

export interface Selection {
  readonly bank: Bank
  readonly mask: Uint8Array
}

/** A TPML_PCR_SELECTION (TPM 2.0 part 2, 10.9.7). */
export function readSelections(reader: FieldReader): Selection[] {
  const count = reader.u32()
  if (count > MAX_SELECTIONS) throw reader.fail(RC.SIZE)
  return Array.from({ length: count }, () => {
    const bank = readHash(reader)
    const size = reader.u8()
    if (size !== MASK_BYTES) throw reader.fail(RC.VALUE)
    return { bank, mask: reader.take(size) }
  })
}

export const writeSelections = (selections: readonly Selection[]): Uint8Array =>
  pack(
    u32(selections.length),
    ...selections.map(({ bank, mask }) => pack(u16(algorithmOf[bank]), u8(mask.length), mask)),
  )

/** Digest over the values of all selected registers, in the order of the selection. */
export const digestOf = (tpm: TpmState, selections: readonly Selection[]): Uint8Array =>
  tpm.crypto.sha256(...selections.flatMap(({ bank, mask }) => tpm.pcrs.selected(bank, mask).map((pcr) => pcr.value)))
