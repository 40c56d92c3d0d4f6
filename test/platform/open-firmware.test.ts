import { describe, expect, test } from 'vitest'
import { Clock } from '../../debug-adapter/machine/clock/clock.ts'
import { Console } from '../../debug-adapter/machine/platform/console.ts'
import { guestTree } from '../../debug-adapter/machine/platform/device-tree.ts'
import { ClientInterface } from '../../debug-adapter/machine/platform/open-firmware/client-interface.ts'
import { MemoryClaims } from '../../debug-adapter/machine/platform/open-firmware/memory-claims.ts'
import { Trace } from '../../debug-adapter/machine/trace/trace.ts'
import { getCells, getStrings } from '../../server/esm/fdt.ts'
import { RTAS_CODE } from '../../server/esm/verify/digests.ts'
import { MiB, TestMemory } from './guest.ts'

const BLOCK = 0x2000n
const TEXT = 0x3000
const BUFFER = 0x4000
const FAILED = 0xffff_ffff

/** A client that puts its strings and argument blocks into memory as prom_init does. */
function client() {
  const memory = new TestMemory(32 * MiB)
  const trace = new Trace(new Clock())
  const console = new Console(trace)
  const rtas = { base: 0x1ff_0000n, codeBytes: RTAS_CODE.length, areaBytes: 0x82c }
  const tree = guestTree({ memoryBytes: BigInt(32 * MiB), bootargs: 'svm=on', initrd: undefined, rtas })
  const claims = new MemoryClaims(BigInt(32 * MiB))
  claims.reserve(0x40_0000n, 0x10_0000n)
  const of = new ClientInterface(tree, claims, memory, console, trace)
  let next = TEXT
  const text = (value: string): number => {
    const at = next
    memory.write(BigInt(at), new TextEncoder().encode(`${value}\0`))
    next += value.length + 1
    return at
  }
  const call = (service: string, results: number, ...args: (number | string)[]): number[] => {
    const cells = [
      text(service),
      args.length,
      results,
      ...args.map((arg) => (typeof arg === 'string' ? text(arg) : arg)),
    ]
    const bytes = new Uint8Array(4 * (cells.length + results))
    const view = new DataView(bytes.buffer)
    for (const [i, cell] of cells.entries()) view.setUint32(4 * i, cell)
    memory.write(BLOCK, bytes)
    expect(of.call(BLOCK)).toBe(0n)
    const out = memory.read(BLOCK + BigInt(4 * cells.length), 4 * results)
    return Array.from({ length: results }, (_, i) => new DataView(out.buffer, out.byteOffset).getUint32(4 * i))
  }
  const one = (service: string, ...args: (number | string)[]): number => call(service, 1, ...args)[0]!
  const string = (at: number): string => of.string(at)
  return { memory, trace, console, tree, of, call, one, string }
}

