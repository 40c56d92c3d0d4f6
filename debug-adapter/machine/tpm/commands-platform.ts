import { Procedure, type Steps } from '../steps.ts'
import { type FieldReader, pack, sized, u8, u16, u32 } from './bytes.ts'
import type { Command, CommandResult } from './command.ts'
import { readSelections } from './commands-policy.ts'
import { ALG, CC, MAX_BUFFER, MAX_DIGEST, RC, TpmError } from './constants.ts'
import { bankOf, PCR_COUNT, type TpmState } from './state.ts'

const STARTUP = new Procedure('tpm', 'TPM2_Startup', 'TPM 2.0 Part 3 §9.3', { start: 'reset PCRs and accept commands' })

function* startup(tpm: TpmState, _: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  parameters.parameter = 1
  const type = parameters.u16()
  if (type > 1) throw TpmError.parameter(RC.VALUE, 1)
  yield STARTUP.at('start', { type })
  if (type === 0) tpm.resetPcrs()
  tpm.started = true
  return {}
}

const SHUTDOWN = new Procedure('tpm', 'TPM2_Shutdown', 'TPM 2.0 Part 3 §9.4', { stop: 'prepare to lose power' })

function* shutdown(_tpm: TpmState, _: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  parameters.parameter = 1
  if (parameters.u16() > 1) throw TpmError.parameter(RC.VALUE, 1)
  yield SHUTDOWN.at('stop')
  return {}
}

const SELF_TEST = new Procedure('tpm', 'TPM2_SelfTest', 'TPM 2.0 Part 3 §10.2', { test: 'test all algorithms' })

function* selfTest(tpm: TpmState, _: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  parameters.parameter = 1
  const full = parameters.u8()
  if (full > 1) throw TpmError.parameter(RC.VALUE, 1)
  yield SELF_TEST.at('test', { full: full === 1 })
  // SHA-256 of nothing (FIPS 180-4): the one algorithm that all others here rest on.
  if (tpm.crypto.sha256()[0] !== 0xe3) throw new TpmError(RC.FAILURE)
  return {}
}

const GET_RANDOM = new Procedure('tpm', 'TPM2_GetRandom', 'TPM 2.0 Part 3 §16.1', { draw: 'draw random bytes' })

function* getRandom(tpm: TpmState, _: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  parameters.parameter = 1
  const wanted = parameters.u16()
  yield GET_RANDOM.at('draw', { wanted })
  return { parameters: sized(tpm.random(Math.min(wanted, MAX_DIGEST))) }
}

const NV_READ_PUBLIC = new Procedure('tpm', 'TPM2_NV_ReadPublic', 'TPM 2.0 Part 3 §31.6', { find: 'find the NV index' })

function* nvReadPublic(_tpm: TpmState, handles: readonly number[]): Steps<CommandResult> {
  yield NV_READ_PUBLIC.at('find', { index: BigInt(handles[0]!) })
  // This TPM has no NV indices.
  throw TpmError.handle(RC.HANDLE, 1)
}

const EXTEND = new Procedure('tpm', 'TPM2_PCR_Extend', 'TPM 2.0 Part 3 §22.2', {
  extend: 'extend the PCR in each bank',
})

/** PCRs that locality 0 may not extend (PC Client profile): they belong to dynamic launch. */
const isDynamic = (index: number): boolean => index >= 17 && index <= 22
const LOCALITY = 0x907

function* pcrExtend(tpm: TpmState, handles: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  const index = handles[0]!
  if (index >= PCR_COUNT) throw TpmError.handle(RC.VALUE, 1)
  parameters.parameter = 1
  const count = parameters.u32()
  if (count > 16) throw TpmError.parameter(RC.SIZE, 1)
  const digests = Array.from({ length: count }, () => {
    const bank = bankOf(parameters.u16())
    if (!bank) throw TpmError.parameter(RC.HASH, 1)
    return { bank, digest: parameters.take(bank === 'sha1' ? 20 : 32) }
  })
  if (isDynamic(index)) throw new TpmError(LOCALITY)
  for (const { bank, digest } of digests) {
    yield EXTEND.at('extend', { pcr: index, bank, digest })
    tpm.extend(index, bank, digest)
  }
  return {}
}

const RESET = new Procedure('tpm', 'TPM2_PCR_Reset', 'TPM 2.0 Part 3 §22.8', {
  reset: 'set the PCR to zero in all banks',
})

function* pcrReset(tpm: TpmState, handles: readonly number[]): Steps<CommandResult> {
  const index = handles[0]!
  yield RESET.at('reset', { pcr: index })
  if (index !== 16 && index !== 23) throw new TpmError(LOCALITY)
  for (const bank of ['sha1', 'sha256'] as const) tpm.pcrs[bank][index]!.fill(0)
  tpm.pcrCounter++
  return {}
}

const READ = new Procedure('tpm', 'TPM2_PCR_Read', 'TPM 2.0 Part 3 §22.4', { read: 'read the selected PCRs' })
/** A TPML_DIGEST holds at most eight values. */
const MAX_VALUES = 8

