import { pack, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { HMAC, POLICY } from '../client.ts'
import {
  type Cases,
  createAndLoad,
  createPrimary,
  creation,
  decryptionKey,
  ENDORSEMENT,
  LOCKOUT,
  NULL,
  noAuth,
  OWNER,
  PARENT,
  PLATFORM,
  PW,
  pcrDigest,
  template,
} from './support.ts'

export const handlesCases: Cases = {
  'handles of the wrong kind': async ({ client }) => {
    const kinds = [
      0,
      24,
      0x01c1_0190,
      0x0200_0000,
      0x0300_0000,
      OWNER,
      NULL,
      PW,
      LOCKOUT,
      ENDORSEMENT,
      PLATFORM,
      0x4000_000d,
    ]
    const all = [...kinds, 0x4000_0050, 0x8000_0000, 0x8000_0007, 0x8100_0001, 0x8180_0005, 0x8200_0000, 0xffff_ffff]
    for (const handle of all) {
      const h = `0x${handle.toString(16)}`
      await client.command(`ReadPublic ${h}`, CC.ReadPublic, { handles: [handle] })
      await client.command(`PolicyGetDigest ${h}`, CC.PolicyGetDigest, { handles: [handle] })
      await client.command(`FlushContext ${h}`, CC.FlushContext, { parameters: pack(u32(handle)) })
      if (handle >>> 24 !== 0x01) await client.command(`NV_ReadPublic ${h}`, CC.NV_ReadPublic, { handles: [handle] })
      await client.command(`EvictControl by ${h}`, CC.EvictControl, {
        handles: [handle, 0x8000_0000],
        uses: [noAuth],
        parameters: pack(u32(0x8180_0002)),
      })
      await client.command(`EvictControl of ${h}`, CC.EvictControl, {
        handles: [PLATFORM, handle],
        uses: [noAuth],
        parameters: pack(u32(0x8180_0002)),
      })
      if (handle < 16 || (handle > 23 && handle !== NULL && ![OWNER, ENDORSEMENT, PLATFORM].includes(handle))) {
        const parameters = creation(template({ bits: 1000 }))
        await client.command(`CreatePrimary under ${h}`, CC.CreatePrimary, {
          handles: [handle],
          uses: [noAuth],
          parameters,
        })
      }
      if (handle !== PARENT)
        await client.command(`Create under ${h}`, CC.Create, {
          handles: [handle],
          uses: [noAuth],
          parameters: creation(template()),
        })
      await client.command(`PCR_Reset ${h}`, CC.PCR_Reset, { handles: [handle], uses: [noAuth] })
      await client.command(`PCR_Extend ${h}`, CC.PCR_Extend, {
        handles: [handle],
        uses: [noAuth],
        parameters: pcrDigest(0x0b, 32),
      })
    }
  },

  'keys move between handles': async ({ client }) => {
    const evict = (what: string, hierarchy: number, object: number, persistent: number) =>
      client.command(what, CC.EvictControl, {
        handles: [hierarchy, object],
        uses: [noAuth],
        parameters: pack(u32(persistent)),
      })
    const owned = await createPrimary(client)
    await evict('the owner, into the range of the platform', OWNER, owned, 0x8180_0009)
    await evict('the owner, below the range', OWNER, owned, 0x8000_0009)
    await evict('the platform, a key of the owner', PLATFORM, owned, 0x8180_0009)
    await evict('the owner', OWNER, owned, 0x8100_0001)
    await evict('the owner, again', OWNER, owned, 0x8100_0001)
    await evict('the owner, to a second handle', OWNER, owned, 0x8100_0002)
    await evict('away from another handle', OWNER, 0x8100_0001, 0x8100_0002)
    await evict('the platform removes it', PLATFORM, 0x8100_0001, 0x8100_0001)
    await evict('the endorsement hierarchy', ENDORSEMENT, owned, 0x8100_0003)
    const temporary = await createPrimary(client, NULL)
    await evict('a temporary key', OWNER, temporary, 0x8100_0004)
    await client.command('HANDLES', CC.GetCapability, { parameters: pack(u32(1), u32(0x8100_0000), u32(64)) })
    await evict('the owner removes it', OWNER, 0x8100_0001, 0x8100_0001)
    await evict('the owner removes the other', OWNER, 0x8100_0002, 0x8100_0002)
    await client.flush(owned)
    await client.flush(temporary)
    await client.flush(temporary)
  },

  'a third transient key, a fourth session': async ({ client }) => {
    const keys = [await createPrimary(client), await createPrimary(client, ENDORSEMENT)]
    client.log.push(keys.map((handle) => handle.toString(16)).join(' '))
    await client.flush(keys[0]!)
    const { handle } = await createAndLoad(client, decryptionKey())
    client.log.push(handle.toString(16))
    await client.flush(handle)
    await client.flush(keys[1]!)
    const sessions = [await client.session(HMAC), await client.session(POLICY), await client.session(HMAC)]
    client.log.push(sessions.map((session) => session.handle.toString(16)).join(' '))
    await client.command('HANDLES', CC.GetCapability, { parameters: pack(u32(1), u32(0x0200_0000), u32(64)) })
    for (const session of sessions) await client.flush(session.handle)
  },
}
