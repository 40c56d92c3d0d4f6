/** Every request that the adapter answers. */
import type { RequestHandler } from '../request.ts'
import { breakpointLocations } from './breakpoint-locations.ts'
import { completions } from './completions.ts'
import { configurationDone } from './configuration-done.ts'
import { continueRequest } from './continue.ts'
import { dataBreakpointInfo } from './data-breakpoint-info.ts'
import { disassemble } from './disassemble.ts'
import { disconnect } from './disconnect.ts'
import { evaluate } from './evaluate.ts'
import { exceptionInfo } from './exception-info.ts'
import { initialize } from './initialize.ts'
import { launch } from './launch.ts'
import { loadedSources } from './loaded-sources.ts'
import { modules } from './modules.ts'
import { next } from './next.ts'
import { pause } from './pause.ts'
import { pefConsoleInput } from './pef-console-input.ts'
import { pefFork } from './pef-fork.ts'
import { pefGoToInstruction } from './pef-go-to-instruction.ts'
import { pefGoToRecord } from './pef-go-to-record.ts'
import { pefLastChange } from './pef-last-change.ts'
import { pefMemoryMap } from './pef-memory-map.ts'
import { pefReverseStepIn } from './pef-reverse-step-in.ts'
import { pefReverseStepOut } from './pef-reverse-step-out.ts'
import { pefSaveRun } from './pef-save-run.ts'
import { pefTimeline } from './pef-timeline.ts'
import { pefTpmState } from './pef-tpm-state.ts'
import { pefTrace } from './pef-trace.ts'
import { readMemory } from './read-memory.ts'
import { restart } from './restart.ts'
import { reverseContinue } from './reverse-continue.ts'
import { scopes } from './scopes.ts'
import { setBreakpoints } from './set-breakpoints.ts'
import { setDataBreakpoints } from './set-data-breakpoints.ts'
import { setExceptionBreakpoints } from './set-exception-breakpoints.ts'
import { setExpression } from './set-expression.ts'
import { setFunctionBreakpoints } from './set-function-breakpoints.ts'
import { setInstructionBreakpoints } from './set-instruction-breakpoints.ts'
import { setVariable } from './set-variable.ts'
import { source } from './source.ts'
import { stackTrace } from './stack-trace.ts'
import { stepBack } from './step-back.ts'
import { stepIn } from './step-in.ts'
import { stepOut } from './step-out.ts'
import { terminate } from './terminate.ts'
import { threads } from './threads.ts'
import { variables } from './variables.ts'
import { writeMemory } from './write-memory.ts'

export const requestHandlers: readonly RequestHandler[] = [
  initialize,
  launch,
  configurationDone,
  setBreakpoints,
  setFunctionBreakpoints,
  setInstructionBreakpoints,
  dataBreakpointInfo,
  setDataBreakpoints,
  breakpointLocations,
  setExceptionBreakpoints,
  exceptionInfo,
  threads,
  stackTrace,
  scopes,
  variables,
  setVariable,
  setExpression,
  evaluate,
  completions,
  continueRequest,
  pause,
  next,
  stepIn,
  stepOut,
  stepBack,
  reverseContinue,
  source,
  loadedSources,
  modules,
  disassemble,
  readMemory,
  writeMemory,
  restart,
  terminate,
  disconnect,
  pefMemoryMap,
  pefTrace,
  pefTpmState,
  pefConsoleInput,
  pefTimeline,
  pefGoToInstruction,
  pefGoToRecord,
  pefReverseStepIn,
  pefReverseStepOut,
  pefLastChange,
  pefFork,
  pefSaveRun,
] as readonly RequestHandler[]
