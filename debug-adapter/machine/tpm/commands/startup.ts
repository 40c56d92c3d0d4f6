import { Procedure } from '../../steps.ts'
import { algorithmOf, readHash } from '../algorithms.ts'
import { pack, sized, u8, u16, u32, u64 } from '../bytes.ts'
import { command, type Run } from '../command.ts'
import { CC, GENERATED, MAX_DIGEST, RC, RH, TAG, TpmError } from '../constants.ts'
import { hierarchyOrNull } from '../handles.ts'
import { EMPTY } from '../key-derivation.ts'
import type { TpmState } from '../state.ts'
import { ticket } from '../tickets.ts'

const STARTUP = new Procedure('tpm', 'TPM2_Startup', 'TPM 2.0 Part 3 §9.3', { start: 'reset PCRs and accept commands' })
const TYPES = ['clear', 'state'] as const

const startup: Run = function* (tpm, _, parameters) {
  const type = TYPES[parameters.next().u16()]
  if (!type) throw parameters.fail(RC.VALUE)
  yield STARTUP.at('start', { type })
  if (type === 'state' && !tpm.canResume) throw parameters.fail(RC.VALUE)
  tpm.startup(type)
  return {}
}

const SHUTDOWN = new Procedure('tpm', 'TPM2_Shutdown', 'TPM 2.0 Part 3 §9.4', { stop: 'prepare to lose power' })

const shutdown: Run = function* (tpm, _, parameters) {
  const type = TYPES[parameters.next().u16()]
  if (!type) throw parameters.fail(RC.VALUE)
  yield SHUTDOWN.at('stop', { type })
  tpm.prepareShutdown(type)
  return {}
}

const SELF_TEST = new Procedure('tpm', 'TPM2_SelfTest', 'TPM 2.0 Part 3 §10.2', { test: 'test all algorithms' })

/** Digests of "abc" begin so (FIPS 180-4): everything else here rests on these. */
const passes = ({ crypto }: TpmState): boolean => {
  const abc = new TextEncoder().encode('abc')
  return crypto.sha1(abc)[0] === 0xa9 && crypto.sha256(abc)[0] === 0xba && crypto.sha512(abc)[0] === 0xdd
}

const selfTest: Run = function* (tpm, _, parameters) {
  const full = parameters.next().u8()
  if (full > 1) throw parameters.fail(RC.VALUE)
  yield SELF_TEST.at('test', { full: full === 1 })
  if (!passes(tpm)) throw new TpmError(RC.FAILURE)
  return {}
}

const TEST_RESULT = new Procedure('tpm', 'TPM2_GetTestResult', 'TPM 2.0 Part 3 §10.4', {
  read: 'say how the self-test went',
})

const getTestResult: Run = function* (tpm) {
  yield TEST_RESULT.at('read')
  return { parameters: pack(sized(EMPTY), u32(passes(tpm) ? RC.SUCCESS : RC.FAILURE)) }
}

const GET_RANDOM = new Procedure('tpm', 'TPM2_GetRandom', 'TPM 2.0 Part 3 §16.1', { draw: 'draw random bytes' })

const getRandom: Run = function* (tpm, _, parameters) {
  const wanted = parameters.next().u16()
  yield GET_RANDOM.at('draw', { wanted })
  return { parameters: sized(tpm.random(Math.min(wanted, MAX_DIGEST))) }
}

const STIR_RANDOM = new Procedure('tpm', 'TPM2_StirRandom', 'TPM 2.0 Part 3 §16.2', {
  stir: 'take the bytes; the one source of chance of the machine stays what it is',
})
/** TPM2B_SENSITIVE_DATA. */
const MAX_SENSITIVE = 128

const stirRandom: Run = function* (_tpm, _, parameters) {
  const bytes = parameters.next().sized(MAX_SENSITIVE)
  yield STIR_RANDOM.at('stir', { bytes: bytes.length })
  return {}
}

const HASH = new Procedure('tpm', 'TPM2_Hash', 'TPM 2.0 Part 3 §15.4', {
  digest: 'compute the digest',
  ticket: 'vouch that the bytes do not look like something that the TPM itself said',
})
/** TPM2B_MAX_BUFFER. */
const MAX_HASHED = 1024

const hash: Run = function* (tpm, _, parameters) {
  const data = parameters.next().sized(MAX_HASHED)
  const bank = readHash(parameters.next())
  const hierarchy = parameters.next().u32()
  if (!hierarchyOrNull(hierarchy)) throw parameters.fail(RC.VALUE)
  yield HASH.at('digest', { bytes: data.length, bank })
  const digest = tpm.crypto[bank](data)
  yield HASH.at('ticket', { digest })
  const generated = data.length >= 4 && new DataView(data.buffer, data.byteOffset).getUint32(0) === GENERATED
  const owner = generated ? RH.NULL : hierarchy
  const validation = ticket(tpm, TAG.HASHCHECK, owner, pack(u16(algorithmOf[bank])), digest)
  return { parameters: pack(sized(digest), validation) }
}

const READ_CLOCK = new Procedure('tpm', 'TPM2_ReadClock', 'TPM 2.0 Part 3 §29.1', { read: 'read time and counters' })

/** A TPMS_CLOCK_INFO. The clock never loses time here, so it is always safe. */
export const clockInfo = (tpm: TpmState, resets = tpm.resetCount, restarts = tpm.restartCount): Uint8Array =>
  pack(u64(BigInt(tpm.now())), u32(resets), u32(restarts), u8(1))

const readClock: Run = function* (tpm) {
  yield READ_CLOCK.at('read', { time: tpm.time })
  return { parameters: pack(u64(BigInt(tpm.time)), clockInfo(tpm)) }
}

export const startupCommands = [
  command(CC.Startup, [], STARTUP, startup, { noSessions: true, changesNv: true }),
  command(CC.Shutdown, [], SHUTDOWN, shutdown, { changesNv: true }),
  command(CC.SelfTest, [], SELF_TEST, selfTest, { changesNv: true }),
  command(CC.GetTestResult, [], TEST_RESULT, getTestResult, { encrypts: true }),
  command(CC.GetRandom, [], GET_RANDOM, getRandom, { encrypts: true }),
  command(CC.StirRandom, [], STIR_RANDOM, stirRandom, { decrypts: true, changesNv: true }),
  command(CC.Hash, [], HASH, hash, { decrypts: true, encrypts: true }),
  command(CC.ReadClock, [], READ_CLOCK, readClock),
]
