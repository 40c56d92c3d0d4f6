import type { TpmField } from '../trace/records.ts'
import { FieldReader, hex } from './bytes.ts'
import { ALG, CC, commandName, responseCodeName, TAG } from './constants.ts'

/** A command or response taken apart for people: never throws, whatever the bytes are. */
export interface Decoded {
  readonly name: string
  readonly code: number
  readonly fields: readonly TpmField[]
  /** Of a response. */
  readonly responseCode?: number
  readonly responseName?: string
}

/** Writes down fields as it reads them; stops quietly where the bytes end. */
class FieldWriter {
  readonly fields: TpmField[] = []
  readonly #reader: FieldReader

  constructor(readonly bytes: Uint8Array) {
    this.#reader = new FieldReader(bytes)
  }

  get left(): number {
    return this.#reader.left
  }

  get at(): number {
    return this.#reader.at
  }

  take(name: string, size: number): Uint8Array {
    const offset = this.#reader.at
    const bytes = this.#reader.take(size)
    if (size > 0) this.fields.push({ name, offset, size, hex: hex(bytes) })
    return bytes
  }

  number(name: string, size: 1 | 2 | 4): number {
    return this.take(name, size).reduce((value, byte) => value * 256 + byte, 0)
  }

  /** A TPM2B: its size, and its bytes as `name.buffer`. */
  sized(name: string): void {
    this.take(`${name}.buffer`, this.number(`${name}.size`, 2))
  }
}

type Shape = (w: FieldWriter) => void

const publicArea =
  (prefix: string): Shape =>
  (w) => {
    const size = w.number(`${prefix}.size`, 2)
    if (size > 0) publicFields(prefix)(w)
  }

const publicFields =
  (prefix: string): Shape =>
  (w) => {
    w.number(`${prefix}.type`, 2)
    w.number(`${prefix}.nameAlg`, 2)
    w.number(`${prefix}.objectAttributes`, 4)
    w.sized(`${prefix}.authPolicy`)
    if (w.number(`${prefix}.parameters.symmetric`, 2) !== ALG.NULL) {
      w.number(`${prefix}.parameters.symmetric.keyBits`, 2)
      w.number(`${prefix}.parameters.symmetric.mode`, 2)
    }
    if (w.number(`${prefix}.parameters.scheme`, 2) !== ALG.NULL) w.number(`${prefix}.parameters.scheme.hashAlg`, 2)
    w.number(`${prefix}.parameters.keyBits`, 2)
    w.number(`${prefix}.parameters.exponent`, 4)
    w.sized(`${prefix}.unique`)
  }

const selections =
  (prefix: string): Shape =>
  (w) => {
    const count = w.number(`${prefix}.count`, 4)
    for (let i = 0; i < count; i++) {
      w.number(`${prefix}[${i}].hash`, 2)
      w.take(`${prefix}[${i}].pcrSelect`, w.number(`${prefix}[${i}].sizeofSelect`, 1))
    }
  }

const template: Shape = (w) => {
  w.number('inSensitive.size', 2)
  w.sized('inSensitive.userAuth')
  w.sized('inSensitive.data')
  publicArea('inPublic')(w)
  w.sized('outsideInfo')
  selections('creationPCR')(w)
}

const created: Shape = (w) => {
  w.take('creationData', w.number('creationData.size', 2))
  w.sized('creationHash')
  w.number('creationTicket.tag', 2)
  w.number('creationTicket.hierarchy', 4)
  w.sized('creationTicket.digest')
}

const hashSizes: Readonly<Record<number, number>> = { [ALG.SHA1]: 20, [ALG.SHA256]: 32, 12: 48, 13: 64 }

interface CommandShape {
  readonly handles?: readonly string[]
  readonly request?: Shape
  readonly responseHandle?: string
  readonly response?: Shape
}

