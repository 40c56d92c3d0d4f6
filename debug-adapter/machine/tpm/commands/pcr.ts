import { Procedure } from '../../steps.ts'
import { DIGEST_BYTES, readHash } from '../algorithms.ts'
import { pack, sized, u32 } from '../bytes.ts'
import { command, type Run, user } from '../command.ts'
import { CC, RC, RH, TpmError } from '../constants.ts'
import { isPcr, pcrOrNull } from '../handles.ts'
import { readSelections, writeSelections } from '../pcr-selection.ts'

const EXTEND = new Procedure('tpm', 'TPM2_PCR_Extend', 'TPM 2.0 Part 3 §22.2', {
  extend: 'extend the PCR in each bank',
})
/** Digests in one TPML_DIGEST_VALUES: as many as there are hashes in the reference code. */
const MAX_DIGESTS = 4

const pcrExtend: Run = function* (tpm, [index], parameters) {
  const count = parameters.next().u32()
  if (count > MAX_DIGESTS) throw parameters.fail(RC.SIZE)
  const digests = Array.from({ length: count }, () => {
    const bank = readHash(parameters)
    return { bank, digest: parameters.take(DIGEST_BYTES[bank]) }
  })
  if (index === undefined || index === RH.NULL) return {}
  // The effect comes after the first step, so that surplus bytes are refused before.
  const [first] = digests
  yield EXTEND.at('extend', { pcr: index, ...(first && { bank: first.bank, digest: first.digest }) })
  if (!tpm.pcrs.mayExtend(index)) throw new TpmError(RC.LOCALITY)
  if (tpm.pcrs.isSaved(index)) tpm.disturbed()
  for (const [i, { bank, digest }] of digests.entries()) {
    if (i > 0) yield EXTEND.at('extend', { pcr: index, bank, digest })
    tpm.pcrs.extend(tpm.crypto, index, bank, digest)
  }
  return {}
}

const RESET = new Procedure('tpm', 'TPM2_PCR_Reset', 'TPM 2.0 Part 3 §22.8', {
  reset: 'set the PCR to zero in all banks',
})

const pcrReset: Run = function* (tpm, handles) {
  const index = handles[0]!
  yield RESET.at('reset', { pcr: index })
  if (!tpm.pcrs.mayReset(index)) throw new TpmError(RC.LOCALITY)
  tpm.pcrs.reset(index)
  return {}
}

const READ = new Procedure('tpm', 'TPM2_PCR_Read', 'TPM 2.0 Part 3 §22.4', { read: 'read the selected PCRs' })
/** A TPML_DIGEST holds at most eight values. */
const MAX_VALUES = 8

const pcrRead: Run = function* (tpm, _, parameters) {
  const selections = readSelections(parameters.next())
  yield READ.at('read', { selections: selections.length })
  let room = MAX_VALUES
  const values: Uint8Array[] = []
  const shown = selections.map(({ bank, mask }) => {
    const taken = tpm.pcrs.selected(bank, mask).slice(0, room)
    room -= taken.length
    values.push(...taken.map(({ value }) => sized(value)))
    const out = new Uint8Array(mask.length)
    for (const { index } of taken) out[index >> 3]! |= 1 << (index & 7)
    return { bank, mask: out }
  })
  return { parameters: pack(u32(tpm.pcrs.counter), writeSelections(shown), u32(values.length), ...values) }
}

export const pcrCommands = [
  command(CC.PCR_Extend, [user(pcrOrNull)], EXTEND, pcrExtend, { changesNv: true }),
  command(CC.PCR_Reset, [user(isPcr)], RESET, pcrReset, { changesNv: true }),
  command(CC.PCR_Read, [], READ, pcrRead),
]
