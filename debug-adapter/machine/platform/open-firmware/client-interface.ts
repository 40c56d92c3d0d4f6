/**
 * The Open Firmware client interface (IEEE 1275-1994 6.3): what a kernel's first code asks before it manages the machine by
 * itself. The guest calls a stub of five instructions, whose hypercall ends here (spec/pseries.md §4.1, §4.2).
 */
import { cells, type FdtNode, type FdtTree } from '../../../../server/esm/fdt.ts'
import { RTAS_CODE } from '../../../../server/esm/verify/digests.ts'
import type { MachineEnd } from '../../api.ts'
import type { Trace } from '../../trace/trace.ts'
import type { Console } from '../console.ts'
import type { GuestMemory } from '../guest-memory.ts'
import { H } from '../hcall-table.ts'
import { DeviceNodes } from './device-nodes.ts'
import type { MemoryClaims } from './memory-claims.ts'

/** Where the kernel enters the client interface: below everything that is loaded. */
export const CLIENT_ENTRY = 0x1000n
/** First bytes of memory, which belong to the firmware until the kernel takes them. */
export const FIRMWARE_BYTES = 0x1_0000n
/** The kernel begins on the stack of the firmware, which grows down from here; the frame header above it is its caller's. */
export const FIRMWARE_STACK = FIRMWARE_BYTES - 0x100n
/** mr r4,r3; lis r3,0; ori r3,r3,0xf005; sc 1; blr: big-endian, and called in 32-bit mode. */
export const CLIENT_STUB: Uint8Array = Uint8Array.of(
  ...[0x7c, 0x64, 0x1b, 0x78, 0x3c, 0x60, 0x00, 0x00, 0x60, 0x63],
  ...[0xf0, 0x05, 0x44, 0x00, 0x00, 0x22, 0x4e, 0x80, 0x00, 0x20],
)

/** Status of a service that failed, or is not there. */
const FAILED = -1
/** Cells of an argument block behind its header: service, number of arguments, number of results. */
const HEADER_BYTES = 12
const MAX_CELLS = 16
const MAX_NAME = 256
/** Longest text or property that one call moves, in bytes. */
const MAX_BYTES = 1 << 20

/** Results: a status or value, and more for `call-method`. */
type Service = (of: ClientInterface, args: readonly number[]) => number | readonly number[]

/** Devices that may be open at a time. */
const MOST_INSTANCES = 256
/** Bytes by which a client may make the tree grow: UV_ESM takes none of over 1 MiB anyway. */
const MOST_SET_BYTES = 1 << 20

export class ClientInterface {
  readonly nodes: DeviceNodes
  /** Open devices by ihandle: paths of nodes. */
  private readonly instances = new Map<number, FdtNode>()
  private nextInstance = 1
  /** By how many bytes the client has made the tree grow. */
  private grown = 0
  /** Set when the client asked to leave. */
  end: MachineEnd | undefined

  /**
   * @param tree   the device tree; the client may change it
   * @param claims memory that is taken already
   */
  constructor(
    tree: FdtTree,
    readonly claims: MemoryClaims,
    readonly memory: GuestMemory,
    readonly console: Console,
    readonly trace: Trace,
  ) {
    this.nodes = new DeviceNodes(tree)
    const chosen = this.nodes.find('/chosen')
    const terminal = this.nodes.find(text(chosen?.properties.get('stdout-path') ?? new Uint8Array(0)))
    if (!chosen || !terminal) return
    for (const name of ['stdin', 'stdout']) chosen.properties.set(name, cells(this.open(terminal)))
  }

  /** @returns 0 where too many are open */
  open(node: FdtNode): number {
    if (this.instances.size >= MOST_INSTANCES) return 0
    this.instances.set(this.nextInstance, node)
    return this.nextInstance++
  }

  /** @returns false where the tree would become too large */
  setProperty(node: FdtNode, name: string, value: Uint8Array): boolean {
    const before = node.properties.get(name)
    const grows = before ? value.length - before.length : name.length + value.length
    if (this.grown + grows > MOST_SET_BYTES) return false
    this.grown += grows
    node.properties.set(name, value)
    return true
  }

