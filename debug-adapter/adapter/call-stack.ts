/** The call stack: firmware procedures in progress above the frames of the guest, innermost first. */
import type { DebugProtocol } from '@vscode/debugprotocol'
import type { StepFrame } from '../machine/api.ts'
import { hex } from './format.ts'
import { FrameContext, lookupAddress } from './frame-context.ts'
import { listingSource, stepLines } from './listings.ts'
import type { Target } from './target.ts'
import { type GuestFrame, guestFrames } from './unwind.ts'

export type Frame =
  | { readonly id: number; readonly kind: 'firmware'; readonly frame: StepFrame }
  | {
      readonly id: number
      readonly kind: 'guest'
      readonly frame: GuestFrame
      /** The function of the frame, or one that was inlined into it. */
      readonly context: FrameContext
      /** Where the processor stands in the frame's code: of a frame that inlined another, the line of that call. */
      readonly call?: { readonly file: string; readonly line: number }
      readonly innermost: boolean
    }

/** Frames as they are now. Their ids are their positions from 1 on, valid until the machine goes on. */
export function callStack(target: Target): Frame[] {
  const firmware = [...target.machine.frames()].reverse()
  const frames: Frame[] = firmware.map((frame, i) => ({ id: i + 1, kind: 'firmware', frame }))
  for (const [i, frame] of guestFrames(target).entries())
    for (const inlined of inlinedFrames(target, frame, i === 0))
      frames.push({ id: frames.length + 1, kind: 'guest', frame, innermost: i === 0, ...inlined })
  return frames
}

/** The function of a frame, and before it those that were inlined where it stands, innermost first. */
function inlinedFrames(
  target: Target,
  frame: GuestFrame,
  innermost: boolean,
): Pick<Extract<Frame, { kind: 'guest' }>, 'context' | 'call'>[] {
  const here = frame.isUser ? undefined : target.symbols.debugAt(lookupAddress(frame))
  const activations = here?.info.activationsAt(here.link) ?? []
  return (activations.length > 0 ? activations : [undefined]).map((_, depth) => {
    const context = new FrameContext(target, frame, innermost, depth)
    const call = activations[depth - 1]?.call
    const file = call && (target.symbols.callFile(lookupAddress(frame), call.file) ?? lineOf(target, frame)?.file)
    return { context, ...(call && file !== undefined && { call: { file, line: call.line } }) }
  })
}

/** @param sourcePath turns a path of the line information into one that the client can open, where there is one */
export function stackFrame(
  target: Target,
  frame: Frame,
  sourcePath: (file: string) => string | undefined,
): DebugProtocol.StackFrame {
  return frame.kind === 'firmware' ? firmwareFrame(frame.id, frame.frame) : guestFrame(target, frame, sourcePath)
}

function firmwareFrame(id: number, { procedure, step }: StepFrame): DebugProtocol.StackFrame {
  const { first } = stepLines(procedure)
  return {
    id,
    // The layer comes first: a narrow view cuts the rest off.
    name: `${procedure.name} (${procedure.layer}) — ${step?.title ?? 'entered'}`,
    source: listingSource(procedure),
    line: step?.line ?? first,
    column: 1,
    moduleId: procedure.layer,
  }
}

function guestFrame(
  target: Target,
  shown: Extract<Frame, { kind: 'guest' }>,
  sourcePath: (file: string) => string | undefined,
): DebugProtocol.StackFrame {
  const { id, frame, innermost } = shown
  const line = shown.call ?? lineOf(target, frame)
  const path = line && sourcePath(line.file)
  return {
    id,
    name: frameName(target, shown),
    ...(path && { source: { name: path.replace(/^.*[\\/]/, ''), path } }),
    line: path ? line!.line : 0,
    column: 0,
    moduleId: 'guest',
    instructionPointerReference: hex(frame.address),
    presentationHint: (!frame.isUser && target.symbols.at(frame.address)) || innermost ? 'normal' : 'subtle',
  }
}

function frameName(target: Target, { frame, context }: Extract<Frame, { kind: 'guest' }>): string {
  const interrupted = frame.trap === undefined ? '' : ` — interrupted, vector ${hex(frame.trap)}`
  if (frame.isUser) return `user process at ${hex(frame.address)}${interrupted}`
  const { activation } = context
  return `${activation?.isInlined ? `${activation.name} (inlined)` : target.symbols.describe(frame.address)}${interrupted}`
}

/** A return address may be the first of the next line: the line of a call is that of the instruction before. */
function lineOf(target: Target, frame: GuestFrame): ReturnType<Target['symbols']['lineAt']> {
  return frame.isUser ? undefined : target.symbols.lineAt(lookupAddress(frame))
}

/** Source files that the frames of the guest belong to, as the line information names them. */
export function sourceFiles(target: Target, frames: readonly Frame[]): string[] {
  const files = frames.map((frame) =>
    frame.kind === 'guest' ? (frame.call ?? lineOf(target, frame.frame))?.file : undefined,
  )
  return [...new Set(files.filter((file) => file !== undefined))]
}
