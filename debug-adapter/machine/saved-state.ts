/**
 * What the models hold (hypervisor, ultravisor, TPM, devices), saved and brought back in place: every object keeps its identity, so
 * whoever refers to one need not know. The objects are found by following their properties from a few roots, which is why a model
 * keeps its state in properties that can be seen: not in `#names`, nor in variables of closures.
 *
 * What never changes takes no part: frozen objects, functions, and byte arrays that are larger than any device's memory (the files
 * of the image).
 */

/** Longest byte array that a model changes in place. */
const LARGEST_BYTES = 0x1_0000

type Bytes = Uint8Array
type Saved =
  | {
      readonly kind: 'object'
      readonly of: Record<string, unknown>
      readonly keys: string[]
      readonly values: unknown[]
    }
  | { readonly kind: 'array'; readonly of: unknown[]; readonly values: unknown[] }
  | { readonly kind: 'map'; readonly of: Map<unknown, unknown>; readonly copy: Map<unknown, unknown> }
  | { readonly kind: 'set'; readonly of: Set<unknown>; readonly values: unknown[] }
  | { readonly kind: 'bytes'; readonly of: Bytes; readonly copy: Bytes }

export class SavedState {
  readonly #saved: Saved[] = []

  /**
   * @param roots  where the search begins
   * @param leaves objects that it does not enter: parts that are saved otherwise, or never change
   */
  constructor(roots: readonly object[], leaves: ReadonlySet<object>) {
    const seen = new Set<object>(leaves)
    const waiting: object[] = []
    const visit = (value: unknown): void => {
      if (typeof value !== 'object' || value === null || Object.isFrozen(value) || seen.has(value)) return
      seen.add(value)
      waiting.push(value)
    }
    for (const root of roots) visit(root)
    for (let next = waiting.pop(); next; next = waiting.pop()) this.#save(next, visit)
  }

  #save(of: object, visit: (value: unknown) => void): void {
    if (of instanceof Uint8Array) {
      if (of.length <= LARGEST_BYTES) this.#saved.push({ kind: 'bytes', of, copy: of.slice() })
    } else if (ArrayBuffer.isView(of) || of instanceof ArrayBuffer) {
      throw new TypeError(`a model holds a ${of.constructor.name}: expected its bytes in a Uint8Array`)
    } else if (Array.isArray(of)) {
      of.forEach(visit)
      this.#saved.push({ kind: 'array', of, values: of.slice() })
    } else if (of instanceof Map) {
      of.forEach((value, key) => {
        visit(value)
        visit(key)
      })
      this.#saved.push({ kind: 'map', of, copy: new Map(of) })
    } else if (of instanceof Set) {
      const values = [...of]
      values.forEach(visit)
      this.#saved.push({ kind: 'set', of, values })
    } else {
      const values = Object.values(of)
      values.forEach(visit)
      this.#saved.push({ kind: 'object', of: of as Record<string, unknown>, keys: Object.keys(of), values })
    }
  }

  /** How many objects take part. */
  get size(): number {
    return this.#saved.length
  }

  /** Makes every object what it was. */
  restore(): void {
    for (const saved of this.#saved) putBack(saved)
  }
}

function putBack(saved: Saved): void {
  switch (saved.kind) {
    case 'bytes':
      saved.of.set(saved.copy)
      break
    case 'array':
      saved.of.length = 0
      for (const value of saved.values) saved.of.push(value)
      break
    case 'map':
      saved.of.clear()
      for (const [key, value] of saved.copy) saved.of.set(key, value)
      break
    case 'set':
      saved.of.clear()
      for (const value of saved.values) saved.of.add(value)
      break
    case 'object':
      for (const key of Object.keys(saved.of)) if (!saved.keys.includes(key)) delete saved.of[key]
      saved.keys.forEach((key, i) => {
        if (saved.of[key] !== saved.values[i]) saved.of[key] = saved.values[i]
      })
  }
}
