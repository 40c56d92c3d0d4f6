/**
 * A run as a file: what the machine was made from, by digest, and everything that was done to it from outside. The machine adds
 * nothing of its own, so whoever has the same image can make the same run again, to the last bit, and see that it is.
 */
import type { CryptoProvider } from '../../server/esm/crypto/provider.ts'
import { hexBytes, pieces } from '../../server/esm/reader.ts'
import { AttributeError } from '../attribute-error.ts'
import { fromBase64, toBase64 } from '../base64.ts'
import type { MachineConfig } from '../machine/config.ts'
import { scenarios, switchable } from '../machine/hypervisor/scenarios/index.ts'
import type { Machine } from '../machine/machine.ts'
import type { DriveConfig } from '../machine/platform/virtio/drive.ts'
import type { Change } from './change.ts'
import type { MadeChange } from './timeline.ts'

export interface RunFile {
  readonly format: 'pef-run'
  readonly version: 1
  /** Launch attributes; paths are relative to the file. */
  readonly attributes: Readonly<Record<string, unknown>>
  /** SHA-256 of what the attributes name, as the machine was given it. */
  readonly digests: Readonly<Partial<Record<'kernel' | 'initrd' | 'drives' | 'tpm.key', string>>>
  /** The operand as it was, in base64: one that is made from a recipe is another each time. */
  readonly operand?: string
  /** Where the run ends: a position of the timeline, and instructions of the guest. */
  readonly end: { readonly position: number; readonly instructions: number }
  /** {@link stateDigest} there. */
  readonly state: string
  readonly changes: readonly WireChange[]
}

/** A {@link MadeChange} in JSON: numbers of 64 bits and bytes as hex. */
type WireChange = { readonly position: number; readonly kind: Change['kind'] } & Readonly<
  Record<string, string | number>
>

const fromHex = (text: string): Uint8Array =>
  Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))

/** @param attributes the launch attributes that the machine was made from */
export function runFile(
  attributes: Readonly<Record<string, unknown>>,
  machine: Machine,
  timeline: { readonly position: number; readonly changes: readonly MadeChange[] },
): string {
  const { config, clock } = machine
  const known = Object.entries(attributes).filter(([name]) => !name.startsWith('__') && !NOT_OF_THE_RUN.has(name))
  const file: RunFile = {
    format: 'pef-run',
    version: 1,
    attributes: Object.fromEntries(known),
    digests: digestsOf(config),
    ...(config.operand && { operand: toBase64(config.operand) }),
    end: { position: timeline.position, instructions: clock.instructions },
    state: stateDigest(machine),
    changes: timeline.changes.map(({ position, change }) => ({ position, ...wire(change) })),
  }
  return `${JSON.stringify(file, undefined, 2)}\n`
}

/** Attributes that say how a run is looked at, not what it is. */
const NOT_OF_THE_RUN = new Set(
  'name type request noDebug stopOn console symbols timeTravel replay preLaunchTask postDebugTask presentation'.split(
    ' ',
  ),
)

/** Of the digests of their pieces: a disk may be larger than what is hashed at a time. */
function digestOfDrives(drives: readonly DriveConfig[], crypto: CryptoProvider): Uint8Array {
  const digests = drives.flatMap(({ content }) => [...pieces(content, 0)].map((piece) => [...crypto.sha256(piece)]))
  return crypto.sha256(Uint8Array.from(digests.flat()))
}

function digestsOf({ kernel, initrd, drives, tpmKey, crypto }: MachineConfig): RunFile['digests'] {
  return {
    kernel: hexBytes(crypto.sha256(kernel)),
    ...(initrd && { initrd: hexBytes(crypto.sha256(initrd)) }),
    ...(drives && { drives: hexBytes(digestOfDrives(drives, crypto)) }),
    // Of the public half: a digest of the private one would be a guess's confirmation.
    ...(tpmKey && { 'tpm.key': hexBytes(crypto.sha256(new TextEncoder().encode(tpmKey.n.toString(16)))) }),
  }
}

/**
 * Reads a run file that somebody else may have written.
 * @throws AttributeError naming what is wrong with it
 */
export function parseRunFile(text: string, path: string): RunFile {
  const wrong = (problem: string): AttributeError =>
    new AttributeError('replay', path, 'a file that "Save Run" or pef run --save-run wrote', problem)
  let file: RunFile
  try {
    file = JSON.parse(text) as RunFile
  } catch (error) {
    throw wrong(`it is no JSON: ${error instanceof Error ? error.message : error}`)
  }
  if (typeof file !== 'object' || file === null || file.format !== 'pef-run')
    throw wrong('it has no "format": "pef-run"')
  if (file.version !== 1) throw wrong(`its version is ${JSON.stringify(file.version)}; this program reads version 1`)
  const { end, changes, attributes, digests, state, operand } = file
  const count = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
  if (typeof attributes !== 'object' || attributes === null || Array.isArray(attributes))
    throw wrong('"attributes" is no object')
  if (typeof digests?.kernel !== 'string' || typeof state !== 'string') throw wrong('"digests" or "state" is missing')
  if (!count(end?.position) || !count(end?.instructions)) throw wrong('"end" has no position')
  if (operand !== undefined && !/^[A-Za-z0-9+/=]*$/.test(operand)) throw wrong('"operand" is no base64')
  if (!Array.isArray(changes)) throw wrong('"changes" is no list')
  let last = 0
  for (const [i, change] of changes.entries()) {
    if (!count(change?.position) || change.position < last || !isChange(change)) throw wrong(`change ${i} is none`)
    last = change.position
  }
  return file
}

