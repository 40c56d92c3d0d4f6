import { pack, sized, u8, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { nobleCrypto as crypto } from '../../../server/esm/crypto/noble.ts'
import { type Client, CONTINUE, DECRYPT, EMPTY, ENCRYPT, HMAC, POLICY, TRIAL, type Use } from '../client.ts'
import { type Cases, ENDORSEMENT, LOCKOUT, NULL, noAuth, OWNER, PARENT, PLATFORM, text, twoSized } from './support.ts'

const INDEX = 0x0150_0001
/** ownerWrite, authWrite, ownerRead, authRead, noDA. */
const ORDINARY = 0x0206_0006
const [WRITTEN, PLATFORM_CREATE] = [0x2000_0000, 0x4000_0000]

const nvArea = (
  change: { index?: number; hash?: number; attributes?: number; policy?: Uint8Array; size?: number } = {},
): Uint8Array =>
  pack(
    u32(change.index ?? INDEX),
    u16(change.hash ?? 0x0b),
    u32(change.attributes ?? ORDINARY),
    sized(change.policy ?? EMPTY),
    u16(change.size ?? 16),
  )

const nvNameOf = (area: Uint8Array) => pack(u16(0x0b), crypto.sha256(area))

const define = (client: Client, what: string, area: Uint8Array, by = OWNER, auth: Uint8Array = EMPTY) =>
  client.command(`NV_DefineSpace ${what}`, CC.NV_DefineSpace, {
    handles: [by],
    uses: [noAuth],
    parameters: pack(sized(auth), sized(area)),
  })

const undefine = (client: Client, what: string, by = OWNER, index = INDEX, name = nvNameOf(nvArea())) =>
  client.command(`NV_UndefineSpace ${what}`, CC.NV_UndefineSpace, {
    handles: [by, index],
    names: [pack(u32(by)), name],
    uses: [noAuth],
  })

interface Access {
  readonly by?: number
  readonly use?: Use
  readonly size?: number
  readonly offset?: number
  readonly data?: Uint8Array
  readonly area?: Uint8Array
  readonly index?: number
}

const names = (by: number, index: number, area: Uint8Array) => [
  by === index ? nvNameOf(area) : pack(u32(by)),
  nvNameOf(area),
]

const write = (client: Client, what: string, access: Access = {}) => {
  const {
    by = OWNER,
    use = noAuth,
    offset = 0,
    data = new Uint8Array(16).fill(7),
    area = nvArea(),
    index = INDEX,
  } = access
  return client.command(`NV_Write ${what}`, CC.NV_Write, {
    handles: [by, index],
    names: names(by, index, area),
    uses: [use],
    parameters: pack(sized(data), u16(offset)),
  })
}

const read = async (client: Client, what: string, access: Access = {}) => {
  const { by = OWNER, use = noAuth, offset = 0, size = 16, index = INDEX } = access
  const area = access.area ?? nvArea({ attributes: ORDINARY | WRITTEN })
  const answer = await client.command(`NV_Read ${what}`, CC.NV_Read, {
    handles: [by, index],
    names: names(by, index, area),
    uses: [use],
    parameters: pack(u16(size), u16(offset)),
  })
  if (answer.code === 0) client.log.push(`  ${Buffer.from(answer.parameters.slice(0, 2 + size)).toString('hex')}`)
  return answer
}

const readPublic = async (client: Client, index = INDEX) => {
  const answer = await client.command('NV_ReadPublic', CC.NV_ReadPublic, { handles: [index] })
  for (const part of answer.code === 0 ? twoSized(answer.parameters) : [])
    client.log.push(`  ${Buffer.from(part).toString('hex')}`)
}

export const nvCases: Cases = {
  'NV indices that cannot be': async ({ client }) => {
    for (const [what, area, by] of [
      ['no index', nvArea({ index: 0x0200_0000 })],
      ['an unknown hash', nvArea({ hash: 0x99 })],
      ['no hash', nvArea({ hash: 0x10 })],
      ['a reserved attribute', nvArea({ attributes: ORDINARY | 0x100 })],
      ['written', nvArea({ attributes: ORDINARY | WRITTEN })],
      ['write locked', nvArea({ attributes: ORDINARY | 0x800 })],
      ['read locked', nvArea({ attributes: (ORDINARY | 0x1000_0000) >>> 0 })],
      ['nobody may read', nvArea({ attributes: 0x0200_0006 })],
      ['nobody may write', nvArea({ attributes: 0x0206_0000 })],
      ['clearStClear and writeDefine', nvArea({ attributes: ORDINARY | 0x0800_2000 })],
      ['of the platform, by the owner', nvArea({ attributes: ORDINARY | PLATFORM_CREATE })],
      ['of the owner, by the platform', nvArea(), PLATFORM],
      ['policyDelete, by the owner', nvArea({ attributes: ORDINARY | 0x400 })],
      ['type 3', nvArea({ attributes: ORDINARY | 0x30 })],
      ['a policy of 31 bytes', nvArea({ policy: new Uint8Array(31) })],
      ['a policy of 65 bytes', nvArea({ policy: new Uint8Array(65) })],
      ['2049 bytes', nvArea({ size: 2049 })],
      ['1025 bytes, writeAll', nvArea({ attributes: ORDINARY | 0x1000, size: 1025 })],
      ['nothing', EMPTY],
      ['cut short', nvArea().slice(0, -1)],
      ['a surplus byte', pack(nvArea(), u8(0))],
    ] as [string, Uint8Array, number?][])
      await define(client, what, area, by)
    await define(client, 'an authValue of 33 bytes', nvArea(), OWNER, new Uint8Array(33).fill(1))
    await define(client, 'an authValue of 65 bytes', nvArea(), OWNER, new Uint8Array(65).fill(1))
    for (const by of [ENDORSEMENT, LOCKOUT, NULL, 0, PARENT])
      await define(client, `by 0x${by.toString(16)}`, nvArea(), by)
    await undefine(client, 'what is not there')
    await client.command('no authorization', CC.NV_DefineSpace, {
      handles: [OWNER],
      parameters: pack(u16(0), sized(nvArea())),
    })
  },

  'an NV index from beginning to end': async ({ client }) => {
    const auth = text('index')
    await define(client, 'the index', nvArea(), OWNER, auth)
    await define(client, 'it again', nvArea(), OWNER, auth)
    await readPublic(client)
    await client.command('HANDLES', CC.GetCapability, { parameters: pack(u32(1), u32(0x0100_0000), u32(9)) })
    await client.command('HR_NV_INDEX', CC.GetCapability, { parameters: pack(u32(6), u32(0x202), u32(1)) })
    const area = nvArea()
    await read(client, 'before it is written', { area })
    await write(client, 'by the platform', { by: PLATFORM })
    await write(client, 'by the endorsement hierarchy', { by: ENDORSEMENT })
    await write(client, 'by a wrong authValue', { by: INDEX, use: { auth: text('no') } })
    await write(client, 'by itself', { by: INDEX, use: { auth } })
    await readPublic(client)
    const written = nvArea({ attributes: ORDINARY | WRITTEN })
    for (const [offset, bytes] of [
      [0, 17],
      [16, 0],
      [17, 0],
      [16, 1],
      [15, 1],
      [3, 5],
      [0, 0],
      [0, 1024],
      [0, 1025],
    ] as const)
      await write(client, `${bytes} bytes at ${offset}`, {
        offset,
        data: new Uint8Array(bytes).fill(bytes),
        area: written,
      })
    for (const [offset, size] of [
      [0, 16],
      [0, 17],
      [16, 0],
      [17, 0],
      [2, 7],
      [0, 1025],
    ] as const)
      await read(client, `${size} bytes at ${offset}`, { offset, size })
    await read(client, 'by itself', { by: INDEX, use: { auth } })
    await read(client, 'by the platform', { by: PLATFORM })
    const hmac = await client.session(HMAC)
    await read(client, 'by HMAC', { by: INDEX, use: { session: hmac, auth, attributes: CONTINUE | ENCRYPT } })
    await write(client, 'by HMAC', {
      by: INDEX,
      area: written,
      use: { session: hmac, auth, attributes: CONTINUE | DECRYPT },
    })
    await write(client, 'by HMAC for the name of before', { by: INDEX, area, use: { session: hmac, auth } })
    const bound = await client.session(HMAC, { bind: { handle: INDEX, auth } })
    await read(client, 'bound', { by: INDEX, use: { session: bound, auth, keyed: false } })
    const policy = await client.session(POLICY)
    await read(client, 'by a policy, without one', { by: INDEX, use: { session: policy } })
    await undefine(client, 'by the platform', PLATFORM, INDEX, nvNameOf(written))
    await undefine(client, 'again', OWNER)
    await write(client, 'what is gone')
    await readPublic(client)
  },

  'NV indices by attribute': async ({ client, powerCycle }) => {
    const attempt = async (what: string, attributes: number, by: number, policy: Uint8Array = EMPTY) => {
      const area = nvArea({ attributes: attributes >>> 0, policy })
      const written = nvArea({ attributes: (attributes | WRITTEN) >>> 0, policy })
      await define(client, what, area, by)
      await write(client, 'by the owner', { area })
      await write(client, 'by the platform', { by: PLATFORM, area })
      await write(client, 'by itself', { by: INDEX, area })
      await write(client, 'half of it', { area: written, data: new Uint8Array(8) })
      await read(client, 'by the owner', { area: written })
      await read(client, 'by the platform', { by: PLATFORM, area: written })
      await read(client, 'by itself', { by: INDEX, area: written })
      await client.command('Shutdown', CC.Shutdown, { parameters: pack(u16(0)) })
      await powerCycle()
      await client.command('Startup', CC.Startup, { parameters: pack(u16(0)) })
      await readPublic(client)
      await read(client, 'after Startup', { by: PLATFORM, area: written })
      await undefine(client, 'by the owner', OWNER, INDEX, nvNameOf(written))
      await undefine(client, 'by the platform', PLATFORM, INDEX, nvNameOf(written))
    }
    await attempt('the platform alone', 0x4201_0001, PLATFORM)
    await attempt('the owner writes, itself reads', 0x0204_0002, OWNER)
    await attempt('policies alone', 0x0208_0008, OWNER, new Uint8Array(32))
    await attempt('writeAll', ORDINARY | 0x1000, OWNER)
    await attempt('clearStClear', ORDINARY | 0x0801_0001, OWNER)
    await attempt('orderly', ORDINARY | 0x0400_0000, OWNER)
  },

  'an NV index with a policy, and one that counts guesses': async ({ client }) => {
    const trial = await client.session(TRIAL)
    await client.command('PolicyCommandCode', CC.PolicyCommandCode, {
      handles: [trial.handle],
      parameters: pack(u32(CC.NV_Write)),
    })
    const digest = (
      await client.command('PolicyGetDigest', CC.PolicyGetDigest, { handles: [trial.handle] })
    ).parameters.slice(2)
    // policyWrite, authRead; with dictionary attack protection.
    const area = nvArea({ attributes: 0x0004_0008, policy: digest })
    const written = nvArea({ attributes: 0x2004_0008, policy: digest })
    const auth = text('secret')
    await define(client, 'with a policy', area, OWNER, auth)
    const session = await client.session(POLICY)
    const policy = (code: number) =>
      client.command('PolicyCommandCode', CC.PolicyCommandCode, {
        handles: [session.handle],
        parameters: pack(u32(code)),
      })
    await policy(CC.NV_Read)
    await write(client, 'by another policy', { by: INDEX, area, use: { session } })
    await client.command('PolicyRestart', CC.PolicyRestart, { handles: [session.handle] })
    await policy(CC.NV_Write)
    await write(client, 'by the policy', { by: INDEX, area, use: { session } })
    await policy(CC.NV_Write)
    await read(client, 'by the policy', { by: INDEX, area: written, use: { session } })
    await write(client, 'by the authValue', { by: INDEX, area: written, use: { auth } })
    for (let tries = 0; tries < 6; tries++)
      await read(client, `by a guess, ${tries}`, { by: INDEX, area: written, use: { auth: text('guess') } })
    await read(client, 'by the authValue, locked out', { by: INDEX, area: written, use: { auth } })
    await client.command('LOCKOUT_COUNTER', CC.GetCapability, { parameters: pack(u32(6), u32(0x20e), u32(1)) })
    await client.command('DictionaryAttackLockReset', CC.DictionaryAttackLockReset, {
      handles: [LOCKOUT],
      uses: [noAuth],
    })
    await read(client, 'by the authValue', { by: INDEX, area: written, use: { auth } })
    await undefine(client, 'it', OWNER, INDEX, nvNameOf(written))
  },
}
