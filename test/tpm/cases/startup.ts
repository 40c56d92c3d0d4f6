import { pack, sized, u8, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { HMAC, POLICY, type Use } from '../client.ts'
import {
  type Cases,
  createAndLoad,
  createPrimary,
  decryptionKey,
  getRandom,
  KEY_BYTES,
  LOCKOUT,
  NULL,
  noAuth,
  OWNER,
  PARENT,
  pcrDigest,
  publicKeyOf,
  selection,
  simple,
  text,
  WRAPPING,
} from './support.ts'

export const startupCases: Cases = {
  'what GetCapability says': async ({ client }) => {
    const session = await client.session(HMAC)
    const say = async (capability: number, property: number, count: number) => {
      const what = `capability ${capability}, ${count} from 0x${property.toString(16)}`
      const { parameters } = await client.command(what, CC.GetCapability, {
        parameters: pack(u32(capability), u32(property), u32(count)),
      })
      client.log.push(`  ${Buffer.from(parameters).toString('hex')}`)
    }
    // What is not of the make: sizes, counts of what is loaded, dictionary attacks.
    const fixed = [0x100, 0x101, 0x10d, 0x10e, 0x110, 0x111, 0x112, 0x113, 0x117, 0x11a, 0x11e, 0x11f, 0x120, 0x12c]
    const variable = [0x200, 0x201, 0x202, 0x203, 0x204, 0x205, 0x206, 0x207, 0x208, 0x20e, 0x20f, 0x210, 0x211]
    for (const property of [...fixed, ...variable]) await say(6, property, 1)
    for (const property of [0x115, 0x215, 0x300, 0x1ff]) await say(6, property, 2)
    await say(7, 0, 13)
    await say(7, 3, 2)
    await say(7, 0x15, 2)
    for (const property of [0x4000_0000, 0x4000_000b, 0x4000_000d, 0]) await say(9, property, 9)
    for (const property of [0, 0x4000_0110, 0x4000_0120]) await say(10, property, 9)
    for (const code of [CC.EvictControl, CC.ContextLoad, CC.StartAuthSession, CC.Quote]) await say(2, code, 1)
    for (const handle of [0x4000_0000, 0x4000_0008, 0x8000_0000, 0x8180_0000, 0x8180_0001, 0x0200_0000, 0, 22, 24])
      await say(1, handle, 3)
    await say(1, 0x8100_0000, 0)
    await say(5, 1, 1)
    for (const capability of [11, 0xff, 0x100, 0x101]) await say(capability, 0, 1)
    await client.flush(session.handle)
  },

  'the codes of what is not implemented or out of range': async (setting) => {
    await simple(CC.SelfTest, [
      ['2', { parameters: pack(u8(2)) }],
      ['no parameter', {}],
      ['full', { parameters: pack(u8(1)) }],
    ])(setting)
    await simple(CC.Shutdown, [['2', { parameters: pack(u16(2)) }]])(setting)
    await simple(CC.GetRandom, [
      ['0', { parameters: pack(u16(0)) }],
      ['64', { parameters: pack(u16(64)) }],
      ['65', { parameters: pack(u16(65)) }],
    ])(setting)
    await simple(CC.GetCapability, [
      ['capability 99', { parameters: pack(u32(99), u32(0), u32(1)) }],
      ['handles of no kind', { parameters: pack(u32(1), u32(0x5500_0000), u32(1)) }],
      ['count 0', { parameters: pack(u32(1), u32(0x4000_0000), u32(0)) }],
      ['some permanent handles', { parameters: pack(u32(1), u32(0x4000_0007), u32(2)) }],
      ['permanent handles', { parameters: pack(u32(1), u32(0x4000_0000), u32(64)) }],
      ['PCRs', { parameters: pack(u32(1), u32(0), u32(64)) }],
      ['saved sessions', { parameters: pack(u32(1), u32(0x0300_0000), u32(64)) }],
      ['NV indices', { parameters: pack(u32(1), u32(0x0100_0000), u32(64)) }],
      ['PCRs from 20', { parameters: pack(u32(1), u32(20), u32(64)) }],
      ['family', { parameters: pack(u32(6), u32(0x100), u32(1)) }],
      ['group 2', { parameters: pack(u32(6), u32(0x200), u32(1)) }],
    ])(setting)
  },

  'dictionary attacks': async ({ client, powerCycle }) => {
    const auth = text('secret')
    const area = decryptionKey(0x0002_0060)
    const { handle } = await createAndLoad(client, area, auth)
    const { name } = await publicKeyOf(client, handle)
    const decrypt = (what: string, use: Use) =>
      client.command(what, CC.RSA_Decrypt, {
        handles: [handle],
        names: [name],
        uses: [use],
        parameters: pack(sized(new Uint8Array(KEY_BYTES).fill(1)), u16(0x10), u16(0)),
      })
    await decrypt('the first use after Startup', { auth })
    await decrypt('the second use', { auth })
    for (let tries = 1; tries <= 4; tries++) await decrypt(`wrong, ${tries}`, { auth: text('guess') })
    await decrypt('right, but locked out', { auth })
    await client.command('a key with noDA is not locked', CC.ReadPublic, { handles: [WRAPPING] })
    await client.command('reset by the owner', 0x139, { handles: [OWNER], uses: [noAuth] })
    await client.command('reset', 0x139, { handles: [LOCKOUT], uses: [noAuth] })
    await decrypt('right again', { auth })
    await client.flush(handle)
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(0)) })
  },

  'Startup and Shutdown': async ({ client, powerCycle }) => {
    const start = (type: number) => client.command(`Startup ${type}`, CC.Startup, { parameters: pack(u16(type)) })
    const shut = (type: number) => client.command(`Shutdown ${type}`, CC.Shutdown, { parameters: pack(u16(type)) })
    const read = async () => {
      for (const mask of [
        [1, 0, 1],
        [0, 0, 0x82],
      ]) {
        const { parameters } = await client.command('PCR_Read', CC.PCR_Read, { parameters: selection(0x0b, mask) })
        client.log.push(Buffer.from(parameters.slice(4)).toString('hex'))
      }
    }
    const extend = (pcr: number) =>
      client.command(`PCR_Extend ${pcr}`, CC.PCR_Extend, {
        handles: [pcr],
        uses: [noAuth],
        parameters: pcrDigest(0x0b, 32),
      })
    await start(2)
    for (const pcr of [0, 16, 23]) await extend(pcr)
    await read()
    await powerCycle()
    await client.command('before Startup', CC.GetRandom, { parameters: getRandom })
    await client.command('before Startup', CC.ReadPublic, { handles: [0x1234_5678] })
    await start(1)
    await start(0)
    await start(0)
    await read()
    for (const pcr of [0, 16, 23]) await extend(pcr)
    const key = await createPrimary(client)
    const session = await client.session(POLICY)
    await shut(1)
    await powerCycle()
    await start(1)
    await read()
    await client.command('a key of before', CC.ReadPublic, { handles: [key] })
    await client.command('a session of before', CC.PolicyGetDigest, { handles: [session.handle] })
    await client.command('a persistent key', CC.ReadPublic, { handles: [PARENT] })
    await shut(1)
    await extend(0)
    await powerCycle()
    await start(1)
    await start(0)
    await read()
    await shut(0)
    await powerCycle()
    await start(1)
    await start(0)
    const a = await createPrimary(client, NULL)
    const before = await publicKeyOf(client, a)
    await powerCycle()
    await start(0)
    const b = await createPrimary(client, NULL)
    const after = await publicKeyOf(client, b)
    client.log.push(`the NULL hierarchy has ${before.key.n === after.key.n ? 'the same' : 'another'} seed`)
    await client.flush(b)
  },
}
