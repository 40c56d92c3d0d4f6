/**
 * The symbols of the guest at the addresses where the guest runs. A kernel runs at the place where it was loaded, in real
 * mode (there the top four bits of an address mean nothing), later at the addresses that it was linked for.
 */
import { AttributeError } from '../attribute-error.ts'
import { DebugInfo } from '../symbols/dwarf/debug-info.ts'
import { type ElfImage, parseElf } from '../symbols/elf.ts'
import { type LineEntry, LineTable } from '../symbols/line-table.ts'
import { type CodeSymbol, SymbolTable } from '../symbols/symbol-table.ts'
import { parseSystemMap } from '../symbols/system-map.ts'

export interface SymbolAt {
  readonly name: string
  /** Bytes from the beginning of the symbol. */
  readonly offset: bigint
}

/** Debugging information of an address. Run address = link address + delta. */
export interface DebugPlace {
  readonly info: DebugInfo
  readonly link: bigint
  readonly delta: bigint
}

/** What one file gives. */
interface SymbolPart {
  readonly elf?: ElfImage
  readonly path?: string
  readonly symbols: readonly CodeSymbol[]
  readonly debug?: DebugInfo
}

/** Run address = link address + delta, for run addresses from `start` to `end`. */
interface Placement {
  readonly delta: bigint
  readonly start: bigint
  readonly end: bigint
}

const REAL_MODE_ADDRESS = (1n << 60n) - 1n
/** Addresses of 64-bit Linux's kernel begin here. */
const KERNEL_ADDRESSES = 0xc000_0000_0000_0000n
const mask64 = (value: bigint) => BigInt.asUintN(64, value)

export class GuestSymbols {
  readonly #table: SymbolTable
  readonly #lines: readonly LineTable[]
  readonly #debug: readonly DebugInfo[]
  readonly #extent: { readonly start: bigint; readonly end: bigint }
  readonly #hasImage: boolean
  readonly #entry: bigint | undefined
  #placements: readonly Placement[]

  private constructor(parts: readonly SymbolPart[]) {
    const kernel = parts[0]?.elf
    this.#table = new SymbolTable(parts.flatMap((part) => part.symbols))
    this.#lines = parts.flatMap(({ elf }) => (elf ? [LineTable.fromElf(elf)] : []))
    // One for each of the line tables.
    this.#debug = parts.flatMap(({ debug }) => debug ?? [])
    const extent = kernel?.imageExtent()
    this.#extent = extent ?? { start: 0n, end: 0n }
    this.#entry = kernel?.entry
    this.#hasImage = extent !== undefined
    this.#placements = [{ delta: 0n, ...this.#extent }]
  }

  /**
   * @param files the kernel first, then further files with symbols; a `.dwo` or `.dwp` file among them belongs to the others
   * @param readFile reads what the compiler split off (`KERNEL.dwp`, or the `.dwo` files that it noted), where it is there
   * @throws AttributeError naming the file where one is neither an ELF file nor a System.map
   */
  static async load(
    files: readonly { readonly path: string; readonly bytes: Uint8Array }[],
    readFile?: (path: string) => Promise<Uint8Array>,
  ): Promise<GuestSymbols> {
    const parts: SymbolPart[] = []
    const split: ElfImage[] = []
    for (const [i, file] of files.entries()) {
      try {
        if (file.bytes[0] !== 0x7f) parts.push({ symbols: parseSystemMap(file.bytes) })
        else {
          const elf = await parseElf(file.bytes).inflateSections()
          if (i > 0 && elf.section('.debug_info.dwo')) split.push(elf)
          else parts.push({ elf, path: file.path, symbols: elf.symbols() })
        }
      } catch (error) {
        const accepted = 'an ELF file or a System.map'
        throw new AttributeError(i === 0 ? 'kernel' : 'symbols', file.path, accepted, (error as Error).message)
      }
    }
    const whole = parts.map(async (part) => {
      if (!part.elf) return part
      const debug = new DebugInfo(part.elf, split)
      const names = debug.splitNames
      if (names.length === 0 || !readFile) return { ...part, debug }
      return { ...part, debug: new DebugInfo(part.elf, [...split, ...(await splitFiles(part.path, names, readFile))]) }
    })
    return new GuestSymbols(await Promise.all(whole))
  }

  /** What is known of functions, variables and types at an address of the running guest, and where it runs. */
  debugAt(address: bigint): DebugPlace | undefined {
    const link = this.#linkAddress(address)
    const info =
      this.#debug.find((one) => one.unitOf(link)) ?? this.#debug.find((one) => !one.isEmpty) ?? this.#debug[0]
    return info && { info, link, delta: mask64(address - link) }
  }

  /** Tells where the kernel image lies in guest physical memory. */
  place(kernelBase: bigint): void {
    if (!this.#hasImage) return
    const { start, end } = this.#extent
    const loaded = { delta: mask64(kernelBase - start), start: kernelBase, end: kernelBase + (end - start) }
    const linked = { delta: 0n, start, end }
    // A kernel that is linked high moves itself to physical 0 and runs there in real mode until it has translation.
    const low = start & REAL_MODE_ADDRESS
    const moved = { delta: mask64(low - start), start: low, end: low + (end - start) }
    this.#placements = [loaded, linked, moved].filter(
      (a, i, all) => all.findIndex((b) => b.start === a.start && b.delta === a.delta) === i,
    )
  }

