import { pack, sized, u8, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { EMPTY, HMAC, type Use } from '../client.ts'
import {
  type Cases,
  createAndLoad,
  createPrimary,
  creation,
  decryptionKey,
  NO_SYMMETRIC,
  NULL,
  noAuth,
  OWNER,
  PARENT,
  PLATFORM,
  publicKeyOf,
  STORAGE,
  selection,
  template,
  text,
  WRAPPING,
} from './support.ts'

export const objectsCases: Cases = {
  'templates that make no sense': async ({ client }) => {
    const rows: [string, Uint8Array][] = [
      ['another type', template({ type: 0x99 })],
      ['no name algorithm', template({ nameAlg: 0x10 })],
      ['an unknown name algorithm', template({ nameAlg: 0x99 })],
      ['fixedTPM without fixedParent', template({ attributes: STORAGE & ~0x10 })],
      ['fixedParent without fixedTPM', template({ attributes: STORAGE & ~0x02 })],
      ['encryptedDuplication and fixedParent', template({ attributes: STORAGE | 0x800 })],
      ['no sensitiveDataOrigin', template({ attributes: STORAGE & ~0x20 })],
      ['a reserved attribute', template({ attributes: STORAGE | 1 })],
      ['restricted, signs and decrypts', template({ attributes: STORAGE | 0x4_0000 })],
      ['neither signs nor decrypts', template({ attributes: STORAGE & ~0x2_0000 })],
      ['not restricted, with a symmetric algorithm', template({ attributes: STORAGE & ~0x1_0000 })],
      ['restricted, without a symmetric algorithm', template({ symmetric: NO_SYMMETRIC })],
      ['restricted, with a scheme', template({ scheme: pack(u16(0x17), u16(0x0b)) })],
      ['symmetric CBC', template({ symmetric: pack(u16(6), u16(128), u16(0x42)) })],
      ['AES-100', template({ symmetric: pack(u16(6), u16(100), u16(0x43)) })],
      ['an unknown symmetric algorithm', template({ symmetric: pack(u16(0x99)) })],
      ['an unknown scheme', decryptionKey(undefined, pack(u16(0x99)))],
      ['OAEP with an unknown hash', decryptionKey(undefined, pack(u16(0x17), u16(0x99)))],
      ['RSA-1000', template({ bits: 1000 })],
      ['exponent 3', template({ exponent: 3 })],
      ['exponent 65537', template({ exponent: 65537 })],
      ['a policy of 31 bytes', template({ policy: new Uint8Array(31) })],
      ['a policy of 65 bytes', template({ policy: new Uint8Array(65) })],
      ['a unique of 257 bytes', template({ unique: new Uint8Array(600) })],
      ['a surplus byte', pack(template(), u8(0))],
      ['cut short', template().slice(0, -3)],
      ['nothing', EMPTY],
    ]
    for (const [what, area] of rows)
      for (const [code, handle] of [
        [CC.Create, PARENT],
        [CC.CreatePrimary, OWNER],
      ] as const) {
        const name = `${code === CC.Create ? 'Create' : 'CreatePrimary'}: ${what}`
        const answer = await client.command(name, code, {
          handles: [handle],
          uses: [noAuth],
          parameters: creation(area),
          makesHandle: code === CC.CreatePrimary,
        })
        if (code === CC.CreatePrimary && answer.code === 0) await client.flush(answer.handle)
      }
    for (const [what, parameters] of [
      ['an authValue of 33 bytes', creation(template(), new Uint8Array(33).fill(1))],
      ['an authValue of 65 bytes', creation(template(), new Uint8Array(65).fill(1))],
      ['an authValue of 40 bytes, most of them zero', creation(template(), new Uint8Array(40))],
      ['data in the sensitive area', pack(sized(pack(u16(0), sized(text('data')))), sized(template()), u16(0), u32(0))],
      ['an empty sensitive area', pack(u16(0), sized(template()), u16(0), u32(0))],
      ['creationPCR', creation(template(), EMPTY, selection(0x0b, [1, 0, 1]))],
      ['creationPCR with an unknown hash', creation(template(), EMPTY, selection(0x99, [1, 0, 1]))],
      ['a surplus byte', pack(creation(template()), u8(0))],
      [
        'outsideInfo of 67 bytes',
        pack(sized(pack(u16(0), u16(0))), sized(template()), sized(new Uint8Array(67)), u32(0)),
      ],
    ] as [string, Uint8Array][])
      await client.command(`Create: ${what}`, CC.Create, { handles: [PARENT], uses: [noAuth], parameters })
    await client.command('Create under a key that is no parent', CC.Create, {
      handles: [WRAPPING],
      uses: [noAuth],
      parameters: creation(template()),
    })
  },

  'a primary key depends on hierarchy and template alone': async ({ client }) => {
    const uniques: string[] = []
    for (const [hierarchy, area, auth] of [
      [OWNER, template(), EMPTY],
      [OWNER, template(), text('secret')],
      [PLATFORM, template(), EMPTY],
      [OWNER, template({ unique: new Uint8Array(256).fill(1) }), EMPTY],
      [NULL, template(), EMPTY],
      [NULL, template(), EMPTY],
    ] as [number, Uint8Array, Uint8Array][]) {
      const handle = await createPrimary(client, hierarchy, area, auth)
      uniques.push(String((await publicKeyOf(client, handle)).key.n))
      await client.flush(handle)
    }
    client.log.push(`the same as the first at: ${uniques.map((unique) => uniques.indexOf(unique))}`)
  },

  'the wrapping key: what its attributes allow': async ({ client, wrapping }) => {
    const { name } = await publicKeyOf(client, WRAPPING)
    const parent = await publicKeyOf(client, PARENT)
    const auth = wrapping.password
    const change = (
      what: string,
      use: Use,
      newAuth: Uint8Array = text('new'),
      second = PARENT,
      secondName = parent.name,
    ) =>
      client.command(`ObjectChangeAuth ${what}`, CC.ObjectChangeAuth, {
        handles: [WRAPPING, second],
        names: [name, secondName],
        uses: [use],
        parameters: sized(newAuth),
      })
    await change('by password', { auth })
    await change('by a wrong password', { auth: text('no') })
    const hmac = await client.session(HMAC)
    await change('by HMAC', { session: hmac, auth })
    await change('by a wrong HMAC', { session: hmac, auth: text('no') })
    await change('to 32 bytes', { auth }, new Uint8Array(32).fill(1))
    await change('to 33 bytes', { auth }, new Uint8Array(33).fill(1))
    await change('to 65 bytes', { auth }, new Uint8Array(65).fill(1))
    const other = await createPrimary(client, PLATFORM, template({ unique: Uint8Array.of(1) }))
    const { name: otherName } = await publicKeyOf(client, other)
    await change('under another parent', { auth }, text('new'), other, otherName)
    await change('under itself', { auth }, text('new'), WRAPPING, name)
    await client.command('RSA_Decrypt by HMAC', CC.RSA_Decrypt, {
      handles: [WRAPPING],
      names: [name],
      uses: [{ session: hmac, auth }],
      parameters: pack(sized(new Uint8Array(256)), u16(0x10), u16(0)),
    })
    await client.flush(hmac.handle)
    await client.flush(other)
  },

  'Load of what was changed': async ({ client }) => {
    const { handle, privateArea, publicArea } = await createAndLoad(client, decryptionKey())
    await client.flush(handle)
    const load = (what: string, inPrivate: Uint8Array, inPublic: Uint8Array, parent = PARENT) =>
      client.command(`Load: ${what}`, CC.Load, {
        handles: [parent],
        uses: [noAuth],
        parameters: pack(sized(inPrivate), sized(inPublic)),
        makesHandle: true,
      })
    const flip = (data: Uint8Array, at: number) => data.map((byte, i) => (i === at ? byte ^ 1 : byte))
    await load('integrity', flip(privateArea, 5), publicArea)
    await load('size of the integrity', flip(privateArea, 1), publicArea)
    await load('IV', flip(privateArea, 40), publicArea)
    await load('ciphertext', flip(privateArea, 100), publicArea)
    await load('modulus', privateArea, flip(publicArea, publicArea.length - 1))
    await load('attributes', privateArea, flip(publicArea, 6))
    await load('nothing private', EMPTY, publicArea)
    await load('short', privateArea.slice(0, 20), publicArea)
    await load('nothing public', privateArea, EMPTY)
    await load('public area cut short', privateArea, publicArea.slice(0, -1))
    await load('under a key that is no parent', privateArea, publicArea, WRAPPING)
    const other = await createPrimary(client)
    await load('under another parent', privateArea, publicArea, other)
    await client.flush(other)
  },
}
