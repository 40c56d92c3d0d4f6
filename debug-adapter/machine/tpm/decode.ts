import type { TpmField } from '../trace/records.ts'
import { hex } from './bytes.ts'
import { commandName, responseCodeName, SESSION, TAG } from './constants.ts'
import { type Shape, shapes } from './decode-shapes.ts'
import { FieldWriter } from './field-writer.ts'

/** A command or response taken apart for people: never throws, whatever the bytes are. */
export interface Decoded {
  readonly name: string
  readonly code: number
  readonly fields: readonly TpmField[]
  /** Of a response. */
  readonly responseCode?: number
  readonly responseName?: string
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

/** One session of a command. @returns its attributes */
const requestSession = (w: FieldWriter, i: number): number => {
  w.number(`auth[${i}].sessionHandle`, 4)
  w.sized(`auth[${i}].nonceCaller`)
  const attributes = w.number(`auth[${i}].sessionAttributes`, 1)
  w.sized(`auth[${i}].hmac`)
  return attributes
}

/** Whether a session of a command asks for something. */
const asks = (fields: readonly TpmField[], attribute: number): boolean =>
  fields.some(({ name, hex }) => name.endsWith('.sessionAttributes') && (Number.parseInt(hex, 16) & attribute) !== 0)

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
      let attributes = 0
      for (let i = 0; w.at < end; i++) attributes |= requestSession(w, i)
      if ((attributes & SESSION.decrypt) !== 0) w.encryptedAt = w.at
    }
    shape?.request?.(w)
  })
  return { name: commandName(code), code, fields }
}

/** @param command the packet that this answers: a response does not say by itself what it is */
export function decodeResponse(command: Uint8Array, bytes: Uint8Array): Decoded {
  const { name, code, fields: asked } = decodeCommand(command)
  const shape = shapes[code]
  const responseCode = bytes.length >= 10 ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(6) : 0
  const fields = fieldsOf(bytes, (w) => {
    const tag = w.number('tag', 2)
    w.number('responseSize', 4)
    if (w.number('responseCode', 4) !== 0) return
    if (shape?.responseHandle) w.number(shape.responseHandle, 4)
    if (tag === TAG.SESSIONS) w.number('parameterSize', 4)
    if (asks(asked, SESSION.encrypt)) w.encryptedAt = w.at
    shape?.response?.(w)
    for (let i = 0; tag === TAG.SESSIONS && shape && w.left > 0; i++) {
      w.sized(`auth[${i}].nonceTPM`)
      w.number(`auth[${i}].sessionAttributes`, 1)
      w.sized(`auth[${i}].hmac`)
    }
  })
  return { name, code, fields, responseCode, responseName: responseCodeName(responseCode) }
}
