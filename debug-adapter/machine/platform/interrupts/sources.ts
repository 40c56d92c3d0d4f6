/** Numbers of the machine's interrupt sources (spec/pseries.md §4.6). */
export const SOURCE = {
  /** The interrupt that processors send each other (PAPR, XICS). */
  ipi: 2,
  terminal: 0x1100,
  /** The first of the four level interrupts that a PCI host bridge hands on. */
  pciLevel: 0x1200,
  /** The first that messages raise; they end before {@link SOURCE.end}. */
  message: 0x1300,
  end: 0x1400,
} as const

export const PCI_LEVEL_SOURCES = 4

/** Priority of a source that is masked, and of no request at all: the least favoured. */
export const LEAST_FAVOURED = 0xff

/**
 * One source of interrupts: what it is set to (RTAS ibm,set-xive) and whether it wants the processor. A level source wants it for as
 * long as its line is up, each time that the last request was ended; a message wants it once.
 */
export class InterruptSource {
  server = 0
  /** 0 is the most favoured. */
  priority = LEAST_FAVOURED
  /** What ibm,int-on brings back. */
  savedPriority = LEAST_FAVOURED
  /** Of a level source: its line. Of a message: it came and was not accepted. */
  raised = false
  /** Accepted and not ended yet. */
  inService = false

  constructor(
    readonly number: number,
    readonly level: boolean,
  ) {}

  get wants(): boolean {
    return this.raised && !(this.level && this.inService)
  }
}

/** Every source that the machine has, by number. */
export function interruptSources(): Map<number, InterruptSource> {
  const sources = new Map<number, InterruptSource>()
  const add = (number: number, level: boolean) => sources.set(number, new InterruptSource(number, level))
  add(SOURCE.terminal, false)
  for (let i = 0; i < PCI_LEVEL_SOURCES; i++) add(SOURCE.pciLevel + i, true)
  for (let number = SOURCE.message; number < SOURCE.end; number++) add(number, false)
  return sources
}
