/** Scopes and variables of a frame. References are given out while the machine stands and are void when it goes on. */
import type { DebugProtocol } from '@vscode/debugprotocol'
import { MSR, privilegeState } from '../machine/cpu/msr.ts'
import { SPR } from '../machine/cpu/spr.ts'
import { SECURE_RA_BIT } from '../machine/memory/real-memory.ts'
import type { StepValue, StepValues } from '../machine/steps.ts'
import { strip } from '../symbols/dwarf/types.ts'
import type { Frame } from './call-stack.ts'
import { evaluate } from './expressions.ts'
import { hex, hex64, hexBytes, stepValueText } from './format.ts'
import type { FrameContext, Typed } from './frame-context.ts'
import { stepLines } from './listings.ts'
import {
  conditionText,
  guestOrProcessor,
  msrText,
  processorContext,
  readRegister,
  sprNames,
  writeRegister,
} from './registers.ts'
import { LateRequestError, RequestError } from './request.ts'
import type { GuestContext, Target } from './target.ts'
import { type Page, setTyped, type TypedChild, typedVariable } from './typed-variables.ts'

/** Something with children: they are made when the client asks. */
interface Container {
  children(page: Page): DebugProtocol.Variable[]
  /** Does `children` give the elements that were asked for only? */
  readonly isPaged?: boolean
  /** Changes a child; absent where nothing in it can be changed, with the reason. */
  set?(name: string, value: bigint, asHex: boolean): DebugProtocol.Variable
  readonly fixed?: string
}

const SNAPSHOT =
  'These are the registers that the guest left with; they go back when it has the processor again. Change them there.'

export class Variables {
  readonly #containers: Container[] = []

  /**
   * @param first the first reference to give out. References of other stops must not come again: a request that comes
   *   late would be answered with something else.
   */
  constructor(
    readonly target: Target,
    private readonly first = 1,
  ) {}

  /** The reference that is given out next. */
  get next(): number {
    return this.first + this.#containers.length
  }

