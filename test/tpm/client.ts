import { pack, sized, trimZeros, u8, u16, u32 } from '../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../debug-adapter/machine/tpm/constants.ts'
import { kdfa } from '../../debug-adapter/machine/tpm/key-derivation.ts'
import { nobleCrypto as crypto } from '../../server/esm/crypto/noble.ts'
import { oaepEncrypt, type RsaPublicKey } from '../../server/esm/crypto/rsa.ts'
import type { Exchange } from './swtpm.ts'

const NULL = 0x4000_0007
const PW = 0x4000_0009
export const EMPTY = new Uint8Array(0)

/** Session attributes. */
export const [CONTINUE, DECRYPT, ENCRYPT, AUDIT] = [0x01, 0x20, 0x40, 0x80]
export const [HMAC, POLICY, TRIAL] = [0, 1, 3]

export interface ClientSession {
  readonly handle: number
  readonly kind: number
  readonly key: Uint8Array
  nonceTpm: Uint8Array
}

/** How one session goes with one command. */
export interface Use {
  readonly session?: ClientSession
  /** authValue of the entity that it authorizes. */
  readonly auth?: Uint8Array
  /** The same once the command is done, where it changes it. */
  readonly nextAuth?: Uint8Array
  /** Whether the authValue is part of the HMAC's key. */
  readonly keyed?: boolean
  readonly attributes?: number
  /** In place of the right one. */
  readonly hmac?: Uint8Array
  readonly handle?: number
  readonly nonce?: Uint8Array
}

export interface Answer {
  readonly code: number
  readonly bytes: Uint8Array
  readonly handle: number
  /** Response parameters, decrypted. */
  readonly parameters: Uint8Array
}

export interface CommandParts {
  readonly handles?: readonly number[]
  readonly names?: readonly Uint8Array[]
  readonly uses?: readonly Use[]
  readonly parameters?: Uint8Array
  readonly makesHandle?: boolean
}

/** A client of a TPM with every kind of session, written for these tests only: what it accepts is right by its own arithmetic. */
export class Client {
  #drawn = 0
  /** What was sent, in words, with the code of the answer. */
  readonly log: string[] = []

  constructor(readonly exchange: Exchange) {}

