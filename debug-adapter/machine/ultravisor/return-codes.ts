/** Return codes of ultracalls as they stand in R3 (spec/ultravisor.md §2.1). */
export const U = {
  SUCCESS: 0n,
  BUSY: 1n,
  FUNCTION: -2n,
  PARAMETER: -4n,
  RETRY: -5n,
  HARDWARE: -6n,
  UNSUPPORTED: -7n,
  PERMISSION: -11n,
  XSCOM_CHIPLET_OFF: -14n,
  XSCOM_PARTIAL_GOOD: -25n,
  XSCOM_ADDR_ERROR: -26n,
  XSCOM_CLOCK_ERROR: -27n,
  XSCOM_PARITY_ERROR: -28n,
  XSCOM_TIMEOUT: -29n,
  P2: -55n,
  P3: -56n,
  P4: -57n,
  P5: -58n,
  BAD_MODE: -59n,
  STATE: -75n,
} as const

const names = new Map<bigint, string>(Object.entries(U).map(([name, code]) => [code, `U_${name}`]))

/** `U_PARAMETER (-4)` for -4. */
export function ultracallCodeName(code: bigint): string {
  const name = names.get(code)
  return name === undefined ? code.toString() : `${name} (${code})`
}
