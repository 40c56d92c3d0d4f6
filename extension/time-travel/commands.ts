/** Going back in time from VS Code, beside its own buttons for stepping back: commands, and the place in the run in the status bar. */
import { commands, type Disposable, debug, StatusBarAlignment, window } from 'vscode'
import type { PefRequests } from '../../debug-adapter/adapter/protocol.ts'
import { log } from '../log.ts'
import { type PefSession, type PefSessions, whenStopped } from '../sessions.ts'
import { openRun, saveRun } from './runs.ts'

type Timeline = PefRequests['pef/timeline']['body']

/** The commands, and the item in the status bar that leads to them. */
export function registerTimeTravel(sessions: PefSessions): Disposable[] {
  const item = window.createStatusBarItem('pef.timeline', StatusBarAlignment.Left)
  item.name = 'PEF: Place in the Run'
  item.command = 'pef.goToInstruction'
  const withSession = (work: (session: PefSession) => Promise<unknown>) => () => whenStopped(sessions.current, work)
  return [
    item,
    commands.registerCommand(
      'pef.reverseStepIn',
      withSession((session) => session.ask('pef/reverseStepIn', {})),
    ),
    commands.registerCommand(
      'pef.reverseStepOut',
      withSession((session) => session.ask('pef/reverseStepOut', {})),
    ),
    commands.registerCommand('pef.goToInstruction', withSession(goToInstruction)),
    commands.registerCommand('pef.whoLastChanged', withSession(whoLastChanged)),
    commands.registerCommand('pef.saveRun', withSession(saveRun)),
    commands.registerCommand('pef.openRun', openRun),
    sessions.onDidChange((session) => void showPlace(session, item)),
    debug.onDidReceiveDebugSessionCustomEvent(({ session, event, body }) => {
      const known = sessions.current
      if (event !== 'pef/futureAtStake' || known?.session.id !== session.id) return
      void askToFork(known, (body as { message: string }).message)
    }),
  ]
}

async function goToInstruction(session: PefSession): Promise<void> {
  const { instruction, end } = await session.ask('pef/timeline', {})
  const answer = await window.showInputBox({
    title: 'PEF: Go to Instruction',
    prompt: `A number from 0 to ${end}: how many instructions the guest has executed there.`,
    value: String(instruction),
    validateInput: (text) =>
      placeIn(text, end) === undefined ? `A whole number from 0 to ${end} is wanted.` : undefined,
  })
  const place = answer === undefined ? undefined : placeIn(answer, end)
  if (place !== undefined) await session.ask('pef/goToInstruction', { instruction: place })
}

/** A register by name, or an address with how many bytes from it on. */
async function whoLastChanged(session: PefSession): Promise<void> {
  const answer = await window.showInputBox({
    title: 'PEF: Who Last Changed...',
    prompt: 'A register such as r3, or an address and how many bytes, such as gpa:0x410000/8',
  })
  if (!answer?.trim()) return
  const [name = '', bytes] = answer.trim().split('/')
  const asAddress = /^(0x|ea:|gpa:|ra:|hv:)/i.test(name)
  const asked = { name, asAddress, bytes: Number(bytes ?? 8) }
  const { dataId, description } = await session.session.customRequest('dataBreakpointInfo', asked)
  if (!dataId) throw new Error(description)
  await session.ask('pef/lastChange', { dataId })
}

/** @returns the number that a person wrote, with or without separators; undefined where it is none up to `end` */
export function placeIn(text: string, end: number): number | undefined {
  const digits = text.replace(/[\s,._']/g, '')
  const place = /^\d+$/.test(digits) ? Number(digits) : Number.NaN
  return place <= end ? place : undefined
}

/** The known future may be hours of work: it is given up by a person only. */
async function askToFork(session: PefSession, message: string): Promise<void> {
  const change = 'Give Up the Future and Change'
  const answer = await window.showWarningMessage(message, { modal: true }, change)
  if (answer !== change) return
  await session.ask('pef/fork', {}).catch((error) => window.showErrorMessage(`PEF: ${error.message}`))
}

async function showPlace(session: PefSession, item: ReturnType<typeof window.createStatusBarItem>): Promise<void> {
  if (session.state === 'ended') item.hide()
  if (session.state !== 'stopped') return
  try {
    const place = await session.ask('pef/timeline', {})
    item.text = placeText(place)
    item.tooltip = `The guest has executed ${number(place.instruction)} instructions; the run is known up to ${number(place.end)}. Click to go elsewhere in it.`
    item.show()
  } catch (error) {
    // A run whose past is not kept has no place in it.
    log().debug(String(error))
    item.hide()
  }
}

const number = (value: number): string => value.toLocaleString('en-US')

/** What the status bar says: where, and how much of the known run lies ahead. */
export function placeText({ instruction, end }: Timeline): string {
  return instruction < end ? `$(history) ${number(instruction)} of ${number(end)}` : `$(debug-alt) ${number(end)}`
}
