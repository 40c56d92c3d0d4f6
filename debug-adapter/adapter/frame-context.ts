/** A frame of the guest as debugging information sees it: the function, its variables, the registers that it had. */
import type { Activation, Variable } from '../symbols/dwarf/activation.ts'
import type { DebugInfo } from '../symbols/dwarf/debug-info.ts'
import type { FrameAccess, Place } from '../symbols/dwarf/location.ts'
import type { NameKind } from '../symbols/dwarf/name-index.ts'
import type { CType } from '../symbols/dwarf/types.ts'
import { readGuestInteger } from './guest-memory.ts'
import type { Target } from './target.ts'
import { type GuestFrame, innermostFrame, type KeptRegister } from './unwind.ts'

/** Something of the program's: what it is, and where. */
export interface Typed {
  readonly type: CType
  readonly place: Place
  /** Of a bit field, from the least significant bit of the integer at `place`. */
  readonly bits?: { readonly shift: number; readonly size: number }
  /** The frame whose registers `place` may name. */
  readonly context: FrameContext
}

export class FrameContext implements FrameAccess {
  readonly pc: bigint
  readonly delta: bigint
  readonly #info: DebugInfo | undefined
  readonly #depth: number
  #activation: { readonly value: Activation | undefined } | undefined

  /** @param depth how many inlined functions lie inside of the one that is meant */
  constructor(
    readonly target: Target,
    readonly frame: GuestFrame,
    /** Are its registers those of the processor, so that they can be written? */
    readonly isInnermost: boolean,
    depth = 0,
  ) {
    const found = frame.isUser ? undefined : target.symbols.debugAt(lookupAddress(frame))
    this.#info = found?.info
    this.pc = found?.link ?? frame.address
    this.delta = found?.delta ?? 0n
    this.#depth = depth
  }

  get activation(): Activation | undefined {
    this.#activation ??= { value: this.#info?.activationsAt(this.pc)[this.#depth] }
    return this.#activation.value
  }

  /** The frame that the processor stands in; undefined before the guest's first instruction. */
  static present(target: Target): FrameContext | undefined {
    const { guest } = target
    return guest && new FrameContext(target, innermostFrame(guest, target), true)
  }

  kept(number: number): KeptRegister | undefined {
    return this.frame.register(number)
  }

  register(number: number): bigint | undefined {
    return this.kept(number)?.value
  }

  read(address: bigint, bytes: number): bigint | undefined {
    if (bytes === 1 || bytes === 2 || bytes === 4 || bytes === 8) return readGuestInteger(this.target, address, bytes)
    return undefined
  }

  cfa(): bigint | undefined {
    const rules = this.#info?.callFrames.rulesAt(this.pc)
    const base = rules && this.register(rules.cfa.register)
    return base === undefined ? undefined : BigInt.asUintN(64, base + rules!.cfa.offset)
  }

  /** Parameters and local variables of the function, or of the inlined one that is meant. */
  variables(): readonly Variable[] {
    return this.activation && this.#info ? this.#info.variablesOf(this.activation) : []
  }

  valueOf(variable: Variable): Typed | undefined {
    const type = this.#info?.typeOf(variable.die)
    return type && { type, place: this.#info!.placeOf(variable, this), context: this }
  }

  local(name: string): Typed | undefined {
    const variable = this.variables().find((one) => one.name === name)
    return variable && this.valueOf(variable)
  }

  /** Variables outside of functions of the compilation that the frame's code belongs to. */
  globals(): readonly { readonly name: string; readonly value: Typed }[] {
    const unit = this.#info?.unitOf(this.pc)
    if (!unit) return []
    return this.#info!.globalsOf(unit).flatMap((die) => {
      const type = this.#info!.typeOf(die)
      const place = this.#info!.placeOfGlobal(die, this)
      return type ? [{ name: die.name!, value: { type, place, context: this } }] : []
    })
  }

  /** A variable or a constant outside of functions, by name. */
  global(name: string): Typed | undefined {
    const die = this.#find('plain', name)
    if (!die || !this.#info!.isVariable(die)) return undefined
    const type = this.#info!.typeOf(die)
    return type && { type, place: this.#info!.placeOfGlobal(die, this), context: this }
  }

  /** @param kind `plain` for a typedef or a base type */
  type(kind: NameKind, name: string): CType | undefined {
    const die = this.#find(kind, name)
    return die && this.#info!.isType(die) ? this.#info!.attempt(() => this.#info!.types.make(die)) : undefined
  }

  #find(kind: NameKind, name: string) {
    return this.#info?.find(kind, name, this.#info.unitOf(this.pc))
  }
}

/** A return address may be the first of another function: what counts is the call before it. */
export const lookupAddress = ({ isCaller, address }: GuestFrame): bigint => (isCaller ? address - 4n : address)