  random(length: number): Uint8Array {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; at += 32)
      out.set(crypto.sha256(pack(u32(this.#drawn++))).subarray(0, length - at), at)
    return out
  }

  async raw(what: string, packet: Uint8Array): Promise<Answer> {
    const bytes = await this.exchange(packet)
    const code = new DataView(bytes.buffer, bytes.byteOffset).getUint32(6)
    this.log.push(`${what}: 0x${code.toString(16)}, ${bytes.length} bytes`)
    return { code, bytes, handle: bytes.length >= 14 ? u32At(bytes, 10) : 0, parameters: bytes.slice(10) }
  }

  async command(what: string, code: number, parts: CommandParts = {}): Promise<Answer> {
    const { handles = [], uses = [], makesHandle = false } = parts
    let parameters = parts.parameters ?? EMPTY
    const names = parts.names ?? handles.map((handle) => pack(u32(handle)))
    const prepared = uses.map((use) => ({ use, nonce: use.nonce ?? (use.session ? this.random(32) : EMPTY) }))
    const decrypting = prepared.find(({ use }) => use.session && ((use.attributes ?? CONTINUE) & DECRYPT) !== 0)
    if (decrypting) {
      const keys = this.#parameterKey(decrypting.use, decrypting.nonce, decrypting.use.session!.nonceTpm)
      const size = new DataView(parameters.buffer, parameters.byteOffset).getUint16(0)
      const sealed = crypto.aesCfbEncrypt(keys.slice(0, 16), keys.slice(16), parameters.slice(2, 2 + size))
      parameters = pack(sized(sealed), parameters.slice(2 + size))
    }
    const cpHash = crypto.sha256(pack(u32(code)), ...names, parameters)
    const encrypting = prepared.find(({ use }) => use.session && ((use.attributes ?? CONTINUE) & ENCRYPT) !== 0)
    const area = prepared.map(({ use, nonce }, i) => {
      const attributes = use.attributes ?? (use.session ? CONTINUE : 0)
      const { session } = use
      if (!session)
        return pack(u32(use.handle ?? PW), sized(nonce), u8(attributes), sized(use.hmac ?? use.auth ?? EMPTY))
      const extra = [decrypting, encrypting === decrypting ? undefined : encrypting]
        .filter((other) => i === 0 && handles.length > 0 && other && other.use.session !== session)
        .map((other) => other!.use.session!.nonceTpm)
      const hmac = crypto.hmacSha256(hmacKey(use), cpHash, nonce, session.nonceTpm, ...extra, pack(u8(attributes)))
      const shown = use.hmac ?? (hmacKey(use).length > 0 || session.kind === HMAC ? hmac : EMPTY)
      return pack(u32(session.handle), sized(nonce), u8(attributes), sized(shown))
    })
    const sessions = pack(...area)
    const body = pack(
      ...handles.map((handle) => pack(u32(handle))),
      ...(uses.length > 0 ? [pack(u32(sessions.length)), sessions] : []),
      parameters,
    )
    const packet = pack(u16(uses.length > 0 ? 0x8002 : 0x8001), u32(10 + body.length), u32(code), body)
    const answer = await this.raw(what, packet)
    if (answer.code !== 0 || uses.length === 0) return answer
    return this.#open(answer, code, prepared, makesHandle)
  }

  #open(
    answer: Answer,
    code: number,
    prepared: readonly { use: Use; nonce: Uint8Array }[],
    makesHandle: boolean,
  ): Answer {
    const { bytes } = answer
    let at = makesHandle ? 14 : 10
    const size = u32At(bytes, at)
    let parameters: Uint8Array = bytes.slice(at + 4, at + 4 + size)
    at += 4 + size
    const rpHash = crypto.sha256(pack(u32(0), u32(code)), parameters)
    const sizedAt = () => {
      const length = new DataView(bytes.buffer, bytes.byteOffset).getUint16(at)
      at += 2 + length
      return bytes.slice(at - length, at)
    }
    for (const { use, nonce } of prepared) {
      const nonceTpm = sizedAt()
      const attributes = bytes[at++]!
      const hmac = sizedAt()
      const { session } = use
      if (!session) continue
      session.nonceTpm = nonceTpm
      const key = hmacKey({ ...use, ...(use.nextAuth && { auth: use.nextAuth }) })
      const expected = crypto.hmacSha256(key, rpHash, nonceTpm, nonce, pack(u8(attributes)))
      if (hmac.length > 0 || key.length > 0)
        this.log.push(`  the HMAC of the response ${same(hmac, expected) ? 'matches' : 'does not match'}`)
      if ((attributes & ENCRYPT) !== 0) {
        const keys = this.#parameterKey(use, nonceTpm, nonce)
        const length = new DataView(parameters.buffer).getUint16(0)
        const plain = crypto.aesCfbDecrypt(keys.slice(0, 16), keys.slice(16), parameters.slice(2, 2 + length))
        parameters = pack(sized(plain), parameters.slice(2 + length))
      }
    }
    return { ...answer, parameters }
  }

  #parameterKey(use: Use, newer: Uint8Array, older: Uint8Array): Uint8Array {
    return kdfa(crypto, pack(use.session!.key, trimZeros(use.auth ?? EMPTY)), 'CFB', newer, older, 256)
  }

  /** @param salt encrypted to this key, @param bind its authValue goes into the session key */
  async session(
    kind: number,
    options: {
      readonly bind?: { readonly handle: number; readonly auth: Uint8Array }
      readonly salt?: { readonly handle: number; readonly key: RsaPublicKey }
      readonly symmetric?: Uint8Array
    } = {},
  ): Promise<ClientSession> {
    const { bind, salt, symmetric = pack(u16(6), u16(128), u16(0x43)) } = options
    const nonce = this.random(32)
    const secret = salt ? this.random(32) : EMPTY
    const label = new TextEncoder().encode('SECRET\0')
    const sealed = salt
      ? oaepEncrypt(salt.key, secret, { crypto, label, random: (length) => this.random(length) })
      : EMPTY
    const answer = await this.command('StartAuthSession', CC.StartAuthSession, {
      handles: [salt?.handle ?? NULL, bind?.handle ?? NULL],
      parameters: pack(sized(nonce), sized(sealed), u8(kind), symmetric, u16(0x0b)),
    })
    const nonceTpm = answer.bytes.slice(16)
    const key =
      bind || salt ? kdfa(crypto, pack(trimZeros(bind?.auth ?? EMPTY), secret), 'ATH', nonceTpm, nonce, 256) : EMPTY
    return { handle: answer.handle, kind, key, nonceTpm }
  }

  flush(handle: number): Promise<Answer> {
    return this.command('FlushContext', CC.FlushContext, { parameters: pack(u32(handle)) })
  }
}

function hmacKey({ session, auth = EMPTY, keyed }: Use): Uint8Array {
  return pack(session!.key, (keyed ?? session!.kind === HMAC) ? trimZeros(auth) : EMPTY)
}

const u32At = (bytes: Uint8Array, at: number) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(at)
const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i])
