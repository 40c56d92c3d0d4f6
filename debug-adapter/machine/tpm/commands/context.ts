import { Procedure } from '../../steps.ts'
import { pack, sized, u32, u64 } from '../bytes.ts'
import { command, plain, type Run } from '../command.ts'
import { CC, RC, RH, TpmError } from '../constants.ts'
import { context, hierarchyOrNull, isSession, MAX_LOADED_SESSIONS, TRANSIENT } from '../handles.ts'
import {
  type ContextHead,
  openContext,
  readObject,
  readSession,
  ST_CLEAR_OBJECT,
  sealContext,
  writeObject,
  writeSession,
} from '../saved-context.ts'

const SAVE = new Procedure('tpm', 'TPM2_ContextSave', 'TPM 2.0 Part 3 §28.2', {
  save: 'encrypt the object or session for nobody but this TPM',
})

/** Largest contextBlob. */
const MAX_BLOB = 2680

const contextSave: Run = function* (tpm, handles) {
  const handle = handles[0]!
  yield SAVE.at('save', { handle: BigInt(handle) })
  const sequence = ++tpm.contextCounter
  const session = tpm.sessions.get(handle)
  const object = session ? undefined : tpm.object(handle, 1)
  // An object stays where it is; a session is either loaded or saved.
  const savedHandle = session ? handle : object!.stClear ? ST_CLEAR_OBJECT : TRANSIENT
  const head: ContextHead = { sequence, savedHandle, hierarchy: object?.hierarchy ?? RH.NULL }
  const blob = sealContext(tpm, head, session ? writeSession(session) : writeObject(object!))
  if (session) {
    tpm.sessions.delete(handle)
    tpm.savedSessions.set(handle, sequence)
  }
  tpm.disturbed()
  return { parameters: pack(u64(sequence), u32(savedHandle), u32(head.hierarchy), sized(blob)) }
}

const LOAD = new Procedure('tpm', 'TPM2_ContextLoad', 'TPM 2.0 Part 3 §28.3', {
  check: 'check that this TPM saved it, and that it is not a session that came back already',
  load: 'load the object or session',
})

const SAVED_OBJECTS = [TRANSIENT, TRANSIENT + 1, ST_CLEAR_OBJECT]

const contextLoad: Run = function* (tpm, _, parameters) {
  const sequence = parameters.next().u64()
  const savedHandle = parameters.u32()
  if (!isSession(savedHandle) && !SAVED_OBJECTS.includes(savedHandle)) throw parameters.fail(RC.VALUE)
  const hierarchy = parameters.u32()
  if (!hierarchyOrNull(hierarchy)) throw parameters.fail(RC.VALUE)
  const blob = parameters.sized(MAX_BLOB)
  const head: ContextHead = { sequence, savedHandle, hierarchy }
  yield LOAD.at('check', { savedHandle: BigInt(savedHandle), sequence })
  const content = openContext(tpm, head, blob)
  if (!isSession(savedHandle)) {
    const handle = tpm.addObject(readObject(tpm, content, hierarchy))
    yield LOAD.at('load', { handle: BigInt(handle) })
    return { handle }
  }
  if (tpm.savedSessions.get(savedHandle) !== sequence) throw parameters.fail(RC.HANDLE)
  if (tpm.sessions.size >= MAX_LOADED_SESSIONS) throw new TpmError(RC.SESSION_MEMORY)
  yield LOAD.at('load', { handle: BigInt(savedHandle) })
  tpm.savedSessions.delete(savedHandle)
  tpm.sessions.set(savedHandle, readSession(content, savedHandle))
  tpm.disturbed()
  return { handle: savedHandle }
}

export const contextCommands = [
  command(CC.ContextSave, [plain(context)], SAVE, contextSave, { noSessions: true }),
  command(CC.ContextLoad, [], LOAD, contextLoad, { noSessions: true, makesHandle: true }),
]
