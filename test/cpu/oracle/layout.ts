/** Where the data of a case is: registers before, registers after, and a window that loads and stores go to. Offsets in bytes. */
export const CODE = 0x10_0000
export const DATA = 0x40_0000

/** 36 registers: 32 GPRs, then {@link SAVED}. */
export const BEFORE = 0
export const SAVED = ['cr', 'xer', 'lr', 'ctr'] as const
/** Address of the instructions under test, and where to go on behind them. */
export const START = 8 * (32 + SAVED.length)
export const NEXT = START + 8
export const AFTER = 320
export const WINDOW = 640
export const WINDOW_BYTES = 512
/** r31 points here while a case is executed. */
export const MIDDLE = WINDOW + WINDOW_BYTES / 2
/** 64 vector-scalar registers, VSCR and FPSCR, before and after; used by cases with an instruction that needs them. */
export const VECTORS = 66
export const [VSCR, FPSCR] = [64, 65]
export const VECTORS_BEFORE = WINDOW + WINDOW_BYTES
export const VECTORS_AFTER = VECTORS_BEFORE + 16 * VECTORS
export const CASE_BYTES = VECTORS_AFTER + 16 * VECTORS