describe('the client interface', () => {
  test('does not grow without bound for a client that opens, sets or claims for ever', () => {
    const { of } = client()
    const { claims } = of
    const node = of.nodes.find('/chosen')!
    const opened = Array.from({ length: 1000 }, () => of.open(node))
    expect(opened.filter((handle) => handle !== 0).length).toBeLessThanOrEqual(256)
    of.close(opened[0]!)
    expect(of.open(node)).not.toBe(0)

    const set = Array.from({ length: 2000 }, (_, i) => of.setProperty(node, `p${i}`, new Uint8Array(0x1000)))
    expect(set.filter(Boolean).length).toBeGreaterThan(200)
    expect(set.at(-1)).toBe(false)
    // What is there can still be changed, and made smaller.
    expect(of.setProperty(node, 'p0', new Uint8Array(8))).toBe(true)
    expect(of.setProperty(node, 'p0', new Uint8Array(0x1000))).toBe(true)

    const claimed = Array.from({ length: 1000 }, () => claims.claim(0n, 16n, 16n))
    expect(claimed.filter((place) => place !== undefined).length).toBeGreaterThan(400)
    expect(claimed.at(-1)).toBeUndefined()
    claims.release(claimed[0]!, 16n)
    expect(claims.claim(0n, 16n, 16n)).toBe(claimed[0])
  })

  test('refuses a property that the tree has no room for', () => {
    const { one, of } = client()
    const chosen = one('finddevice', '/chosen')
    expect(one('setprop', chosen, 'small', BUFFER, 16)).toBe(16)
    expect(one('setprop', chosen, 'large', BUFFER, 2 << 20)).toBe(FAILED)
    expect([...of.nodes.find('/chosen')!.properties.keys()]).not.toContain('large')
  })

  test('finds nodes, and walks the whole tree by child and peer', () => {
    const { one, string, tree } = client()
    const paths: string[] = []
    const visit = (handle: number): void => {
      expect(one('package-to-path', handle, BUFFER, 200)).toBe(string(BUFFER).length)
      paths.push(string(BUFFER))
      expect(one('finddevice', string(BUFFER))).toBe(handle)
      for (let child = one('child', handle); child !== 0; child = one('peer', child)) {
        expect(one('parent', child)).toBe(handle)
        visit(child)
      }
    }
    visit(one('peer', 0))
    expect(paths[0]).toBe('/')
    expect(paths).toContain('/cpus/PowerPC,POWER9@0')
    expect(paths).toContain('/vdevice/vty@71000000')
    const count = (node: typeof tree.root): number => node.children.reduce((sum, child) => sum + count(child), 1)
    expect(paths.length).toBe(count(tree.root))
    expect(one('finddevice', '/vdevice/vtpm')).toBe(FAILED)
  })

  test('lists properties, gives and sets them', () => {
    const { one, string, tree, memory } = client()
    const chosen = one('finddevice', '/chosen')
    const names: string[] = []
    for (let previous: number | string = 0; one('nextprop', chosen, previous, BUFFER) === 1; previous = names.at(-1)!)
      names.push(string(BUFFER))
    expect(names).toEqual([...tree.root.children[0]!.properties.keys()])
    expect(one('nextprop', chosen, 'no-such', BUFFER)).toBe(FAILED)
    expect(one('getproplen', chosen, 'bootargs')).toBe(7)
    // The whole length is told where the buffer is too short, and no more is written.
    memory.write(BigInt(BUFFER), new Uint8Array(16).fill(0xaa))
    expect(one('getprop', chosen, 'bootargs', BUFFER, 3)).toBe(7)
    expect([...memory.read(BigInt(BUFFER), 4)]).toEqual([0x73, 0x76, 0x6d, 0xaa])
    expect(one('getprop', chosen, 'name', BUFFER, 20)).toBe(7)
    expect(string(BUFFER)).toBe('chosen')
    expect(one('getprop', chosen, 'no-such', BUFFER, 20)).toBe(FAILED)
    memory.write(BigInt(BUFFER), Uint8Array.of(0, 0, 0, 5))
    expect(one('setprop', chosen, 'linux,initrd-start', BUFFER, 4)).toBe(4)
    expect(getCells(tree.root.children[0]!, 'linux,initrd-start')).toBe(5n)
    expect(one('getprop', 999, 'name', BUFFER, 20)).toBe(FAILED)
  })

  test('has a terminal behind /chosen/stdout', () => {
    const { one, string, tree, console, memory } = client()
    const stdout = Number(getCells(tree.root.children[0]!, 'stdout'))
    expect(getStrings(tree.root.children[0]!, 'stdout-path')).toEqual(['/vdevice/vty@71000000'])
    one('instance-to-path', stdout, BUFFER, 100)
    expect(string(BUFFER)).toBe('/vdevice/vty@71000000')
    expect(one('instance-to-package', stdout)).toBe(one('finddevice', '/vdevice/vty@71000000'))
    memory.write(BigInt(BUFFER), new TextEncoder().encode('hello'))
    expect(one('write', stdout, BUFFER, 5)).toBe(5)
    expect(console.text).toBe('hello')
    expect(one('write', 99, BUFFER, 5)).toBe(FAILED)
  })

  test('claims memory that is free, at a place or anywhere', () => {
    const { one } = client()
    expect(one('claim', 0x40_0000, 0x1000, 0)).toBe(FAILED)
    expect(one('claim', 0x50_0000, 0x1000, 0)).toBe(0x50_0000)
    expect(one('claim', 0x50_0000, 0x1000, 0)).toBe(FAILED)
    expect(one('claim', 0, 0x1000, 0x10_0000)).toBe(0)
    expect(one('claim', 0, 0x1000, 0x10_0000)).toBe(0x10_0000)
    expect(one('claim', 0x1ff_f000, 0x2000, 0)).toBe(FAILED)
    one('release', 0x50_0000, 0x1000)
    expect(one('claim', 0x50_0000, 0x1000, 0)).toBe(0x50_0000)
    expect(one('claim', 0, 0x1000, 3)).toBe(FAILED)
  })

  test('instantiates RTAS where the client wants it', () => {
    const { one, call, memory } = client()
    const rtas = one('open', '/rtas')
    expect(call('call-method', 2, 'instantiate-rtas', rtas, 0x1ff_0000)).toEqual([0, 0x1ff_0000])
    expect(memory.read(0x1ff_0000n, RTAS_CODE.length)).toEqual(RTAS_CODE)
    expect(call('call-method', 2, 'ibm,client-architecture-support', one('open', '/'), BUFFER)).toEqual([0, 0])
    expect(call('call-method', 2, 'no-such-method', rtas)).toEqual([FAILED, 0])
    expect(call('call-method', 2, 'instantiate-rtas', 99, 0)).toEqual([FAILED, 0])
    expect(one('open', '/no/such')).toBe(0)
  })

  test('answers what it has not, what is too short and what leaves', () => {
    const { one, of, memory, trace } = client()
    expect(one('interpret', 'here')).toBe(FAILED)
    expect(one('getprop')).toBe(FAILED)
    expect(one('test', 'getprop')).toBe(0)
    expect(one('test', 'interpret')).toBe(FAILED)
    one('exit')
    expect(of.end?.reason).toContain('exit')
    memory.write(BLOCK, Uint8Array.of(0, 0, 0x30, 0, 0, 0, 0, 200, 0, 0, 0, 1))
    expect(of.call(BLOCK)).toBe(-4n)
    expect(trace.of('firmware-call').map(({ service }) => service)).toContain('interpret')
  })
})