/** The changes of a run file, to be given to {@link Timeline.script}. */
export function changesOf({ changes }: RunFile): MadeChange[] {
  return changes.map((change) => ({ position: change.position, change: unwire(change) }))
}

/**
 * What a machine is made from for a replay.
 * @throws AttributeError for a file that is not what it was
 */
export function replayConfig(run: RunFile, config: MachineConfig): MachineConfig {
  const found = digestsOf(config)
  for (const [name, digest] of Object.entries(run.digests)) {
    const here = found[name as keyof RunFile['digests']]
    if (here !== digest)
      throw new AttributeError(
        name,
        run.attributes[name.split('.')[0]!],
        `the file of the run, with SHA-256 ${digest}`,
        here === undefined ? 'it is missing' : `its SHA-256 is ${here}`,
      )
  }
  if (run.operand === undefined) return config
  return { ...config, operand: fromBase64(run.operand) }
}

/** SHA-256 over everything that an observer of the machine could see: registers, time, log, console, and the content of memory. */
export function stateDigest({ cpu, clock, trace, platform, memory, config }: Machine): string {
  const { gpr, spr, vsr, ...rest } = cpu.save()
  const registers = [...gpr, ...vsr, ...[...spr].flat(), ...Object.values(rest)].join()
  const words = new Uint32Array(
    memory.wasm.buffer,
    memory.processorBytes,
    (memory.normalBytes + memory.secureBytes) >> 2,
  )
  const text = [
    registers,
    clock.instructions,
    clock.idle,
    trace.happened,
    platform.console.text,
    pageHashes(words),
  ].join('\n')
  return hexBytes(config.crypto.sha256(new TextEncoder().encode(text)))
}

/** FNV-1a of each page of 4 KiB that is not all zeros, as `number:hash`. */
function pageHashes(words: Uint32Array): string {
  const hashes: string[] = []
  for (let at = 0; at < words.length; at += 1024) {
    let hash = 0x811c_9dc5
    let any = 0
    for (let i = at; i < at + 1024; i++) {
      any |= words[i]!
      hash = Math.imul(hash ^ words[i]!, 0x0100_0193)
    }
    if (any !== 0) hashes.push(`${at >> 10}:${hash >>> 0}`)
  }
  return hashes.join()
}

function wire(change: Change): { readonly kind: Change['kind'] } & Readonly<Record<string, string | number>> {
  switch (change.kind) {
    case 'console':
      return { kind: change.kind, bytes: hexBytes(change.bytes) }
    case 'memory':
      return { kind: change.kind, ra: change.ra.toString(16), bytes: hexBytes(change.bytes) }
    case 'core':
      return { kind: change.kind, name: change.name, value: change.value.toString(16) }
    case 'scenario':
      return { kind: change.kind, name: change.name ?? '' }
    default:
      return { kind: change.kind, number: change.number, value: change.value.toString(16) }
  }
}

const HEX = /^(?:[0-9a-f]{2})*$/
const VALUE = /^[0-9a-f]{1,16}$/

function isSwitchable(name: string): boolean {
  const scenario = scenarios.get(name)
  return scenario !== undefined && switchable(scenario)
}

function isChange({ kind, bytes, ra, name, number, value }: WireChange): boolean {
  const isBytes = typeof bytes === 'string' && HEX.test(bytes)
  const isValue = typeof value === 'string' && VALUE.test(value)
  if (kind === 'console') return isBytes
  if (kind === 'memory') return isBytes && typeof ra === 'string' && VALUE.test(ra)
  if (kind === 'core') return isValue && /^(nia|msr|lr|ctr|xer|cr)$/.test(String(name))
  if (kind === 'scenario') return name === '' || isSwitchable(String(name))
  const most = kind === 'gpr' ? 32 : 1024
  return (
    (kind === 'gpr' || kind === 'spr') &&
    isValue &&
    Number.isInteger(number) &&
    Number(number) >= 0 &&
    Number(number) < most
  )
}

function unwire(change: WireChange): Change {
  const { kind } = change
  const value = BigInt(`0x${change['value'] ?? 0}`)
  if (kind === 'console') return { kind, bytes: fromHex(String(change['bytes'])) }
  if (kind === 'memory') return { kind, ra: BigInt(`0x${change['ra']}`), bytes: fromHex(String(change['bytes'])) }
  if (kind === 'core') return { kind, name: String(change['name']) as 'nia', value }
  if (kind === 'scenario') return { kind, ...(change['name'] !== '' && { name: String(change['name']) }) }
  return { kind, number: Number(change['number']), value }
}
