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
    name: `${procedure.name} — ${step?.title ?? 'entered'} (${procedure.layer})`,
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
  // A return address may be the first of the next line: the line of the call is that of the instruction before.
  const lookup = frame.isCaller ? frame.address - 4n : frame.address
  const line = target.symbols.lineAt(lookup)
  const path = line && sourcePath(line.file)
  return {
    id,
    name: target.symbols.describe(frame.address),
    ...(line && {
      source: {
        name: line.file.replace(/^.*[\\/]/, ''),
        path: path ?? line.file,
        ...(!path && { presentationHint: 'deemphasize' as const }),
      },
    }),
    line: line?.line ?? 0,
    column: 0,
    moduleId: 'guest',
    instructionPointerReference: hex(frame.address),
    // The outer frames of an interrupted guest stand out less while firmware is on top.
    presentationHint: target.symbols.at(frame.address) || innermost ? 'normal' : 'subtle',
  }
}
