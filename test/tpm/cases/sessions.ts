import { pack, sized, u8, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import {
  AUDIT,
  type Client,
  CONTINUE,
  type CommandParts,
  DECRYPT,
  EMPTY,
  ENCRYPT,
  HMAC,
  POLICY,
  type Use,
} from '../client.ts'
import {
  type Cases,
  createAndLoad,
  decryptionKey,
  getRandom,
  NULL,
  noAuth,
  OWNER,
  PARENT,
  PLATFORM,
  PW,
  pcrDigest,
  publicKeyOf,
  selection,
  simple,
  text,
} from './support.ts'

export const sessionsCases: Cases = {
  'authorization areas that are none': async ({ client }) => {
    const packet = (area: Uint8Array, size = area.length) => {
      const body = pack(u32(10), u32(size), area, pcrDigest(0x0b, 32))
      return pack(u16(0x8002), u32(10 + body.length), u32(CC.PCR_Extend), body)
    }
    const pw = pack(u32(PW), u16(0), u8(0), u16(0))
    await client.raw('size 8', packet(pw, 8))
    await client.raw('size beyond the end', packet(pw, 500))
    await client.raw('size 10', packet(pw, 10))
    await client.raw('four sessions', packet(pack(pw, pw, pw, pw)))
    await client.raw('two passwords', packet(pack(pw, pw)))
    await client.raw('a handle that is no session', packet(pack(u32(OWNER), u16(0), u8(0), u16(0))))
    await client.raw('an HMAC session that is not there', packet(pack(u32(0x0200_0005), u16(0), u8(0), u16(0))))
    await client.raw('a policy session that is not there', packet(pack(u32(0x0300_0005), u16(0), u8(0), u16(0))))
    await client.raw('a reserved attribute', packet(pack(u32(PW), u16(0), u8(0x08), u16(0))))
    await client.raw('a nonce with a password', packet(pack(u32(PW), sized(new Uint8Array(16)), u8(0), u16(0))))
    for (const attributes of [CONTINUE, DECRYPT, ENCRYPT, AUDIT])
      await client.raw(
        `a password with 0x${attributes.toString(16)}`,
        packet(pack(u32(PW), u16(0), u8(attributes), u16(0))),
      )
    await client.raw('a wrong password', packet(pack(u32(PW), u16(0), u8(0), sized(text('x')))))
    await client.raw('a password of zeros', packet(pack(u32(PW), u16(0), u8(0), sized(new Uint8Array(4)))))
    await client.raw('a long password', packet(pack(u32(PW), u16(0), u8(0), sized(new Uint8Array(65)))))
  },

  'sessions on commands that take none': async ({ client }) => {
    const session = await client.session(HMAC)
    await client.command('GetRandom with a password', CC.GetRandom, { uses: [noAuth], parameters: getRandom })
    await client.command('GetRandom with a session for nothing', CC.GetRandom, {
      uses: [{ session }],
      parameters: getRandom,
    })
    await client.command('FlushContext with a session', CC.FlushContext, {
      uses: [{ session }],
      parameters: pack(u32(1)),
    })
    await client.command('FlushContext with a password', CC.FlushContext, { uses: [noAuth], parameters: pack(u32(1)) })
    await client.command('ReadPublic with a password', CC.ReadPublic, { handles: [PARENT], uses: [noAuth] })
    await client.command('ReadPublic without', CC.ReadPublic, { handles: [PARENT] })
    await client.command('Startup with a password', CC.Startup, { uses: [noAuth], parameters: pack(u16(0)) })
    await client.command('StartAuthSession with a password', CC.StartAuthSession, {
      handles: [NULL, NULL],
      uses: [noAuth],
      parameters: pack(sized(client.random(32)), u16(0), u8(0), u16(0x10), u16(0x0b)),
    })
    await client.command('PolicyGetDigest with a password', CC.PolicyGetDigest, {
      handles: [session.handle],
      uses: [noAuth],
    })
    await client.command('EvictControl without', CC.EvictControl, {
      handles: [PLATFORM, PARENT],
      parameters: pack(u32(PARENT)),
    })
    await client.flush(session.handle)
  },

  'StartAuthSession with what cannot be': async (setting) => {
    const { client } = setting
    const AES = pack(u16(6), u16(128), u16(0x43))
    const parts = (change: {
      nonce?: number
      salt?: Uint8Array
      kind?: number
      symmetric?: Uint8Array
      hash?: number
      key?: number
      bind?: number
    }) => ({
      handles: [change.key ?? NULL, change.bind ?? NULL],
      parameters: pack(
        sized(new Uint8Array(change.nonce ?? 32)),
        sized(change.salt ?? EMPTY),
        u8(change.kind ?? 1),
        change.symmetric ?? AES,
        u16(change.hash ?? 0x0b),
      ),
    })
    const rows: [string, CommandParts][] = [
      ['a nonce of 15 bytes', parts({ nonce: 15 })],
      ['a nonce of 33 bytes', parts({ nonce: 33 })],
      ['a nonce of 65 bytes', parts({ nonce: 65 })],
      ['kind 2', parts({ kind: 2 })],
      ['kind 4', parts({ kind: 4 })],
      ['CBC', parts({ symmetric: pack(u16(6), u16(128), u16(0x42)) })],
      ['AES-100', parts({ symmetric: pack(u16(6), u16(100), u16(0x43)) })],
      ['an unknown symmetric algorithm', parts({ symmetric: pack(u16(0x99)) })],
      ['an unknown hash', parts({ hash: 0x99 })],
      ['no hash', parts({ hash: 0x10 })],
      ['a salt without a key', parts({ salt: new Uint8Array(256) })],
      ['a key without a salt', parts({ key: PARENT })],
      ['a salt that does not open', parts({ key: PARENT, salt: new Uint8Array(256).fill(3) })],
      ['a salt that is too short', parts({ key: PARENT, salt: new Uint8Array(255).fill(3) })],
      ['a key that is not there', parts({ key: 0x8180_0005, salt: new Uint8Array(256) })],
      ['a key that is no object', parts({ key: OWNER, salt: new Uint8Array(256) })],
      ['bound to what is not there', parts({ bind: 0x8000_0001 })],
      ['bound to a password', parts({ bind: PW })],
    ]
    await simple(CC.StartAuthSession, rows)(setting)
    const symmetric = [pack(u16(0x10)), pack(u16(6), u16(256), u16(0x43)), AES]
    for (const one of symmetric) await client.flush((await client.session(POLICY, { symmetric: one })).handle)
    for (const bind of [
      { handle: 3, auth: EMPTY },
      { handle: OWNER, auth: EMPTY },
    ]) {
      const session = await client.session(HMAC, { bind })
      await client.flush(session.handle)
    }
  },

  'HMAC sessions: unbound, bound, salted': async ({ client, wrapping }) => {
    const auth = text('the authValue\0\0')
    const { handle, publicArea, name } = await createAndLoad(client, decryptionKey(), auth)
    const parent = await publicKeyOf(client, PARENT)
    const salt = { handle: PARENT, key: parent.key }
    const bind = { handle, auth }
    for (const [what, options] of [
      ['unbound', {}],
      ['bound to the key', { bind }],
      ['bound to something else', { bind: { handle: OWNER, auth: EMPTY } }],
      ['salted', { salt }],
      ['salted and bound', { salt, bind }],
    ] as [string, Parameters<Client['session']>[1]][]) {
      const session = await client.session(HMAC, options)
      const keyed = options?.bind?.handle !== handle
      const use = { session, auth, keyed }
      const change = (row: string, uses: Use[], parameters = sized(text('new'))) =>
        client.command(`${what}: ${row}`, CC.ObjectChangeAuth, {
          handles: [handle, PARENT],
          names: [name, parent.name],
          uses,
          parameters,
        })
      await change('plain', [use])
      await change('encrypted both ways', [{ ...use, attributes: CONTINUE | DECRYPT | ENCRYPT }])
      await change('wrong HMAC', [{ ...use, hmac: new Uint8Array(32) }])
      await change('empty HMAC', [{ ...use, hmac: EMPTY }])
      await change('wrong authValue', [{ ...use, auth: text('other'), keyed: true }])
      await change('audit', [{ ...use, attributes: CONTINUE | AUDIT }])
      const other = await client.session(HMAC)
      await change('a second session encrypts', [use, { session: other, attributes: CONTINUE | ENCRYPT }])
      await change('a second session decrypts', [use, { session: other, attributes: CONTINUE | DECRYPT }])
      await change('both want to decrypt', [
        { ...use, attributes: CONTINUE | DECRYPT },
        { session: other, attributes: CONTINUE | DECRYPT },
      ])
      await change('both want to encrypt', [
        { ...use, attributes: CONTINUE | ENCRYPT },
        { session: other, attributes: CONTINUE | ENCRYPT },
      ])
      await change('a second session for nothing', [use, { session: other }])
      await change('the same session twice', [use, { session, attributes: CONTINUE | ENCRYPT }])
      await change('ends', [{ ...use, attributes: 0 }])
      await change('is gone', [use])
      await client.flush(other.handle)
    }
    const named = client.log.length
    client.log.push(
      `${named} lines, name of ${publicArea.length} bytes, wrapping key 0x${wrapping.handle.toString(16)}`,
    )
    await client.flush(handle)
  },

  'parameter encryption where there is nothing to encrypt': async ({ client }) => {
    const session = await client.session(HMAC)
    const none = await client.session(HMAC, { symmetric: pack(u16(0x10)) })
    const list = pack(u32(1), u32(0x8100_0000), u32(1))
    for (const [what, one] of [
      ['with AES', session],
      ['without a cipher', none],
    ] as const) {
      const random = (attributes: number) =>
        client.command(`GetRandom ${what}, 0x${attributes.toString(16)}`, CC.GetRandom, {
          uses: [{ session: one, attributes }],
          parameters: getRandom,
        })
      await random(CONTINUE | ENCRYPT)
      await client.command(`GetCapability ${what}, encrypted`, CC.GetCapability, {
        uses: [{ session: one, attributes: CONTINUE | ENCRYPT }],
        parameters: list,
      })
      await client.command(`PCR_Extend ${what}, encrypted`, CC.PCR_Extend, {
        handles: [16],
        uses: [{ session: one, attributes: CONTINUE | ENCRYPT }],
        parameters: pcrDigest(0x0b, 32),
      })
    }
    const raw = async (what: string, code: number, handles: Uint8Array, parameters: Uint8Array, attributes: number) => {
      const area = pack(u32(session.handle), sized(new Uint8Array(16)), u8(attributes), u16(0))
      const body = pack(handles, u32(area.length), area, parameters)
      await client.raw(what, pack(u16(0x8002), u32(10 + body.length), u32(code), body))
    }
    await raw('GetRandom, decrypt', CC.GetRandom, EMPTY, getRandom, CONTINUE | DECRYPT)
    await raw('PCR_Extend, decrypt', CC.PCR_Extend, pack(u32(16)), pcrDigest(0x0b, 32), CONTINUE | DECRYPT)
    await client.command('PCR 16 is as it was', CC.PCR_Read, { parameters: selection(0x0b, [0, 0, 1]) })
    await client.flush(session.handle)
    await client.flush(none.handle)
  },

  'empty HMACs where the key is empty': async ({ client }) => {
    const session = await client.session(HMAC)
    const reset = (what: string, use: Use) => client.command(what, CC.PCR_Reset, { handles: [16], uses: [use] })
    await reset('computed', { session })
    await reset('empty', { session, hmac: EMPTY })
    await reset('wrong', { session, hmac: new Uint8Array(32) })
    await client.flush(session.handle)
  },
}
