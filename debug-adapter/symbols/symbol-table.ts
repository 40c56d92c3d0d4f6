import { lastAt } from '../sorted.ts'

export interface CodeSymbol {
  readonly name: string
  /** As linked. */
  readonly address: bigint
  /** 0 where it is not known: then it reaches to the next symbol. */
  readonly size: bigint
  readonly kind: 'function' | 'object' | 'label'
  /** Bytes to the local entry point of a function of the ELF V2 ABI. */
  readonly localEntryOffset?: number
}

/** Symbols by name and by address. */
export class SymbolTable {
  /** By ascending address; of several at one address the best name only. */
  readonly #sorted: readonly CodeSymbol[]
  readonly #byName = new Map<string, CodeSymbol>()

  constructor(symbols: readonly CodeSymbol[]) {
    for (const symbol of symbols) if (!this.#byName.has(symbol.name)) this.#byName.set(symbol.name, symbol)
    const sorted = [...symbols].sort((a, b) => {
      if (a.address !== b.address) return a.address < b.address ? -1 : 1
      return rank(a) - rank(b)
    })
    this.#sorted = sorted.filter((symbol, i) => i === 0 || sorted[i - 1]!.address !== symbol.address)
  }

  /** The symbol that covers `address`, and the offset in it. */
  at(address: bigint): { readonly name: string; readonly offset: bigint; readonly symbol: CodeSymbol } | undefined {
    // A label inside a function does not end it, so look back to a symbol whose size still covers the address.
    const last = lastAt(this.#sorted, (symbol) => symbol.address <= address)
    const nearest = this.#sorted[last]
    for (let i = last; i >= 0 && i >= last - LOOK_BACK; i--) {
      const symbol = this.#sorted[i]!
      if (symbol.size > 0n && address < symbol.address + symbol.size)
        return { name: symbol.name, offset: address - symbol.address, symbol }
    }
    if (!nearest || nearest.size > 0n || address - nearest.address > MAX_UNSIZED) return undefined
    return { name: nearest.name, offset: address - nearest.address, symbol: nearest }
  }

  find(name: string): CodeSymbol | undefined {
    return this.#byName.get(name)
  }

  get functions(): readonly CodeSymbol[] {
    return this.#sorted.filter((symbol) => symbol.kind === 'function')
  }
}

const LOOK_BACK = 16
/** A symbol without a size is believed for 64 KiB at most. */
const MAX_UNSIZED = 0x1_0000n

/** Of several symbols at one address: functions with a size first, names without dots before others. */
function rank(symbol: CodeSymbol): number {
  const kind = { function: 0, object: 1, label: 2 }[symbol.kind]
  return kind * 4 + (symbol.size > 0n ? 0 : 2) + (/^[._]/.test(symbol.name) ? 1 : 0)
}
