import type { LaunchAttributes } from './adapter/protocol.ts'
import { AttributeError } from './attribute-error.ts'
import { type CheckedDrive, checkDrives } from './drives.ts'
import { scenarios } from './machine/hypervisor/scenarios/index.ts'
import { chosenQuirks, type QuirkChoice } from './machine/ultravisor/quirks.ts'

/** Launch attributes after the check: sizes in bytes, every default filled in. */
export interface CheckedAttributes {
  readonly kernel: string
  readonly initrd: string | undefined
  readonly bootargs: string
  readonly memoryBytes: number
  readonly secureMemoryBytes: number
  readonly operand: string | undefined
  readonly tpmKey: string | undefined
  readonly stopOn: 'entry' | 'esm' | 'none'
  /** The editor's business: it shows the terminal. */
  readonly console: 'debugConsole' | 'terminal'
  readonly seed: number
  readonly symbols: readonly string[]
  readonly drives: readonly CheckedDrive[]
  readonly esm: 'guest' | 'stub'
  readonly scenario: string | undefined
  readonly quirks: QuirkChoice
  readonly timeTravel: boolean
  readonly replay: string | undefined
}

const MIB = 1024 * 1024
const GRANULE = 2 * MIB
const DEFAULT_MEMORY = 256 * MIB
/** What the ultravisor needs for itself besides the memory of the VM (spec/ultravisor.md §5.1), generously. */
const ULTRAVISOR_SHARE = 64 * MIB
const MIN_MEMORY = 32 * MIB
/** The ultravisor itself takes 32 MiB; what is left has to hold at least a small VM. */
const MIN_SECURE_MEMORY = 64 * MIB
const MAX_MEMORY = 2048 * MIB
/** The real memory of the machine is one WebAssembly memory of at most 4 GiB; 128 MiB of it are firmware and processor. */
const MAX_TOTAL = 4096 * MIB - 128 * MIB

const ATTRIBUTES: Record<keyof LaunchAttributes, true> = {
  kernel: true,
  initrd: true,
  bootargs: true,
  memory: true,
  secureMemory: true,
  operand: true,
  tpm: true,
  stopOn: true,
  console: true,
  seed: true,
  symbols: true,
  drives: true,
  hypervisor: true,
  quirks: true,
  timeTravel: true,
  replay: true,
  esm: true,
}

/** What VS Code itself puts into a launch configuration, and JSON's own key for a schema. */
const NOT_OURS = new Set(
  (
    'name type request noDebug preLaunchTask postDebugTask internalConsoleOptions debugServer presentation windows osx ' +
    'linux serverReadyAction suppressMultipleSessionWarning $schema'
  ).split(' '),
)

/**
 * Checks launch attributes as a person wrote them and fills in the defaults.
 * @throws AttributeError for the first one that is wrong, unknown ones included
 */
export function checkAttributes(given: unknown): CheckedAttributes {
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new AttributeError('launch configuration', given, 'an object with launch attributes')
  const attributes = given as Record<string, unknown>
  for (const name of Object.keys(attributes)) {
    if (name in ATTRIBUTES || NOT_OURS.has(name) || name.startsWith('__')) continue
    const nearest = nearestName(name, Object.keys(ATTRIBUTES))
    const hint = nearest ? `there is no such attribute; did you mean "${nearest}"?` : 'there is no such attribute'
    throw new AttributeError(name, attributes[name], `the attributes ${Object.keys(ATTRIBUTES).join(', ')}`, hint)
  }
  const memoryBytes = size('memory', attributes['memory'], DEFAULT_MEMORY, MIN_MEMORY)
  const secureMemoryBytes = size(
    'secureMemory',
    attributes['secureMemory'],
    memoryBytes + ULTRAVISOR_SHARE,
    MIN_SECURE_MEMORY,
  )
  if (memoryBytes + secureMemoryBytes > MAX_TOTAL)
    throw new AttributeError(
      'secureMemory',
      attributes['secureMemory'] ?? `${secureMemoryBytes / MIB}M`,
      `at most ${(MAX_TOTAL - memoryBytes) / MIB}M together with "memory" of ${memoryBytes / MIB}M`,
    )
  const kernel = text('kernel', attributes['kernel'], 'the path of the guest kernel, an ELF file')
  if (kernel === undefined) throw new AttributeError('kernel', undefined, 'the path of the guest kernel, an ELF file')
  return {
    kernel,
    initrd: text('initrd', attributes['initrd'], 'the path of an initrd'),
    bootargs: bootargs(attributes['bootargs']),
    memoryBytes,
    secureMemoryBytes,
    operand: text('operand', attributes['operand'], 'the path of an svm_blob.yml or of a finished operand'),
    tpmKey: tpmKey(attributes['tpm']),
    stopOn: oneOf('stopOn', attributes['stopOn'], ['entry', 'esm', 'none'], 'entry'),
    console: oneOf('console', attributes['console'], ['debugConsole', 'terminal'], 'debugConsole'),
    seed: seed(attributes['seed']),
    symbols: paths('symbols', attributes['symbols']),
    drives: checkDrives(attributes['drives']),
    esm: oneOf('esm', attributes['esm'], ['guest', 'stub'], 'guest'),
    scenario: scenario(attributes['hypervisor']),
    quirks: quirks(attributes['quirks']),
    timeTravel: yesOrNo('timeTravel', attributes['timeTravel'], true),
    replay: text('replay', attributes['replay'], 'the path of a saved run'),
  }
}

