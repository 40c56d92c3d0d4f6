import { pack, sized, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { type Client, CONTINUE, DECRYPT, EMPTY, HMAC, POLICY, type Use } from '../client.ts'
import {
  type Cases,
  createPrimary,
  creation,
  ENDORSEMENT,
  LOCKOUT,
  NULL,
  noAuth,
  OWNER,
  PARENT,
  PLATFORM,
  publicKeyOf,
  template,
  text,
} from './support.ts'

const change = (client: Client, what: string, hierarchy: number, newAuth: Uint8Array, use: Use = noAuth) =>
  client.command(`HierarchyChangeAuth ${what}`, CC.HierarchyChangeAuth, {
    handles: [hierarchy],
    uses: [use],
    parameters: sized(newAuth),
  })

const create = (client: Client, what: string, hierarchy: number, use: Use = noAuth) =>
  client.command(`CreatePrimary ${what}`, CC.CreatePrimary, {
    handles: [hierarchy],
    uses: [use],
    parameters: creation(template({ bits: 1000 })),
  })

const permanent = async (client: Client) => {
  const { parameters } = await client.command('TPM_PT_PERMANENT', CC.GetCapability, {
    parameters: pack(u32(6), u32(0x200), u32(1)),
  })
  client.log.push(`  ${Buffer.from(parameters).toString('hex')}`)
}

export const hierarchiesCases: Cases = {
  'authValues of hierarchies': async ({ client, powerCycle }) => {
    for (const [name, hierarchy] of [
      ['owner', OWNER],
      ['endorsement', ENDORSEMENT],
      ['platform', PLATFORM],
    ] as const) {
      const auth = text(`${name}\0`)
      await change(client, `of ${name}`, hierarchy, auth)
      await create(client, 'without it', hierarchy)
      await create(client, 'with it', hierarchy, { auth })
      const session = await client.session(HMAC)
      await create(client, 'by HMAC', hierarchy, { session, auth })
      const next = text('next')
      await change(client, 'by HMAC', hierarchy, next, {
        ...{ session, auth, nextAuth: next },
        attributes: CONTINUE | DECRYPT,
      })
      await client.flush(session.handle)
      await change(client, 'to 64 bytes', hierarchy, new Uint8Array(64).fill(1), { auth: next })
      await change(client, 'to 65 bytes', hierarchy, new Uint8Array(65).fill(1), { auth: new Uint8Array(64).fill(1) })
      await permanent(client)
      if (hierarchy !== PLATFORM) await change(client, 'back', hierarchy, EMPTY, { auth: new Uint8Array(64).fill(1) })
    }
    await client.command('Shutdown', CC.Shutdown, { parameters: pack(u16(1)) })
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(1)) })
    await create(client, 'of the platform after Startup(STATE)', PLATFORM)
    await create(client, 'of the platform with its authValue', PLATFORM, { auth: new Uint8Array(64).fill(1) })
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(0)) })
    await create(client, 'of the platform after Startup(CLEAR)', PLATFORM)
    for (const hierarchy of [NULL, PARENT, 0, 0x4000_0009])
      await change(client, `of 0x${hierarchy.toString(16)}`, hierarchy, EMPTY)
    const policy = await client.session(POLICY)
    await change(client, 'by a policy', OWNER, EMPTY, { session: policy })
    await client.command('HierarchyChangeAuth without authorization', CC.HierarchyChangeAuth, {
      handles: [OWNER],
      parameters: sized(EMPTY),
    })
  },

  'the lockout hierarchy locks itself': async ({ client, powerCycle }) => {
    const auth = text('lockout')
    await change(client, 'of lockout', LOCKOUT, auth)
    const reset = (what: string, use: Use) =>
      client.command(`DictionaryAttackLockReset ${what}`, CC.DictionaryAttackLockReset, {
        handles: [LOCKOUT],
        uses: [use],
      })
    await reset('right', { auth })
    await reset('wrong', { auth: text('no') })
    await reset('right, but too late', { auth })
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(0)) })
    await reset('after Startup', { auth })
    await permanent(client)
    const clear = (what: string, hierarchy: number, use: Use) =>
      client.command(`Clear ${what}`, CC.Clear, { handles: [hierarchy], uses: [use] })
    await clear('by lockout', LOCKOUT, { auth })
    await clear('by the owner', OWNER, noAuth)
    await clear('by the endorsement hierarchy', ENDORSEMENT, noAuth)
    await clear('by the platform', PLATFORM, noAuth)
    await reset('without an authValue again', noAuth)
    await permanent(client)
  },

  "Clear takes what is the owner's": async ({ client }) => {
    const owned = await createPrimary(client)
    const endorsed = await createPrimary(client, ENDORSEMENT)
    const before = await publicKeyOf(client, owned)
    const endorsedBefore = await publicKeyOf(client, endorsed)
    await change(client, 'of the owner', OWNER, text('owner'))
    await client.command('EvictControl', CC.EvictControl, {
      handles: [OWNER, owned],
      uses: [{ auth: text('owner') }],
      parameters: pack(u32(0x8100_0001)),
    })
    const nv = (attributes: number, index: number) =>
      pack(u16(0), sized(pack(u32(index), u16(0x0b), u32(attributes), u16(0), u16(8))))
    await client.command('NV_DefineSpace', CC.NV_DefineSpace, {
      handles: [OWNER],
      uses: [{ auth: text('owner') }],
      parameters: nv(0x0206_0006, 0x0150_0010),
    })
    await client.command('NV_DefineSpace', CC.NV_DefineSpace, {
      handles: [PLATFORM],
      uses: [noAuth],
      parameters: nv(0x4206_0006, 0x0150_0011),
    })
    const session = await client.session(HMAC)
    await client.command('Clear', CC.Clear, { handles: [PLATFORM], uses: [{ session }] })
    await client.command('the key of the owner', CC.ReadPublic, { handles: [owned] })
    await client.command('the endorsement key', CC.ReadPublic, { handles: [endorsed] })
    await client.command('the persistent key of the owner', CC.ReadPublic, { handles: [0x8100_0001] })
    await client.command('the persistent key of the platform', CC.ReadPublic, { handles: [PARENT] })
    await client.command('the NV index of the owner', CC.NV_ReadPublic, { handles: [0x0150_0010] })
    await client.command('the NV index of the platform', CC.NV_ReadPublic, { handles: [0x0150_0011] })
    const again = await createPrimary(client)
    const after = await publicKeyOf(client, again)
    client.log.push(`the seed of the owner is ${before.key.n === after.key.n ? 'the same' : 'another'}`)
    const endorsedAgain = await createPrimary(client, ENDORSEMENT)
    const endorsedAfter = await publicKeyOf(client, endorsedAgain)
    client.log.push(
      `the seed of endorsement is ${endorsedBefore.key.n === endorsedAfter.key.n ? 'the same' : 'another'}`,
    )
    await client.command('NV_UndefineSpace', CC.NV_UndefineSpace, { handles: [PLATFORM, 0x0150_0011], uses: [noAuth] })
  },

  PolicySecret: async ({ client }) => {
    const auth = text('owner')
    await change(client, 'of the owner', OWNER, auth)
    const session = await client.session(POLICY)
    const trial = await client.session(POLICY)
    const secret = async (
      what: string,
      one: { readonly handle: number },
      parts: {
        nonce?: Uint8Array
        cpHash?: Uint8Array
        reference?: Uint8Array
        expiration?: number
        use?: Use
        by?: number
      },
    ) => {
      const { nonce = EMPTY, cpHash = EMPTY, reference = EMPTY, expiration = 0, use = { auth }, by = OWNER } = parts
      await client.command(`PolicySecret ${what}`, CC.PolicySecret, {
        handles: [by, one.handle],
        uses: [use],
        parameters: pack(sized(nonce), sized(cpHash), sized(reference), u32(expiration >>> 0)),
      })
      const digest = await client.command('PolicyGetDigest', CC.PolicyGetDigest, { handles: [one.handle] })
      client.log.push(`  ${Buffer.from(digest.parameters).toString('hex')}`)
    }
    await secret('without the authValue', session, { use: noAuth })
    await secret('with it', session, {})
    await secret('with a reference', session, { reference: text('reference') })
    await secret('with a wrong nonce', session, { nonce: new Uint8Array(32) })
    await secret('with a nonce of 65 bytes', session, { nonce: new Uint8Array(65) })
    await secret('with the nonce of the session', session, { nonce: session.nonceTpm, expiration: 1000 })
    await secret('with a short cpHash', session, { cpHash: new Uint8Array(31) })
    await secret('with a cpHash', session, { cpHash: new Uint8Array(32).fill(1) })
    await secret('with another cpHash', session, { cpHash: new Uint8Array(32).fill(2) })
    await secret('with a ticket', trial, { nonce: trial.nonceTpm, expiration: -1000 })
    await secret('with a ticket until the reset', trial, { expiration: -100_000 })
    await secret('of the null hierarchy', session, { by: NULL, use: noAuth })
    await secret('of a PCR', session, { by: 3, use: noAuth })
    await secret('of an HMAC session', await client.session(HMAC), {})
    await change(client, 'back', OWNER, EMPTY, { auth })
  },
}
