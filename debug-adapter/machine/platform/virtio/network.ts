import type { VirtioDevice, VirtioFunction } from './virtio-function.ts'
import { type Chain, type DmaMemory, gather, VirtioError } from './virtqueue.ts'

/** Features of a network device (virtio 1.2, 5.1.3). */
const FEATURE_MAC = 1n << 5n
const [RECEIVE, TRANSMIT] = [0, 1]
/** Header in front of each frame; only the number of buffers in it is used, and it is 1. */
const HEADER_BYTES = 12
const NUM_BUFFERS = 10
/** Frames of Ethernet without a checksum at the end. */
const [LEAST_FRAME, MOST_FRAME] = [14, 1518]
/** Frames that the log keeps; older ones are forgotten. */
const LOGGED_FRAMES = 4096
/** Senders that a switch remembers; of more the one that it has known longest is forgotten, and frames for it go to everybody. */
const KNOWN_SENDERS = 1024

export const NETWORK_IDENTITY = { name: 'virtio-net', vendor: 0x1af4, device: 0x1041, classCode: 0x02_0000 } as const

/** A frame as it passed the switch. Frozen: saving the state of the machine need not look into it. */
interface LoggedFrame {
  /** Milliseconds of the machine's time. */
  readonly at: number
  readonly bytes: Uint8Array
}

/** A switch that machines are connected to: it learns who is where, and keeps a log of what passed. */
export class VirtualSwitch {
  private readonly ports: NetworkDevice[] = []
  /** Port by address of the sender. */
  private readonly known = new Map<string, NetworkDevice>()
  readonly frames: LoggedFrame[] = []

  /** @param now milliseconds of the machine's time, for the log */
  constructor(readonly now: () => number) {}

  /** @returns the number of the new port */
  connect(port: NetworkDevice): number {
    return this.ports.push(port) - 1
  }

  /** A frame that a machine sends: to whom it is for, where that is known, else to everybody else. */
  send(from: NetworkDevice, frame: Uint8Array): void {
    this.frames.push(Object.freeze({ at: this.now(), bytes: frame }))
    if (this.frames.length > LOGGED_FRAMES) this.frames.shift()
    this.known.set(address(frame, 6), from)
    if (this.known.size > KNOWN_SENDERS) this.known.delete(this.known.keys().next().value!)
    const to = this.known.get(address(frame, 0))
    for (const port of to ? [to] : this.ports) if (port !== from) port.receive(frame)
  }

  /** The log as a capture file, as Wireshark and tcpdump read it (libpcap, version 2.4; Ethernet). */
  pcap(): Uint8Array {
    const out = new Uint8Array(24 + this.frames.reduce((sum, { bytes }) => sum + 16 + bytes.length, 0))
    const view = new DataView(out.buffer)
    for (const [i, word] of [0xa1b2_c3d4, 0x0002_0004, 0, 0, 0xffff, 1].entries()) view.setUint32(i * 4, word)
    let at = 24
    for (const { at: milliseconds, bytes } of this.frames) {
      const microseconds = (milliseconds % 1000) * 1000
      for (const [i, word] of [Math.floor(milliseconds / 1000), microseconds, bytes.length, bytes.length].entries())
        view.setUint32(at + i * 4, word)
      out.set(bytes, at + 16)
      at += 16 + bytes.length
    }
    return out
  }
}

const address = (frame: Uint8Array, at: number): string => String(frame.subarray(at, at + 6))

/** virtio-net: a port of a switch. A frame that finds no buffer of the driver is lost, as on a wire. */
export class NetworkDevice implements VirtioDevice {
  readonly identity = NETWORK_IDENTITY
  readonly features = FEATURE_MAC
  readonly queues = 2
  readonly config: Uint8Array
  readonly waiting = RECEIVE
  private port: VirtioFunction | undefined

  constructor(readonly network: VirtualSwitch) {
    const number = network.connect(this)
    this.config = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56 + number)
  }

  attached(port: VirtioFunction): void {
    this.port = port
  }

  handle(queue: number, { readable }: Chain, memory: DmaMemory): number {
    const bytes = gather(memory, readable)
    const frame = bytes.slice(HEADER_BYTES)
    if (queue !== TRANSMIT || frame.length < LEAST_FRAME || frame.length > MOST_FRAME)
      throw new VirtioError(`a frame of ${frame.length} bytes`)
    this.network.send(this, frame)
    return 0
  }

  /** A frame comes in from the switch. */
  receive(frame: Uint8Array): void {
    const bytes = new Uint8Array(HEADER_BYTES + frame.length)
    bytes[NUM_BUFFERS] = 1
    bytes.set(frame, HEADER_BYTES)
    this.port?.give(RECEIVE, bytes)
  }
}
