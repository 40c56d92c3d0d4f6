/** The call stack: firmware procedures in progress above the frames of the guest, innermost first. */
import type { DebugProtocol } from '@vscode/debugprotocol'
import type { StepFrame } from '../machine/api.ts'
import { hex } from './format.ts'
import { listingSource, stepLines } from './listings.ts'
import type { Target } from './target.ts'
import { type GuestFrame, guestFrames } from './unwind.ts'

export type Frame =
  | { readonly id: number; readonly kind: 'firmware'; readonly frame: StepFrame }
  | { readonly id: number; readonly kind: 'guest'; readonly frame: GuestFrame; readonly innermost: boolean }

/** Frames as they are now. Their ids are their positions from 1 on, valid until the machine goes on. */
export function callStack(target: Target): Frame[] {
  const firmware = [...target.machine.frames()].reverse()
  const frames: Frame[] = firmware.map((frame, i) => ({ id: i + 1, kind: 'firmware', frame }))
  for (const [i, frame] of guestFrames(target).entries())
    frames.push({ id: frames.length + 1, kind: 'guest', frame, innermost: i === 0 })
  return frames
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
  { id, frame, innermost }: Extract<Frame, { kind: 'guest' }>,
  sourcePath: (file: string) => string | undefined,
): DebugProtocol.StackFrame {
  const line = lineOf(target, frame)
  const path = line && sourcePath(line.file)
  return {
    id,
    name: target.symbols.describe(frame.address),
    ...(path && { source: { name: path.replace(/^.*[\\/]/, ''), path } }),
    line: path ? line!.line : 0,
    column: 0,
    moduleId: 'guest',
    instructionPointerReference: hex(frame.address),
    presentationHint: target.symbols.at(frame.address) || innermost ? 'normal' : 'subtle',
  }
}

/** A return address may be the first of the next line: the line of a call is that of the instruction before. */
function lineOf(target: Target, frame: GuestFrame): ReturnType<Target['symbols']['lineAt']> {
  return target.symbols.lineAt(frame.isCaller ? frame.address - 4n : frame.address)
}

/** Source files that the frames of the guest belong to, as the line information names them. */
export function sourceFiles(target: Target, frames: readonly Frame[]): string[] {
  const files = frames.map((frame) => (frame.kind === 'guest' ? lineOf(target, frame.frame)?.file : undefined))
  return [...new Set(files.filter((file) => file !== undefined))]
}
