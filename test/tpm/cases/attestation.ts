import { pack, sized, u8, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { nobleCrypto as crypto } from '../../../server/esm/crypto/noble.ts'
import { type Client, CONTINUE, DECRYPT, EMPTY, ENCRYPT, HMAC, POLICY, type Use } from '../client.ts'
import {
  type Cases,
  createAndLoad,
  createPrimary,
  decryptionKey,
  ENDORSEMENT,
  KEY_BYTES,
  NO_SYMMETRIC,
  NULL,
  nameOf,
  noAuth,
  OWNER,
  PARENT,
  PLATFORM,
  pcrDigest,
  publicKeyOf,
  selection,
  template,
  text,
  twoSized,
  WRAPPING,
} from './support.ts'

const RSASSA = pack(u16(0x14), u16(0x0b))
const RSAPSS = pack(u16(0x16), u16(0x0b))
const NO_SCHEME = pack(u16(0x10))
/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, sign; `restricted` for an attestation key. */
const SIGNING = 0x0004_0472
const signingKey = (scheme = RSASSA, restricted = true) =>
  template({ attributes: restricted ? SIGNING | 0x1_0000 : SIGNING, symmetric: NO_SYMMETRIC, scheme })

/** The attestation and the signature over it, as VerifySignature takes it. */
const parts = (parameters: Uint8Array): { said: Uint8Array; signature: Uint8Array } => {
  const size = new DataView(parameters.buffer, parameters.byteOffset).getUint16(0)
  return { said: parameters.slice(2, 2 + size), signature: parameters.slice(2 + size) }
}

const verify = (client: Client, what: string, handle: number, digest: Uint8Array, signature: Uint8Array) =>
  client.command(`VerifySignature ${what}`, CC.VerifySignature, {
    handles: [handle],
    parameters: pack(sized(digest), signature),
  })

async function quote(
  client: Client,
  what: string,
  handle: number,
  name: Uint8Array,
  scheme = NO_SCHEME,
  use: Use = noAuth,
) {
  const answer = await client.command(`Quote ${what}`, CC.Quote, {
    handles: [handle],
    names: [name],
    uses: [use],
    parameters: pack(sized(text('nonce')), scheme, selection(0x0b, [0, 0, 1])),
  })
  if (answer.code !== 0) return answer
  const { said, signature } = parts(answer.parameters)
  // Clock, counters and firmware are the TPM's own: 25 bytes before the PCRs.
  const view = new DataView(said.buffer, said.byteOffset)
  const start = 8 + view.getUint16(6) + 2 + view.getUint16(8 + view.getUint16(6))
  client.log.push(
    `  ${Buffer.from(said.slice(0, 6)).toString('hex')} ${Buffer.from(said.slice(start + 25)).toString('hex')}`,
  )
  await verify(client, 'of it', handle, crypto.sha256(said), signature)
  await verify(client, 'of another digest', handle, crypto.sha256(), signature)
  await verify(client, 'of a short digest', handle, crypto.sha256(said).slice(1), signature)
  await verify(client, 'with SHA-1', handle, crypto.sha1(said), pack(signature.slice(0, 2), u16(4), signature.slice(4)))
  return answer
}

export const attestationCases: Cases = {
  'Quote and VerifySignature': async ({ client }) => {
    await client.command('PCR_Extend', CC.PCR_Extend, {
      handles: [16],
      uses: [noAuth],
      parameters: pcrDigest(0x0b, 32),
    })
    for (const [what, area] of [
      ['RSASSA', signingKey()],
      ['RSAPSS', signingKey(RSAPSS)],
      ['no scheme', signingKey(NO_SCHEME, false)],
    ] as const) {
      const handle = await createPrimary(client, ENDORSEMENT, area)
      const { name, area: made } = await publicKeyOf(client, handle)
      for (const [how, scheme] of [
        ['no scheme', NO_SCHEME],
        ['RSASSA', RSASSA],
        ['RSAPSS', RSAPSS],
        ['RSASSA with SHA-1', pack(u16(0x14), u16(4))],
        ['an unknown hash', pack(u16(0x14), u16(0x99))],
        ['OAEP', pack(u16(0x17), u16(0x0b))],
        ['an unknown scheme', pack(u16(0x99))],
      ] as const)
        await quote(client, `key with ${what}, asked for ${how}`, handle, name, scheme)
      const external = await client.command('LoadExternal', CC.LoadExternal, {
        parameters: pack(u16(0), sized(made), u32(OWNER)),
      })
      await verify(
        client,
        'with an external key, of garbage',
        external.handle,
        new Uint8Array(32),
        pack(RSASSA, sized(new Uint8Array(KEY_BYTES).fill(1))),
      )
      await client.flush(external.handle)
      await client.flush(handle)
    }
  },

  'Quote by keys that do not sign, and of what cannot be': async ({ client }) => {
    const { name } = await publicKeyOf(client, PARENT)
    await quote(client, 'by a storage key', PARENT, name)
    await quote(client, 'by nobody', NULL, pack(u32(NULL)))
    await quote(client, 'by nobody, with a scheme', NULL, pack(u32(NULL)), RSASSA)
    await quote(client, 'by a hierarchy', OWNER, pack(u32(OWNER)))
    const auth = text('auth')
    const { handle, name: own } = await createAndLoad(client, signingKey(), auth)
    await quote(client, 'with a wrong authValue', handle, own)
    const session = await client.session(HMAC)
    await quote(client, 'by HMAC', handle, own, NO_SCHEME, { session, auth, attributes: CONTINUE | DECRYPT | ENCRYPT })
    const raw = (what: string, parameters: Uint8Array) =>
      client.command(`Quote ${what}`, CC.Quote, { handles: [handle], names: [own], uses: [{ auth }], parameters })
    await raw('with 67 bytes', pack(sized(new Uint8Array(67)), NO_SCHEME, selection(0x0b, [1, 0, 0])))
    await raw('of an unknown bank', pack(u16(0), NO_SCHEME, selection(0x99, [1, 0, 0])))
    await raw(
      'of two banks',
      pack(u16(0), NO_SCHEME, u32(2), u16(4), u8(3), Uint8Array.of(1, 0, 0), u16(0x0b), u8(3), Uint8Array.of(1, 0, 0)),
    )
    await raw('of nothing', pack(u16(0), NO_SCHEME, u32(0)))
    await raw('with a surplus byte', pack(u16(0), NO_SCHEME, u32(0), u8(0)))
    await verify(client, 'without a signature', handle, new Uint8Array(32), NO_SCHEME)
    await verify(client, 'of an unknown kind', handle, new Uint8Array(32), pack(u16(0x99)))
    await verify(client, 'of 65 bytes', handle, new Uint8Array(65), pack(RSASSA, sized(new Uint8Array(KEY_BYTES))))
    await verify(client, 'too short', handle, new Uint8Array(32), pack(RSASSA, sized(new Uint8Array(KEY_BYTES - 1))))
    await verify(client, 'too long for the field', handle, new Uint8Array(32), pack(RSASSA, sized(new Uint8Array(513))))
    await verify(
      client,
      'not below the modulus',
      handle,
      new Uint8Array(32),
      pack(RSASSA, sized(new Uint8Array(KEY_BYTES).fill(0xff))),
    )
    await verify(
      client,
      'by a key that does not sign',
      PARENT,
      new Uint8Array(32),
      pack(RSASSA, sized(new Uint8Array(256))),
    )
  },

  Certify: async ({ client, wrapping }) => {
    const signer = await createPrimary(client, ENDORSEMENT, signingKey())
    const { name: signerName } = await publicKeyOf(client, signer)
    const parent = await publicKeyOf(client, PARENT)
    const certify = async (
      what: string,
      object: number,
      name: Uint8Array,
      uses: Use[],
      by = signer,
      scheme = NO_SCHEME,
    ) => {
      const answer = await client.command(`Certify ${what}`, CC.Certify, {
        handles: [object, by],
        names: [name, by === NULL ? pack(u32(NULL)) : signerName],
        uses,
        parameters: pack(sized(text('nonce')), scheme),
      })
      if (answer.code !== 0) return
      const { said, signature } = parts(answer.parameters)
      // Which keys these are differs; that what is certified is the name shows at the end.
      const at = said.length - 2 * (2 + name.length)
      const same = Buffer.from(said.slice(at + 2, at + 2 + name.length)).equals(Buffer.from(name))
      client.log.push(`  ${said.length} bytes, the name is ${same ? 'there' : 'not there'}`)
      if (by !== NULL) await verify(client, 'of it', by, crypto.sha256(said), signature)
    }
    await certify('the parent', PARENT, parent.name, [noAuth, noAuth])
    await certify('the parent, without a second authorization', PARENT, parent.name, [noAuth])
    await certify('the parent by nobody', PARENT, parent.name, [noAuth, noAuth], NULL)
    await certify('with the wrong scheme', PARENT, parent.name, [noAuth, noAuth], signer, RSAPSS)
    const wrappingName = (await publicKeyOf(client, WRAPPING)).name
    await certify('the wrapping key by password', WRAPPING, wrappingName, [{ auth: wrapping.password }, noAuth])
    await certify('the wrapping key by a wrong password', WRAPPING, wrappingName, [{ auth: text('no') }, noAuth])
    const policy = await client.session(POLICY)
    await certify('the wrapping key by an empty policy', WRAPPING, wrappingName, [{ session: policy }, noAuth])
    const sessions = [await client.session(HMAC), await client.session(HMAC)]
    const [first, second] = sessions as [Awaited<ReturnType<Client['session']>>, Awaited<ReturnType<Client['session']>>]
    await certify('by two HMACs', PARENT, parent.name, [
      { session: first },
      { session: second, attributes: CONTINUE | ENCRYPT },
    ])
    await certify('by two HMACs, the second wrong', PARENT, parent.name, [
      { session: first },
      { session: second, hmac: new Uint8Array(32) },
    ])
  },

  'MakeCredential and ActivateCredential': async ({ client }) => {
    const auth = text('identity')
    const { handle, name } = await createAndLoad(client, signingKey(), auth)
    const credential = text('a credential of 32 bytes, or so..')
    const make = (what: string, key: number, secret: Uint8Array, objectName = name) =>
      client.command(`MakeCredential ${what}`, CC.MakeCredential, {
        handles: [key],
        parameters: pack(sized(secret), sized(objectName)),
      })
    const made = await make('for the key', PARENT, credential.slice(0, 32))
    const [blob, secret] = twoSized(made.parameters)
    await make('of 33 bytes', PARENT, credential.slice(0, 33))
    await make('of 65 bytes', PARENT, new Uint8Array(65))
    await make('of nothing', PARENT, EMPTY)
    await make('for a name of 69 bytes', PARENT, EMPTY, new Uint8Array(69))
    await make('by a key that is no parent', handle, EMPTY)
    await make('by the wrapping key', WRAPPING, EMPTY)
    const parent = await publicKeyOf(client, PARENT)
    const activate = async (
      what: string,
      change: { blob?: Uint8Array; secret?: Uint8Array; uses?: Use[]; key?: number; keyName?: Uint8Array },
    ) => {
      const { uses = [{ auth }, noAuth], key = PARENT, keyName = parent.name } = change
      const answer = await client.command(`ActivateCredential ${what}`, CC.ActivateCredential, {
        handles: [handle, key],
        names: [name, keyName],
        uses,
        parameters: pack(sized(change.blob ?? blob), sized(change.secret ?? secret)),
      })
      if (answer.code === 0) client.log.push(`  ${Buffer.from(answer.parameters.slice(2, 34)).toString()}`)
    }
    const flip = (data: Uint8Array, at: number) => data.map((byte, i) => (i === at ? byte ^ 1 : byte))
    await activate('right', {})
    await activate('with a wrong authValue', { uses: [noAuth, noAuth] })
    await activate('by one authorization', { uses: [{ auth }] })
    await activate('changed integrity', { blob: flip(blob, 4) })
    await activate('changed credential', { blob: flip(blob, 40) })
    await activate('changed secret', { secret: flip(secret, 40) })
    await activate('short secret', { secret: secret.slice(1) })
    await activate('no secret', { secret: EMPTY })
    await activate('no blob', { blob: EMPTY })
    await activate('short blob', { blob: blob.slice(0, 20) })
    await activate('a blob of 133 bytes', { blob: new Uint8Array(133) })
    const session = await client.session(HMAC)
    await activate('by HMAC', { uses: [{ session, auth, attributes: CONTINUE | ENCRYPT }, noAuth] })
    const other = await createPrimary(client)
    const otherKey = await publicKeyOf(client, other)
    await activate('with another key', { key: other, keyName: otherKey.name })
    await activate('with a key that is no parent', { key: handle, keyName: name, uses: [{ auth }, { auth }] })
    client.log.push(`the name of the key has ${nameOf(otherKey.area).length} bytes`)
  },

  LoadExternal: async ({ client }) => {
    const primary = await createPrimary(client, PLATFORM, decryptionKey(0x0002_0472))
    const { area, key } = await publicKeyOf(client, primary)
    await client.flush(primary)
    const load = async (what: string, inPublic: Uint8Array, hierarchy = OWNER, inPrivate: Uint8Array = EMPTY) => {
      const answer = await client.command(`LoadExternal: ${what}`, CC.LoadExternal, {
        parameters: pack(sized(inPrivate), sized(inPublic), u32(hierarchy)),
        makesHandle: true,
      })
      if (answer.code === 0) await client.flush(answer.handle)
      return answer
    }
    await load('a public key', area)
    for (const hierarchy of [NULL, PLATFORM, ENDORSEMENT, 0x4000_000a, 0])
      await load(`under 0x${hierarchy.toString(16)}`, area, hierarchy)
    const changed = (change: Parameters<typeof template>[0]) =>
      template({ attributes: 0x0002_0040, symmetric: NO_SYMMETRIC, unique: area.slice(-KEY_BYTES), ...change })
    await load('plain', changed({}))
    await load('without a name algorithm', changed({ nameAlg: 0x10 }))
    await load('with an unknown name algorithm', changed({ nameAlg: 0x99 }))
    await load('a short modulus', changed({ unique: area.slice(1 - KEY_BYTES) }))
    await load('a modulus without its top bit', changed({ unique: new Uint8Array(KEY_BYTES).fill(0x7f) }))
    await load('no modulus', changed({ unique: EMPTY }))
    await load('exponent 3', changed({ exponent: 3 }))
    await load('exponent 17', changed({ exponent: 17 }))
    await load('a scheme for signing, to decrypt', changed({ scheme: RSASSA }))
    await load('fixedTPM', changed({ attributes: 0x0002_0042 }))
    await load('a policy of 31 bytes', changed({ policy: new Uint8Array(31) }))
    await load('neither signs nor decrypts', changed({ attributes: 0x40 }))
    await load('nothing', EMPTY)
    const sensitive = (prime: Uint8Array, type = 1, auth: Uint8Array = EMPTY, seed: Uint8Array = EMPTY) =>
      pack(u16(type), sized(auth), sized(seed), sized(prime))
    const prime = new Uint8Array(KEY_BYTES / 2).fill(0xc1)
    await load('a private part under a hierarchy', changed({}), OWNER, sensitive(prime))
    await load('a short prime', changed({}), NULL, sensitive(prime.slice(1)))
    await load('an unknown type', changed({}), NULL, sensitive(prime, 0x99))
    await load('the type of data', changed({}), NULL, sensitive(new Uint8Array(8), 8))
    await load('a long authValue', changed({}), NULL, sensitive(prime, 1, new Uint8Array(65)))
    await load('fixedParent with a private part', changed({ attributes: 0x0002_0052 }), NULL, sensitive(prime))
    await load(
      'restricted with a private part',
      template({ unique: area.slice(-KEY_BYTES), attributes: 0x0003_0040 }),
      NULL,
      sensitive(prime),
    )
    await load('a private part cut short', changed({}), NULL, sensitive(prime).slice(0, -1))
    await load('a private part with a surplus byte', changed({}), NULL, pack(sensitive(prime), u8(0)))
    const loaded = await client.command('LoadExternal', CC.LoadExternal, {
      parameters: pack(u16(0), sized(changed({})), u32(OWNER)),
      makesHandle: true,
    })
    const uses: [string, number, Use][] = [['RSA_Decrypt with the public part', CC.RSA_Decrypt, noAuth]]
    for (const [what, code, use] of uses)
      await client.command(what, code, {
        handles: [loaded.handle],
        names: [nameOf(changed({}))],
        uses: [use],
        parameters: pack(sized(new Uint8Array(KEY_BYTES)), u16(0x10), u16(0)),
      })
    await client.command('StartAuthSession salted for it', CC.StartAuthSession, {
      handles: [loaded.handle, NULL],
      parameters: pack(
        sized(new Uint8Array(32)),
        sized(new Uint8Array(KEY_BYTES).fill(1)),
        u8(0),
        NO_SYMMETRIC,
        u16(0x0b),
      ),
    })
    await client.command('StartAuthSession bound to it', CC.StartAuthSession, {
      handles: [NULL, loaded.handle],
      parameters: pack(sized(new Uint8Array(32)), u16(0), u8(0), NO_SYMMETRIC, u16(0x0b)),
    })
    await client.command('EvictControl', CC.EvictControl, {
      handles: [OWNER, loaded.handle],
      uses: [noAuth],
      parameters: pack(u32(0x8100_0001)),
    })
    await client.command('ReadPublic', CC.ReadPublic, { handles: [loaded.handle] })
    client.log.push(`${key.bytes} bytes`)
  },
}
