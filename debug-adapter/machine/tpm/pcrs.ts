import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'
import { BANKS, type Bank, DIGEST_BYTES } from './algorithms.ts'
import { PCR_COUNT } from './handles.ts'

/** PC Client profile: 0 to 15 survive a suspend; 17 to 22 belong to dynamic launch; 16 and 23 are for anybody. */
const isSaved = (index: number): boolean => index < 16
const isDynamic = (index: number): boolean => index >= 17 && index <= 22
/**
 * Registers that change without the update counter (part 1, 17.9, leaves the choice to the platform): the debug and the
 * application register and the dynamic OS, as in the reference code for PCs.
 */
const isUncounted = (index: number): boolean => index === 16 || index >= 21

/** The banks of platform configuration registers. */
export class Pcrs {
  readonly values: Record<Bank, Uint8Array[]>
  /** Changes of counted registers, in all banks together. */
  counter = 0

  constructor() {
    const bank = (bytes: number) =>
      Array.from({ length: PCR_COUNT }, (_, i) => new Uint8Array(bytes).fill(isDynamic(i) ? 0xff : 0))
    this.values = { sha1: bank(DIGEST_BYTES.sha1), sha256: bank(DIGEST_BYTES.sha256) }
    for (let i = 0; i < PCR_COUNT; i++) this.#changed(i)
  }

  #changed(index: number): void {
    if (!isUncounted(index)) this.counter++
  }

  copy(): Pcrs {
    const copy = new Pcrs()
    for (const bank of BANKS) copy.values[bank] = this.values[bank].map((value) => value.slice())
    copy.counter = this.counter
    return copy
  }

  /** What Startup(STATE) makes of these, as they were at Shutdown. */
  resumed(): Pcrs {
    const fresh = new Pcrs()
    const out = this.copy()
    for (let i = 0; i < PCR_COUNT; i++) {
      if (isSaved(i)) continue
      for (const bank of BANKS) out.values[bank][i] = fresh.values[bank][i]!
      out.#changed(i)
    }
    return out
  }

  /** Whether locality 0 may extend the register. */
  mayExtend(index: number): boolean {
    return !isDynamic(index)
  }

  mayReset(index: number): boolean {
    return index === 16 || index === 23
  }

  /** Whether Shutdown(STATE) keeps the register: a change makes what was kept stale. */
  isSaved(index: number): boolean {
    return isSaved(index)
  }

  extend(crypto: CryptoProvider, index: number, bank: Bank, digest: Uint8Array): void {
    this.values[bank][index] = crypto[bank](this.values[bank][index]!, digest)
    this.#changed(index)
  }

  reset(index: number): void {
    for (const bank of BANKS) this.values[bank][index]!.fill(0)
    this.#changed(index)
  }

  /** TPM2_Clear counts as a change: policies that depend on PCRs have to be proved again. */
  touch(): void {
    this.counter++
  }

  /** Values of the selected registers of one bank in order. @param mask bit n of byte m is register 8m + n */
  selected(bank: Bank, mask: Uint8Array): { index: number; value: Uint8Array }[] {
    return this.values[bank].flatMap((value, index) =>
      ((mask[index >> 3] ?? 0) & (1 << (index & 7))) !== 0 ? [{ index, value }] : [],
    )
  }
}