  scopes(frame: Frame): DebugProtocol.Scope[] {
    if (frame.kind === 'firmware') {
      const { procedure, step, values } = frame.frame
      const own = step?.values ?? {}
      const earlier = Object.fromEntries(Object.entries(values).filter(([name]) => !(name in own)))
      return [
        this.#scope('Step values', this.#stepValues(own), 'locals'),
        this.#scope('Arguments and earlier values', this.#stepValues(earlier), 'arguments'),
        this.#scope('Procedure', {
          children: () => [
            text('layer', procedure.layer),
            text('source', procedure.source),
            text(
              'step',
              step
                ? `${step.line - stepLines(procedure).first + 1} of ${Object.keys(procedure.steps).length}: ${step.title}`
                : 'entered',
            ),
          ],
          fixed: 'The description of a procedure cannot be changed.',
        }),
        this.#scope(
          'Processor: general registers',
          this.#general(() => processorContext(this.target), true, false),
          'registers',
        ),
        this.#scope(
          'Processor: special registers',
          this.#special(() => processorContext(this.target), true, false),
          'registers',
        ),
      ]
    }
    const { context } = frame
    const program = this.#programScopes(context)
    if (!frame.innermost)
      return [
        ...program,
        ...(context.frame.register(14) ? [this.#scope('General registers', this.#kept(context), 'registers')] : []),
        this.#scope('Frame', {
          children: () => [
            this.#address('return address', frame.frame.address),
            this.#address('stack pointer', frame.frame.stackPointer),
          ],
          fixed: 'What a caller saved cannot be changed here; change memory instead.',
        }),
      ]
    const registers = () => guestOrProcessor(this.target)
    const live = !this.target.inFirmware
    return [
      ...program,
      this.#scope('General registers', this.#general(registers, live), 'registers'),
      this.#scope('Special registers', this.#special(registers, live), 'registers'),
      this.#scope('Condition register', this.#condition(registers, live), 'registers'),
      this.#scope('Pages', this.#pages(frame.frame)),
    ]
  }

  /**
   * @param page which of the children; of an array's, only those are made
   * @throws RequestError where the reference is none of this stop
   */
  children(reference: number, page: Page = { start: 0, count: 0, asHex: false }): DebugProtocol.Variable[] {
    const container = this.#container(reference)
    const children = container.children(page)
    if (container.isPaged) return children
    return children.slice(page.start, page.count ? page.start + page.count : undefined)
  }

  /** What an expression gave, with its parts. */
  evaluated(name: string, value: Typed, asHex: boolean): DebugProtocol.Variable {
    return this.#typed({ name, value, expression: simpleExpression(name) }, asHex)
  }

  /**
   * @param value an expression, as the user wrote it
   * @throws RequestError where the variable cannot be changed, or the value does not fit
   */
  set(reference: number, name: string, value: string, asHex = false): DebugProtocol.Variable {
    const container = this.#container(reference)
    if (!container.set) throw new RequestError(container.fixed ?? `${name} cannot be changed.`)
    return container.set(name, evaluate(value, this.target).value, asHex)
  }

  /** Arguments, locals and globals of the compilation, where there is debugging information. */
  #programScopes(context: FrameContext): DebugProtocol.Scope[] {
    const { activation } = context
    if (!activation) return []
    const variables = context.variables()
    const list = (ofParameters: boolean) => () =>
      variables
        .filter(({ isParameter }) => isParameter === ofParameters)
        .flatMap((variable) => {
          const value = context.valueOf(variable)
          return value ? [{ name: variable.name, value, expression: variable.name }] : []
        })
    const globals = () => context.globals().map(({ name, value }) => ({ name, value, expression: name }))
    return [
      this.#scope('Arguments', this.#typedList(list(true)), 'arguments'),
      this.#scope('Locals', this.#typedList(list(false)), 'locals'),
      { ...this.#scope('Globals', this.#typedList(globals), 'globals'), expensive: true },
    ]
  }

  #typedList(children: (page: Page) => TypedChild[]): Container {
    return {
      children: (page) => children(page).map((child) => this.#typed(child, page.asHex)),
      set: (name, value, asHex) => {
        const index = /^\[(\d+)\]$/.exec(name)
        const one = index
          ? children({ start: Number(index[1]), count: 1, asHex })
          : children({ start: 0, count: 0, asHex })
        const child = one.find((candidate) => candidate.name === name)
        if (!child) throw new RequestError(`There is no ${name} here.`)
        return setTyped(child, value, asHex)
      },
    }
  }

  #typed(child: TypedChild, asHex: boolean): DebugProtocol.Variable {
    return typedVariable(child, asHex, (children) =>
      this.#reference({ ...this.#typedList(children), isPaged: strip(child.value.type).kind === 'array' }),
    )
  }

  /** Registers as a caller left them, as far as somebody kept them. */
  #kept({ frame }: FrameContext): Container {
    return {
      children: () =>
        Array.from({ length: 32 }, (_, i) => {
          const kept = frame.register(i)
          if (kept) return this.#address(`r${i}`, kept.value)
          return text(`r${i}`, '<not kept by the functions that it called>')
        }),
      fixed: 'What a caller saved cannot be changed here; change memory instead.',
    }
  }

  #container(reference: number): Container {
    const container = this.#containers[reference - this.first]
    if (!container)
      throw new LateRequestError(`There are no variables with reference ${reference}: the machine went on since.`)
    return container
  }

  #reference(container: Container): number {
    return this.first + this.#containers.push(container) - 1
  }

  #scope(name: string, container: Container, presentationHint?: string): DebugProtocol.Scope {
    return {
      name,
      variablesReference: this.#reference(container),
      expensive: false,
      ...(presentationHint && { presentationHint }),
    }
  }

  #stepValues(values: StepValues): Container {
    return {
      children: () => Object.entries(values).map(([name, value]) => this.#stepValue(name, value)),
      fixed: 'Values of a firmware step show what it computed; they cannot be changed.',
    }
  }

  #stepValue(name: string, value: StepValue): DebugProtocol.Variable {
    const memoryReference = typeof value === 'bigint' ? referenceOfStepValue(name, value) : undefined
    return {
      name,
      value: stepValueText(value),
      type: value instanceof Uint8Array ? `${value.length} bytes` : typeof value === 'bigint' ? 'u64' : typeof value,
      evaluateName: name,
      variablesReference: value instanceof Uint8Array && value.length > 16 ? this.#reference(byteRows(value)) : 0,
      ...(memoryReference && { memoryReference }),
    }
  }

  #general(context: () => GuestContext, live: boolean, ofGuest = true): Container {
    return {
      children: () => context().gpr.map((value, i) => this.#address(`r${i}`, value, ofGuest)),
      ...this.#setter(live),
    }
  }

  #special(context: () => GuestContext, live: boolean, ofGuest = true): Container {
    return {
      children: () => {
        const now = context()
        return [
          this.#address('nia', now.nia, ofGuest),
          this.#msr(now.msr, live),
          this.#address('lr', now.lr, ofGuest),
          this.#address('ctr', now.ctr, ofGuest),
          this.#xer(now.xer),
          { name: 'cr', value: hex(now.cr >>> 0), type: 'u32', evaluateName: '$cr', variablesReference: 0 },
          ...sprNames().map((name) => this.#address(name, this.target.machine.cpu.spr(SPR[name]), ofGuest)),
        ]
      },
      ...this.#setter(live),
    }
  }

  #condition(context: () => GuestContext, live: boolean): Container {
    return {
      children: () => {
        const { cr } = context()
        return Array.from({ length: 8 }, (_, i) => ({
          name: `cr${i}`,
          value: conditionText((cr >>> (28 - 4 * i)) & 15),
          evaluateName: `$cr${i}`,
          variablesReference: 0,
        }))
      },
      ...this.#setter(live),
    }
  }

  /** Which pages the guest stands on, on both sides of the barrier. */
  #pages({ address, stackPointer }: { address: bigint; stackPointer: bigint }): Container {
    return {
      children: () => [
        text('page of the code', this.#pageText(address)),
        text('page of the stack', this.#pageText(stackPointer)),
      ],
      fixed: 'Pages move by the calls of hypervisor and ultravisor; change memory instead.',
    }
  }

  #pageText(ea: bigint): string {
    const { machine } = this.target
    const translation = this.target.translate(ea)
    if (translation.gpa === undefined) return `not translated: ${translation.ok ? '' : translation.reason}`
    const ra = translation.ok ? translation.ra : this.target.pageBehind(translation.gpa)
    const state = machine.pageState(translation.gpa)
    const use = ra === undefined ? undefined : machine.memory.ownerOf(ra)
    const place =
      ra === undefined ? 'nowhere' : `${(ra & SECURE_RA_BIT) !== 0n ? 'secure' : 'normal'} memory, ra ${hex(ra)}`
    return [`gpa ${hex(translation.gpa)}`, place, use && `${use.owner}: ${use.use}`, state].filter(Boolean).join('; ')
  }

  #setter(live: boolean): Pick<Container, 'set' | 'fixed'> {
    if (!live) return { fixed: SNAPSHOT }
    return {
      set: (name, value) => {
        const written = writeRegister(this.target, name, value)
        return { name, value: written.text, variablesReference: 0 }
      },
    }
  }

  #msr(msr: bigint, live: boolean): DebugProtocol.Variable {
    const bits: Container = {
      children: () => [
        { name: 'privilege state', value: privilegeState(msr), variablesReference: 0 },
        ...Object.entries(MSR).map(([name, bit]) => ({
          name,
          value: (msr & bit) !== 0n ? '1' : '0',
          variablesReference: 0,
        })),
      ],
      ...(live
        ? {
            set: (name: string, value: bigint) => {
              const bit = MSR[name as keyof typeof MSR]
              if (bit === undefined) throw new RequestError(`${name} is no bit of the MSR that can be set.`)
              if (value > 1n) throw new RequestError(`MSR[${name}] is one bit: expected 0 or 1.`)
              const now = this.target.machine.cpu.msr
              writeRegister(this.target, 'msr', value === 1n ? now | bit : now & ~bit)
              return { name, value: String(value), variablesReference: 0 }
            },
          }
        : { fixed: SNAPSHOT }),
    }
    return {
      name: 'msr',
      value: msrText(msr),
      type: 'u64',
      evaluateName: '$msr',
      variablesReference: this.#reference(bits),
      namedVariables: Object.keys(MSR).length + 1,
    }
  }

  #xer(xer: bigint): DebugProtocol.Variable {
    const names = Object.entries(XER_BITS)
      .filter(([, bit]) => (xer & bit) !== 0n)
      .map(([name]) => name)
    return {
      name: 'xer',
      value: `${hex64(xer)} ${names.join(' ') || '-'}`,
      type: 'u64',
      evaluateName: '$xer',
      variablesReference: 0,
    }
  }

  /** A 64-bit register; where memory of the guest is behind it, it can be opened as memory. */
  #address(name: string, value: bigint, ofGuest = true): DebugProtocol.Variable {
    const symbol =
      ofGuest && value >= (/^r\d/.test(name) ? MIN_SYMBOL : MIN_ADDRESS) ? this.target.symbols.at(value) : undefined
    return {
      name,
      value: symbol ? `${hex64(value)} <${this.target.symbols.describe(value)}>` : hex64(value),
      type: 'u64',
      ...(readRegister(this.target, name) && { evaluateName: `$${name.toLowerCase()}` }),
      variablesReference: 0,
      ...(ofGuest && value >= MIN_ADDRESS && this.target.translate(value).ok && { memoryReference: hex(value) }),
    }
  }
}