/** Fields of each command in order, named as TPM 2.0 part 3 names them. */
const shapes: Readonly<Record<number, CommandShape>> = {
  [CC.Startup]: { request: (w) => void w.number('startupType', 2) },
  [CC.Shutdown]: { request: (w) => void w.number('shutdownType', 2) },
  [CC.SelfTest]: { request: (w) => void w.number('fullTest', 1) },
  [CC.GetRandom]: { request: (w) => void w.number('bytesRequested', 2), response: (w) => w.sized('randomBytes') },
  [CC.NV_ReadPublic]: { handles: ['nvIndex'] },
  [CC.PCR_Reset]: { handles: ['pcrHandle'] },
  [CC.PCR_Extend]: {
    handles: ['pcrHandle'],
    request: (w) => {
      const count = w.number('digests.count', 4)
      for (let i = 0; i < count; i++)
        w.take(`digests[${i}].digest`, hashSizes[w.number(`digests[${i}].hashAlg`, 2)] ?? w.left)
    },
  },
  [CC.PCR_Read]: {
    request: selections('pcrSelectionIn'),
    response: (w) => {
      w.number('pcrUpdateCounter', 4)
      selections('pcrSelectionOut')(w)
      const count = w.number('pcrValues.count', 4)
      for (let i = 0; i < count; i++) w.sized(`pcrValues[${i}]`)
    },
  },
  [CC.GetCapability]: {
    request: (w) => {
      for (const name of ['capability', 'property', 'propertyCount']) w.number(name, 4)
    },
    response: (w) => {
      w.number('moreData', 1)
      const capability = w.number('capability', 4)
      const count = w.number('count', 4)
      if (capability === 1 || capability === 2)
        for (let i = 0; i < count; i++) w.number(`${capability === 1 ? 'handle' : 'command'}[${i}]`, 4)
      else if (w.left > 0) w.take('data', w.left)
    },
  },
  [CC.CreatePrimary]: {
    handles: ['primaryHandle'],
    request: template,
    responseHandle: 'objectHandle',
    response: (w) => {
      publicArea('outPublic')(w)
      created(w)
      w.sized('name')
    },
  },
  [CC.Create]: {
    handles: ['parentHandle'],
    request: template,
    response: (w) => {
      w.sized('outPrivate')
      publicArea('outPublic')(w)
      created(w)
    },
  },
  [CC.Load]: {
    handles: ['parentHandle'],
    request: (w) => {
      for (const name of ['inPrivate', 'inPublic']) w.sized(name)
    },
    responseHandle: 'objectHandle',
    response: (w) => w.sized('name'),
  },
  [CC.ReadPublic]: {
    handles: ['objectHandle'],
    response: (w) => {
      publicArea('outPublic')(w)
      w.sized('name')
      w.sized('qualifiedName')
    },
  },
  [CC.ObjectChangeAuth]: {
    handles: ['objectHandle', 'parentHandle'],
    request: (w) => w.sized('newAuth'),
    response: (w) => w.sized('outPrivate'),
  },
  [CC.EvictControl]: { handles: ['auth', 'objectHandle'], request: (w) => void w.number('persistentHandle', 4) },
  [CC.FlushContext]: { request: (w) => void w.number('flushHandle', 4) },
  [CC.StartAuthSession]: {
    handles: ['tpmKey', 'bind'],
    request: (w) => {
      w.sized('nonceCaller')
      w.sized('encryptedSalt')
      w.number('sessionType', 1)
      if (w.number('symmetric.algorithm', 2) !== ALG.NULL) {
        w.number('symmetric.keyBits', 2)
        w.number('symmetric.mode', 2)
      }
      w.number('authHash', 2)
    },
    responseHandle: 'sessionHandle',
    response: (w) => w.sized('nonceTPM'),
  },
  [CC.PolicyCommandCode]: { handles: ['policySession'], request: (w) => void w.number('code', 4) },
  [CC.PolicyAuthValue]: { handles: ['policySession'] },
  [CC.PolicyOR]: {
    handles: ['policySession'],
    request: (w) => {
      const count = w.number('pHashList.count', 4)
      for (let i = 0; i < count; i++) w.sized(`pHashList.digests[${i}]`)
    },
  },
  [CC.PolicyPCR]: {
    handles: ['policySession'],
    request: (w) => {
      w.sized('pcrDigest')
      selections('pcrs')(w)
    },
  },
  [CC.PolicyGetDigest]: { handles: ['policySession'], response: (w) => w.sized('policyDigest') },
  [CC.RSA_Decrypt]: {
    handles: ['keyHandle'],
    request: (w) => {
      w.sized('cipherText')
      if (w.number('inScheme.scheme', 2) !== ALG.NULL) w.number('inScheme.hashAlg', 2)
      w.sized('label')
    },
    response: (w) => w.sized('message'),
  },
}

/** Reads by `shape` as far as the bytes go; what is left over is one field more. */
function fieldsOf(bytes: Uint8Array, shape: Shape): readonly TpmField[] {
  const writer = new FieldWriter(bytes)
  try {
    shape(writer)
  } catch {
    // The bytes end inside a field: what was read so far stands, the rest is shown whole.
  }
  if (writer.left > 0) {
    const { at } = writer
    writer.fields.push({ name: 'undecoded', offset: at, size: writer.left, hex: hex(bytes.subarray(at)) })
  }
  return writer.fields
}

const requestSession = (w: FieldWriter, i: number): void => {
  w.number(`auth[${i}].sessionHandle`, 4)
  w.sized(`auth[${i}].nonceCaller`)
  w.number(`auth[${i}].sessionAttributes`, 1)
  w.sized(`auth[${i}].hmac`)
}

export function decodeCommand(bytes: Uint8Array): Decoded {
  const code = bytes.length >= 10 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(6) : 0
  const shape = shapes[code]
  const fields = fieldsOf(bytes, (w) => {
    const tag = w.number('tag', 2)
    w.number('commandSize', 4)
    w.number('commandCode', 4)
    for (const name of shape?.handles ?? []) w.number(name, 4)
    if (tag === TAG.SESSIONS && shape) {
      const size = w.number('authorizationSize', 4)
      const end = w.at + size
      for (let i = 0; w.at < end; i++) requestSession(w, i)
    }
    shape?.request?.(w)
  })
  return { name: commandName(code), code, fields }
}

/** @param command the packet that this answers: a response does not say by itself what it is */
export function decodeResponse(command: Uint8Array, bytes: Uint8Array): Decoded {
  const { name, code } = decodeCommand(command)
  const shape = shapes[code]
  const responseCode = bytes.length >= 10 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(6) : 0
  const fields = fieldsOf(bytes, (w) => {
    const tag = w.number('tag', 2)
    w.number('responseSize', 4)
    if (w.number('responseCode', 4) !== 0) return
    if (shape?.responseHandle) w.number(shape.responseHandle, 4)
    if (tag === TAG.SESSIONS) w.number('parameterSize', 4)
    shape?.response?.(w)
    for (let i = 0; tag === TAG.SESSIONS && shape && w.left > 0; i++) {
      w.sized(`auth[${i}].nonceTPM`)
      w.number(`auth[${i}].sessionAttributes`, 1)
      w.sized(`auth[${i}].hmac`)
    }
  })
  return { name, code, fields, responseCode, responseName: responseCodeName(responseCode) }
}
