/** Numbers as a person reads them. */

const UNITS = ['B', 'KiB', 'MiB', 'GiB'] as const

/** `64 KiB`, `1.5 GiB`: powers of 1024, with at most one digit behind the point. */
export function bytesText(bytes: number): string {
  let unit = 0
  let size = bytes
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024
    unit++
  }
  return `${Number.isInteger(size) ? size : size.toFixed(1)} ${UNITS[unit]}`
}

/** `12,345` whatever the locale of the browser is: a log is compared between people. */
export function countText(count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 page`, `12 pages`, `1,024 pages`. */
export function pagesText(pages: number): string {
  return `${countText(pages)} page${pages === 1 ? '' : 's'}`
}

/** Hex digits in groups of four bytes, to be read and to be broken into lines. */
export function hexGroups(hex: string): string {
  return hex.replace(/(.{8})(?=.)/g, '$1 ')
}