  instance(handle: number): FdtNode | undefined {
    return this.instances.get(handle)
  }

  close(handle: number): void {
    this.instances.delete(handle)
  }

  /**
   * One call. @param block guest physical address of service name, nargs, nret, arguments, results (32-bit big-endian cells)
   * @returns R3: 0, or H_PARAMETER for a block that is none
   * @throws RefusalError where the block is in memory that the hypervisor does not have
   */
  call(block: bigint): bigint {
    const [service, nargs, nret] = words(this.memory.read(block, HEADER_BYTES)) as [number, number, number]
    if (nargs + nret > MAX_CELLS) return H.PARAMETER
    const args = words(this.memory.read(block + BigInt(HEADER_BYTES), 4 * nargs))
    const name = this.string(service)
    const known = Object.hasOwn(SERVICES, name) ? SERVICES[name] : undefined
    const answer = known && args.length >= known.least ? known.run(this, args) : FAILED
    const results = typeof answer === 'number' ? [answer] : answer
    this.trace.add({ type: 'firmware-call', service: name, args: this.#shown(name, args), result: results[0]! | 0 })
    const out = Array.from({ length: nret }, (_, i) => results[i] ?? 0)
    this.memory.write(block + BigInt(HEADER_BYTES + 4 * nargs), bigEndian(out))
    return H.SUCCESS
  }

  /** Text that ends in NUL. */
  string(address: number): string {
    let value = ''
    for (let at = address; value.length < MAX_NAME; at++) {
      const [byte] = this.memory.read(BigInt(at), 1)
      if (byte === 0) break
      value += String.fromCharCode(byte!)
    }
    return value
  }

  bytes(address: number, length: number): Uint8Array {
    return this.memory.read(BigInt(address), Math.min(length, MAX_BYTES))
  }

  write(address: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.memory.write(BigInt(address), bytes)
  }

  /** Arguments for the log: nodes by path, names as text. */
  #shown(service: string, args: readonly number[]): string {
    const node = NODE_FIRST.has(service) ? this.nodes.node(args[0]!) : undefined
    const first = node ? [this.nodes.path(node)] : []
    const named = NAMED[service]
    const name = named !== undefined && args[named] ? [JSON.stringify(this.string(args[named]))] : []
    return [...first, ...name].join(' ')
  }
}

const NODE_FIRST = new Set('getprop getproplen nextprop setprop child peer parent package-to-path'.split(' '))
const NAMED: Readonly<Record<string, number>> = {
  finddevice: 0,
  open: 0,
  test: 0,
  'call-method': 0,
  getprop: 1,
  getproplen: 1,
  nextprop: 1,
  setprop: 1,
}

const service = (least: number, run: Service) => ({ least, run })

/** `name` is a property of every node that the tree does not store. */
function property(node: FdtNode, name: string): Uint8Array | undefined {
  return node.properties.get(name) ?? (name === 'name' ? nulTerminated(node.name.replace(/@.*/, '')) : undefined)
}

const nodeService = (run: (of: ClientInterface, node: FdtNode, args: readonly number[]) => number) =>
  service(1, (of, args) => {
    const node = of.nodes.node(args[0]!)
    return node ? run(of, node, args) : FAILED
  })

const walk = (step: (of: ClientInterface, node: FdtNode) => FdtNode | undefined) =>
  nodeService((of, node) => {
    const next = step(of, node)
    return next ? of.nodes.handle(next) : 0
  })

/** Writes as much of the path as there is room for. @returns its whole length */
function givePath(of: ClientInterface, node: FdtNode, buffer: number, length: number): number {
  const path = nulTerminated(of.nodes.path(node))
  of.write(buffer, path.subarray(0, length))
  return path.length - 1
}

const SERVICES: Readonly<Record<string, { readonly least: number; readonly run: Service }>> = {
  finddevice: service(1, (of, [path]) => {
    const node = of.nodes.find(of.string(path!))
    return node ? of.nodes.handle(node) : FAILED
  }),
  peer: service(1, (of, [handle]) => {
    if (handle === 0) return of.nodes.handle(of.nodes.tree.root)
    const node = of.nodes.node(handle!)
    const next = node && of.nodes.peer(node)
    return next ? of.nodes.handle(next) : node ? 0 : FAILED
  }),
  child: walk((of, node) => of.nodes.child(node)),
  parent: walk((of, node) => of.nodes.parent(node)),
  getproplen: nodeService((of, node, [, name]) => property(node, of.string(name!))?.length ?? FAILED),
  getprop: nodeService((of, node, [, name, buffer, length]) => {
    const value = property(node, of.string(name!))
    if (!value) return FAILED
    of.write(buffer!, value.subarray(0, length))
    return value.length
  }),
  nextprop: nodeService((of, node, [, previous, buffer]) => {
    const names = [...node.properties.keys()]
    const before = previous === 0 ? '' : of.string(previous!)
    const at = before === '' ? 0 : names.indexOf(before) + 1
    if (before !== '' && at === 0) return FAILED
    of.write(buffer!, nulTerminated(names[at] ?? ''))
    return at < names.length ? 1 : 0
  }),
  setprop: nodeService((of, node, [, name, buffer, length]) => {
    const value = of.bytes(buffer!, length!).slice()
    return of.setProperty(node, of.string(name!), value) ? value.length : FAILED
  }),
  'package-to-path': nodeService((of, node, [, buffer, length]) => givePath(of, node, buffer!, length!)),
  'instance-to-path': service(3, (of, [handle, buffer, length]) => {
    const node = of.instance(handle!)
    return node ? givePath(of, node, buffer!, length!) : FAILED
  }),
  'instance-to-package': service(1, (of, [handle]) => {
    const node = of.instance(handle!)
    return node ? of.nodes.handle(node) : FAILED
  }),
  open: service(1, (of, [path]) => {
    const node = of.nodes.find(of.string(path!))
    return node ? of.open(node) : 0
  }),
  close: service(1, (of, [handle]) => {
    of.close(handle!)
    return 0
  }),
  write: service(3, (of, [handle, buffer, length]) => {
    if (!of.instance(handle!)) return FAILED
    of.console.write(of.bytes(buffer!, length!))
    return length!
  }),
  read: service(3, (of, [handle, buffer, length]) => {
    if (!of.instance(handle!)) return FAILED
    const typed = of.console.read(Math.min(length!, MAX_NAME))
    of.write(buffer!, typed)
    return typed.length
  }),
  claim: service(3, (of, [address, bytes, align]) => {
    const place = of.claims.claim(BigInt(address!), BigInt(bytes!), BigInt(align!))
    return place === undefined ? FAILED : Number(place)
  }),
  release: service(2, (of, [address, bytes]) => {
    of.claims.release(BigInt(address!), BigInt(bytes!))
    return 0
  }),
  test: service(1, (of, [name]) => (Object.hasOwn(SERVICES, of.string(name!)) ? 0 : FAILED)),
  quiesce: service(0, () => 0),
  milliseconds: service(0, (of) => of.trace.clock.milliseconds),
  exit: service(0, (of) => {
    of.end = { how: 'stopped', reason: 'the kernel left for the firmware (Open Firmware exit)' }
    return 0
  }),
  'call-method': service(2, (of, [method, handle, ...args]) => {
    const node = of.instance(handle!)
    if (!node) return [FAILED]
    switch (of.string(method!)) {
      // The tree says already what this machine settles for, whatever the vectors of the client offer.
      case 'ibm,client-architecture-support':
        return [0, 0]
      case 'instantiate-rtas':
        of.write(args[0]!, RTAS_CODE)
        return [0, args[0]!]
      default:
        return [FAILED]
    }
  }),
}

function nulTerminated(value: string): Uint8Array {
  return Uint8Array.from([...value].map((c) => c.charCodeAt(0)).concat(0))
}

const text = (value: Uint8Array): string => new TextDecoder('latin1').decode(value).replace(/\0.*$/, '')

function words(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return Array.from({ length: bytes.length >> 2 }, (_, i) => view.getUint32(4 * i))
}

function bigEndian(values: readonly number[]): Uint8Array {
  const out = new Uint8Array(4 * values.length)
  const view = new DataView(out.buffer)
  for (const [i, value] of values.entries()) view.setInt32(4 * i, value | 0)
  return out
}