  /** The symbol that an address of the running guest lies in. */
  at(address: bigint): SymbolAt | undefined {
    return this.#table.at(this.#linkAddress(address))
  }

  /** `main+0x24`, or the address where no symbol is known. */
  describe(address: bigint): string {
    const symbol = this.at(address)
    if (!symbol) return `0x${address.toString(16)}`
    return symbol.offset === 0n ? symbol.name : `${symbol.name}+0x${symbol.offset.toString(16)}`
  }

  /** Is it linked where kernels run? Then what runs in problem state is a process of another program. */
  get isKernel(): boolean {
    return this.#extent.start >= KERNEL_ADDRESSES
  }

  /** Does the address lie in the function that the kernel is entered at? Nobody called that one. */
  isEntry(address: bigint): boolean {
    const entry = this.#entry === undefined ? undefined : this.#table.at(this.#entry)
    return entry !== undefined && this.at(address)?.name === entry.name
  }

  /**
   * Where the symbol is while the kernel runs as it was loaded.
   * @param near an address of the kernel's code: then while it runs where that lies
   */
  find(name: string, near?: bigint): bigint | undefined {
    const symbol = this.#table.find(name)
    const placement = near === undefined ? undefined : this.#placementOf(near)
    return symbol && mask64(symbol.address + (placement ?? this.#placements[0]!).delta)
  }

  /**
   * Every address at which the guest may enter the symbol: as loaded, as linked, and moved to 0. Of a function it is the
   * local entry point: calls from the same module begin there, and those to the global one pass it.
   */
  entriesOf(name: string): bigint[] {
    const symbol = this.#table.find(name)
    return symbol ? this.#runAddresses(symbol.address + BigInt(symbol.localEntryOffset ?? 0)) : []
  }

  get names(): readonly string[] {
    return this.#table.functions.map((symbol) => symbol.name)
  }

  /** Line of the source that an address belongs to. */
  lineAt(address: bigint): (LineEntry & { readonly isStart: boolean }) | undefined {
    const link = this.#linkAddress(address)
    for (const table of this.#lines) {
      const found = table.at(link)
      if (found) return { ...found, isStart: found.isStatement && found.address === link }
    }
    return undefined
  }

  /** The source file that the compilation around an address knows by a number. */
  callFile(address: bigint, number: number): string | undefined {
    const found = this.debugAt(address)
    const offset = found?.info.linesOf(found.link)
    if (!found || offset === undefined) return undefined
    return this.#lines[this.#debug.indexOf(found.info)]?.fileOf(offset, number)
  }

  /** Addresses where the code of a source line begins; `line` becomes the next line with code. */
  addressesOfLine(file: string, line: number): { readonly line: number; readonly addresses: bigint[] } | undefined {
    for (const table of this.#lines) {
      const found = table.addressesOf(file, line)
      if (found) return { line: found.line, addresses: found.addresses.flatMap((link) => this.#runAddresses(link)) }
    }
    return undefined
  }

  /** Paths of the source files that the line information names. */
  get sourceFiles(): readonly string[] {
    return [...new Set(this.#lines.flatMap((table) => table.files))].sort()
  }

  #runAddresses(link: bigint): bigint[] {
    return [...new Set(this.#placements.map((placement) => mask64(link + placement.delta)))]
  }

  #linkAddress(address: bigint): bigint {
    return mask64(address - (this.#placementOf(address)?.delta ?? 0n))
  }

  #placementOf(address: bigint): Placement | undefined {
    return this.#placements.find(({ start, end }) => address >= start && address < end)
  }
}

const MAX_SPLIT = 5000

/** A package beside the program, else each file by the name that the compiler noted or its last part beside the program. */
async function splitFiles(
  path: string | undefined,
  names: DebugInfo['splitNames'],
  readFile: (path: string) => Promise<Uint8Array>,
): Promise<ElfImage[]> {
  const open = async (...candidates: string[]): Promise<ElfImage | undefined> => {
    for (const candidate of candidates)
      try {
        return await parseElf(await readFile(candidate)).inflateSections()
      } catch {
        // Variables of that compilation are not known then; the program can still be debugged.
      }
    return undefined
  }
  const packed = await open(`${path}.dwp`)
  if (packed) return [packed]
  const beside = (path ?? '').replace(/[^\\/]*$/, '')
  const found: ElfImage[] = []
  for (const { name, folder } of names.slice(0, MAX_SPLIT)) {
    const last = name.replace(/^.*[\\/]/, '')
    const file = await open(
      /^([\\/]|[A-Za-z]:)/.test(name) ? name : `${folder}/${name}`,
      `${beside}${name}`,
      `${beside}${last}`,
    )
    if (file) found.push(file)
  }
  return found
}
