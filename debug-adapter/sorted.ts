/** Position of the last item that `holds` is true of, in a list where it is for a beginning; -1 where for none. */
export function lastAt<T>(list: readonly T[], holds: (one: T) => boolean): number {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (holds(list[middle]!)) low = middle + 1
    else high = middle
  }
  return low - 1
}
