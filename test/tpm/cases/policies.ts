import { pack, sized, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { HMAC, POLICY, TRIAL } from '../client.ts'
import { type Cases, creation, decryptionKey, OWNER, PARENT, publicKeyOf, selection, template } from './support.ts'

export const policiesCases: Cases = {
  'policy commands': async ({ client }) => {
    const session = await client.session(POLICY)
    const hmac = await client.session(HMAC)
    const handles = [session.handle]
    const commandCode = (code: number) =>
      client.command('PolicyCommandCode', CC.PolicyCommandCode, { handles, parameters: pack(u32(code)) })
    await commandCode(0x999)
    await commandCode(CC.RSA_Decrypt)
    await commandCode(CC.RSA_Decrypt)
    await commandCode(CC.Create)
    await client.command('PolicyAuthValue of an HMAC session', CC.PolicyAuthValue, { handles: [hmac.handle] })
    for (const [what, digests] of [
      ['one', [32]],
      ['two', [32, 32]],
      ['a short one', [32, 31]],
      ['nine', Array(9).fill(32)],
      ['a long one', [32, 65]],
    ] as [string, number[]][])
      await client.command(`PolicyOR of ${what}`, CC.PolicyOR, {
        handles,
        parameters: pack(u32(digests.length), ...digests.map((n) => sized(new Uint8Array(n)))),
      })
    await client.command('PolicyPCR with another digest', CC.PolicyPCR, {
      handles,
      parameters: pack(sized(new Uint8Array(32)), selection(0x0b, [1, 0, 0])),
    })
    await client.command('PolicyPCR with a short digest', CC.PolicyPCR, {
      handles,
      parameters: pack(sized(new Uint8Array(31)), selection(0x0b, [1, 0, 0])),
    })
    await client.command('PolicyPCR', CC.PolicyPCR, { handles, parameters: pack(u16(0), selection(0x0b, [1, 0, 0])) })
    await client.command('PolicyGetDigest', CC.PolicyGetDigest, { handles })
    const trial = await client.session(TRIAL)
    await client.command('PolicyOR in a trial', CC.PolicyOR, {
      handles: [trial.handle],
      parameters: pack(u32(2), sized(new Uint8Array(32).fill(1)), sized(new Uint8Array(32))),
    })
    await client.command('PolicyPCR in a trial', CC.PolicyPCR, {
      handles: [trial.handle],
      parameters: pack(sized(new Uint8Array(32)), selection(0x0b, [1, 0, 0])),
    })
    const digest = await client.command('PolicyGetDigest', CC.PolicyGetDigest, { handles: [trial.handle] })
    client.log.push(Buffer.from(digest.parameters).toString('hex'))
    await client.command('a trial session authorizes', CC.PCR_Reset, { handles: [16], uses: [{ session: trial }] })
    for (const { handle } of [session, hmac, trial]) await client.flush(handle)
  },

  'a policy session where there is no policy': async ({ client }) => {
    const session = await client.session(POLICY)
    await client.command('for a PCR', CC.PCR_Reset, { handles: [16], uses: [{ session }] })
    await client.command('for a hierarchy', CC.CreatePrimary, {
      handles: [OWNER],
      uses: [{ session }],
      parameters: creation(template()),
    })
    const { name } = await publicKeyOf(client, PARENT)
    await client.command('for a key', CC.Create, {
      handles: [PARENT],
      names: [name],
      uses: [{ session }],
      parameters: creation(decryptionKey()),
    })
    await client.flush(session.handle)
  },
}