function* pcrRead(tpm: TpmState, _: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  parameters.parameter = 1
  const selections = readSelections(tpm, parameters)
  yield READ.at('read', { selections: selections.length })
  let room = MAX_VALUES
  const out: Uint8Array[] = []
  const values: Uint8Array[] = []
  for (const { hash, mask, pcrs } of selections) {
    const taken = pcrs.slice(0, room)
    room -= taken.length
    const shown = new Uint8Array(mask.length)
    for (const { index } of taken) shown[index >> 3]! |= 1 << (index & 7)
    out.push(pack(u16(hash), u8(mask.length), shown))
    values.push(...taken.map(({ value }) => sized(value)))
  }
  return { parameters: pack(u32(tpm.pcrCounter), u32(out.length), ...out, u32(values.length), ...values) }
}

const GET_CAPABILITY = new Procedure('tpm', 'TPM2_GetCapability', 'TPM 2.0 Part 3 §30.2', {
  list: 'list what is asked for',
})

const CAPABILITY = { ALGS: 0, HANDLES: 1, COMMANDS: 2, PCRS: 5, TPM_PROPERTIES: 6 } as const
const ascii = (text: string): number => new DataView(new TextEncoder().encode(text).buffer).getUint32(0)

/** TPM_PT values that tools ask for (part 2, 6.13). */
const PROPERTIES: readonly (readonly [number, number])[] = [
  [0x100, ascii('2.0\0')],
  [0x101, 0],
  [0x102, 159],
  [0x105, ascii('PEFD')],
  [0x10d, 1024],
  [0x112, PCR_COUNT],
  [0x11e, MAX_BUFFER],
  [0x11f, MAX_BUFFER],
  [0x120, MAX_DIGEST],
]

function* getCapability(tpm: TpmState, _: readonly number[], parameters: FieldReader): Steps<CommandResult> {
  parameters.parameter = 1
  const capability = parameters.u32()
  parameters.parameter = 2
  const property = parameters.u32()
  parameters.parameter = 3
  const count = Math.min(parameters.u32(), 254)
  yield GET_CAPABILITY.at('list', { capability, property: BigInt(property), count })
  const page = <T>(all: readonly T[], write: (item: T) => Uint8Array): Uint8Array => {
    const shown = all.slice(0, count)
    return pack(u8(shown.length < all.length ? 1 : 0), u32(capability), u32(shown.length), ...shown.map(write))
  }
  switch (capability) {
    case CAPABILITY.HANDLES: {
      const kind = (property & 0xff00_0000) >>> 0
      const all = [...tpm.objects.keys(), ...tpm.sessions.keys(), ...Array.from({ length: PCR_COUNT }, (_, i) => i)]
      const handles = all.filter((h) => (h & 0xff00_0000) >>> 0 === kind && h >= property).sort((a, b) => a - b)
      return { parameters: page(handles, (h) => pack(u32(h))) }
    }
    case CAPABILITY.COMMANDS: {
      const codes = Object.values(CC).filter((code) => code >= property)
      return { parameters: page(codes, (code) => pack(u32(code))) }
    }
    case CAPABILITY.TPM_PROPERTIES:
      return {
        parameters: page(
          PROPERTIES.filter(([id]) => id >= property),
          ([id, value]) => pack(u32(id), u32(value)),
        ),
      }
    case CAPABILITY.ALGS: {
      const algorithms = [ALG.RSA, ALG.SHA1, ALG.AES, ALG.SHA256, ALG.OAEP, ALG.CFB].filter((id) => id >= property)
      return { parameters: page(algorithms, (id) => pack(u16(id), u32(id === ALG.SHA1 || id === ALG.SHA256 ? 4 : 2))) }
    }
    case CAPABILITY.PCRS:
      return {
        parameters: page([ALG.SHA1, ALG.SHA256], (id) => pack(u16(id), u8(3), Uint8Array.of(0xff, 0xff, 0xff))),
      }
    default:
      throw TpmError.parameter(RC.VALUE, 1)
  }
}

const entry = (
  code: number,
  handles: number,
  authorized: number,
  procedure: unknown,
  run: Command['run'],
): Command => ({
  code,
  handles,
  authorized,
  procedure: procedure as Procedure,
  run,
})

export const platformCommands: readonly Command[] = [
  entry(CC.Startup, 0, 0, STARTUP, startup),
  entry(CC.Shutdown, 0, 0, SHUTDOWN, shutdown),
  entry(CC.SelfTest, 0, 0, SELF_TEST, selfTest),
  entry(CC.GetRandom, 0, 0, GET_RANDOM, getRandom),
  entry(CC.NV_ReadPublic, 1, 0, NV_READ_PUBLIC, nvReadPublic),
  entry(CC.PCR_Extend, 1, 1, EXTEND, pcrExtend),
  entry(CC.PCR_Reset, 1, 1, RESET, pcrReset),
  entry(CC.PCR_Read, 0, 0, READ, pcrRead),
  entry(CC.GetCapability, 0, 0, GET_CAPABILITY, getCapability),
]
