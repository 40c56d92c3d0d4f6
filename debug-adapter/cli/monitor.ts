import type { Machine } from '../machine/machine.ts'
import { Actor } from '../machine/memory/actor.ts'

const hex = (value: bigint, digits = 16): string => value.toString(16).padStart(digits, '0')
const LINE_BYTES = 16
const MAX_LINES = 256

const HELP = `help              this list
info registers    the registers of the processor
info status       whether the VM runs, and as what
x ADDRESS [LINES] memory by effective address, 16 bytes a line
stop, cont        let the VM stand still, and go on
quit              end pef
`

/** The commands of `pef run --console` behind Ctrl-A C, named as QEMU's monitor names them. */
export class Monitor {
  static readonly prompt = '(pef) '
  ended = false
  stopped = false

  constructor(readonly machine: Machine) {}

  /** @returns what is printed */
  run(line: string): string {
    const [command = '', ...args] = line.trim().split(/\s+/)
    switch (command) {
      case '':
        return ''
      case 'help':
        return HELP
      case 'quit':
      case 'q':
        this.ended = true
        return ''
      case 'stop':
        this.stopped = true
        return this.#status()
      case 'cont':
      case 'c':
        this.stopped = false
        return this.#status()
      case 'info':
        if (args[0] === 'registers') return this.#registers()
        if (args[0] === 'status') return this.#status()
        return `info takes registers or status, not ${JSON.stringify(args[0] ?? '')}\n`
      case 'x':
        return this.#memory(args)
      default:
        return `unknown command ${JSON.stringify(command)}; help lists what there is\n`
    }
  }

  #status(): string {
    const { machine, stopped } = this
    const layer = machine.inGuest ? 'in the guest' : `in ${machine.frames().at(-1)?.procedure.layer ?? 'firmware'}`
    return `VM ${machine.vmState}, ${stopped ? 'stopped' : 'running'} ${layer}, ${machine.clock.instructions} guest instructions\n`
  }

  #registers(): string {
    const { cpu } = this.machine
    const gprs = Array.from({ length: 8 }, (_, row) =>
      Array.from({ length: 4 }, (_, i) => `r${String(4 * row + i).padEnd(2)} ${hex(cpu.gpr(4 * row + i))}`).join(' '),
    )
    return [
      `nia ${hex(cpu.nia)} msr ${hex(cpu.msr)}`,
      `lr  ${hex(cpu.lr)} ctr ${hex(cpu.ctr)} cr ${cpu.cr.toString(16).padStart(8, '0')} xer ${hex(BigInt(cpu.xer), 8)}`,
      ...gprs,
      '',
    ].join('\n')
  }

  #memory([address = '', lines = '4']: readonly string[]): string {
    const count = Number(lines)
    if (!/^(0x)?[0-9a-f]{1,16}$/i.test(address) || !(count >= 1 && count <= MAX_LINES))
      return `x takes a hexadecimal address and 1 to ${MAX_LINES} lines, such as: x 0x400000 8\n`
    const start = BigInt(address.startsWith('0x') ? address : `0x${address}`)
    let text = ''
    for (let i = 0; i < count; i++) {
      const ea = BigInt.asUintN(64, start + BigInt(i * LINE_BYTES))
      const line = this.#line(ea)
      if (line === undefined) return `${text}${hex(ea)}: no translation\n`
      text += line
    }
    return text
  }

  #line(ea: bigint): string | undefined {
    const { cpu, memory } = this.machine
    const bytes: number[] = []
    for (let i = 0n; i < BigInt(LINE_BYTES); i++) {
      const place = cpu.translate(BigInt.asUintN(64, ea + i), 'load')
      if (!place.ok || memory.offsetOf(place.ra, 1) < 0) return undefined
      bytes.push(memory.as(Actor.Debugger).read(place.ra, 1)[0]!)
    }
    const text = bytes.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    return `${hex(ea)}: ${bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')} ${text}\n`
  }
}