/**
 * Bytes of a size as a person writes it: a number of MiB, or digits with K, M or G (powers of 1024; `iB` may follow).
 * @returns undefined where it is no size
 */
export function parseBytes(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value > 0 ? value * MIB : undefined
  if (typeof value !== 'string') return undefined
  const match = /^\s*(\d{1,10})\s*([KMG]?)(i?B)?\s*$/i.exec(value)
  if (!match) return undefined
  const unit = { K: 1024, M: MIB, G: 1024 * MIB, '': MIB }[match[2]!.toUpperCase()]!
  return Number(match[1]) * unit
}

function size(attribute: string, value: unknown, fallback: number, least: number): number {
  if (value === undefined) return fallback
  const bytes = parseBytes(value)
  const accepted = `a multiple of 2M from ${least / MIB}M to ${MAX_MEMORY / MIB}M, such as "256M", or a number of MiB`
  if (bytes === undefined) throw new AttributeError(attribute, value, accepted)
  if (bytes % GRANULE !== 0)
    throw new AttributeError(attribute, value, accepted, `${bytes} bytes are no multiple of 2 MiB`)
  if (bytes < least || bytes > MAX_MEMORY) throw new AttributeError(attribute, value, accepted)
  return bytes
}

function text(attribute: string, value: unknown, accepted: string): string | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'string' || value.trim() === '' || value.includes('\0'))
    throw new AttributeError(attribute, value, accepted)
  return value
}

/** The kernel command line: hashed byte for byte, so not even its blanks are touched. */
function bootargs(value: unknown): string {
  if (value === undefined) return ''
  if (typeof value !== 'string' || value.includes('\0'))
    throw new AttributeError('bootargs', value, 'a string without NUL characters')
  return value
}

function tpmKey(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const accepted = 'an object such as { "key": "tpm-key.pem" }'
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AttributeError('tpm', value, accepted)
  for (const name of Object.keys(value))
    if (name !== 'key')
      throw new AttributeError(
        `tpm.${name}`,
        (value as Record<string, unknown>)[name],
        accepted,
        'there is no such attribute',
      )
  return text('tpm.key', (value as { key?: unknown }).key, 'the path of a PEM file with an RSA-2048 private key')
}

function scenario(value: unknown): string | undefined {
  if (value === undefined) return undefined
  const accepted = 'an object such as { "scenario": "replay-ciphertext" }'
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new AttributeError('hypervisor', value, accepted)
  for (const [name, given] of Object.entries(value))
    if (name !== 'scenario')
      throw new AttributeError(`hypervisor.${name}`, given, accepted, 'there is no such attribute')
  const { scenario: name } = value as { scenario?: unknown }
  if (name === undefined) return undefined
  if (typeof name === 'string' && scenarios.has(name)) return name
  const nearest = typeof name === 'string' ? nearestName(name, [...scenarios.keys()]) : undefined
  throw new AttributeError(
    'hypervisor.scenario',
    name,
    `one of ${[...scenarios.keys()].join(', ')}`,
    nearest ? `did you mean "${nearest}"?` : 'there is no such scenario',
  )
}

function quirks(value: unknown): QuirkChoice {
  if (value === undefined || value === 'sane' || value === 'faithful') return value ?? 'sane'
  const accepted = '"sane", "faithful", or a list of quirks such as ["Q11"]'
  if (!Array.isArray(value)) throw new AttributeError('quirks', value, accepted)
  try {
    chosenQuirks(value)
  } catch (error) {
    throw new AttributeError('quirks', value, accepted, (error as Error).message)
  }
  return value
}

function seed(value: unknown): number {
  if (value === undefined) return 1
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0)
    throw new AttributeError('seed', value, `a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`)
  return value
}

function paths(attribute: string, value: unknown): readonly string[] {
  if (value === undefined) return []
  const accepted = 'a path, or a list of paths, of ELF files or System.map files'
  const list = Array.isArray(value) ? value : [value]
  return list.map((path) => {
    const checked = text(attribute, path, accepted)
    if (checked === undefined) throw new AttributeError(attribute, value, accepted)
    return checked
  })
}

function oneOf<T extends string>(attribute: string, value: unknown, accepted: readonly T[], fallback: T): T {
  if (value === undefined) return fallback
  if (!accepted.includes(value as T))
    throw new AttributeError(attribute, value, accepted.map((name) => JSON.stringify(name)).join(', '))
  return value as T
}

/** The nearest of `names` where at most a third of its letters differ (Levenshtein), else undefined. */
function nearestName(name: string, names: readonly string[]): string | undefined {
  const ranked = names
    .map((candidate) => ({ candidate, distance: distance(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.distance - b.distance)[0]!
  return ranked.distance <= Math.max(1, ranked.candidate.length / 3) ? ranked.candidate : undefined
}

function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)))
    row = next
  }
  return row[b.length]!
}

function yesOrNo(name: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise
  if (typeof value === 'boolean') return value
  throw new AttributeError(name, value, 'true or false')
}