/** Firmware works with real and guest physical addresses: those that can be told apart can be opened as memory. */
function referenceOfStepValue(name: string, value: bigint): string | undefined {
  if (/gpa/i.test(name)) return `gpa:${hex(value)}`
  return (value & SECURE_RA_BIT) !== 0n && value >> 49n === 0n ? `ra:${hex(value)}` : undefined
}

/** Bytes as rows of 16. */
function byteRows(bytes: Uint8Array): Container {
  return {
    children: () =>
      Array.from({ length: Math.ceil(bytes.length / 16) }, (_, i) =>
        text(`+0x${(i * 16).toString(16).padStart(4, '0')}`, hexBytes(bytes.subarray(i * 16, i * 16 + 16))),
      ),
    fixed: 'Values of a firmware step show what it computed; they cannot be changed.',
  }
}

/** A kernel that moved itself to 0 has symbols there, but small numbers in general registers are numbers. */
const MIN_SYMBOL = 0x40_0000n
/** Below this a register more likely holds a count than an address. */
const MIN_ADDRESS = 0x1000n
const XER_BITS = { SO: 1n << 31n, OV: 1n << 30n, CA: 1n << 29n, OV32: 1n << 19n, CA32: 1n << 18n }

/** What can stand before `.member` and `[1]`. */
const simpleExpression = (text: string): string =>
  /^[\w$.[\]]+$/.test(text) || /^\(.*\)$/.test(text) ? text : `(${text})`

const text = (name: string, value: string): DebugProtocol.Variable => ({ name, value, variablesReference: 0 })
