import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { SavedState } from '../../debug-adapter/machine/saved-state.ts'

class Part {
  private count = 0
  readonly list: number[] = [1, 2]
  other?: Part
  add(): void {
    this.count++
    this.list.push(this.count)
  }
}

describe('state of models', () => {
  test('comes back in place, whatever happened to it', () => {
    const part = new Part()
    const leaf = new Part()
    const frozen = Object.freeze({ place: 1 })
    const root = {
      part,
      leaf,
      map: new Map<string, unknown>([
        ['a', frozen],
        ['b', [part]],
      ]),
      set: new Set([1, 2]),
      bytes: Uint8Array.of(1, 2, 3),
      file: new Uint8Array(0x10001),
      gone: 1,
    }
    const before = structuredClone({ ...root, leaf: undefined })
    const saved = new SavedState([root], new Set([leaf]))
    part.add()
    part.other = new Part()
    leaf.add()
    root.map.delete('a')
    root.map.set('c', 1)
    root.set.clear()
    root.bytes.fill(9)
    root.file[0] = 9
    delete (root as { gone?: number }).gone
    ;(root as { more?: number }).more = 1
    saved.restore()
    expect(root.part).toBe(part)
    expect(part.list).toEqual([1, 2])
    expect(part.other).toBeUndefined()
    expect('more' in root).toBe(false)
    expect({ ...structuredClone({ ...root, leaf: undefined }), file: 0 }).toEqual({ ...before, file: 0 })
    // What is none of its business stays as it is.
    expect(leaf.list).toEqual([1, 2, 1])
    expect(root.file[0]).toBe(9)
    // In the order that it was in, which the run may depend on.
    expect([...root.map.keys()]).toEqual(['a', 'b'])
  })

  test('a view of bytes that it cannot save is refused', () => {
    expect(() => new SavedState([{ view: new DataView(new ArrayBuffer(8)) }], new Set())).toThrow('holds a DataView')
  })
})

test('models keep their state where it can be found: no field of theirs that changes is a #name', () => {
  const root = new URL('../../debug-adapter/machine/', import.meta.url)
  /** References to what is saved otherwise, and helpers that live no longer than one call. */
  const harmless = /#(trace|clock|crypto|seed|random|partitionTable|reader|at)\b/
  const folders = ['clock', 'firmware', 'hypervisor', 'platform', 'tpm', 'tss', 'ultravisor']
  const found = folders.flatMap((folder) =>
    readdirSync(new URL(folder, root), { recursive: true })
      .map(String)
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) =>
        readFileSync(new URL(`${folder}/${name}`, root), 'utf8')
          .split('\n')
          .filter((line) => /^\s+(readonly )?#\w+(\s*[=:?]|$)/.test(line) && !harmless.test(line))
          .map((line) => `${folder}/${name}: ${line.trim()}`),
      ),
  )
  expect(found).toEqual([])
})
