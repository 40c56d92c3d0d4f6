import { pack, sized, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { nobleCrypto as crypto } from '../../../server/esm/crypto/noble.ts'
import { EMPTY, POLICY, TRIAL, type Use } from '../client.ts'
import {
  type Cases,
  createAndLoad,
  decryptionKey,
  KEY_BYTES,
  noAuth,
  pcrDigest,
  publicKeyOf,
  selection,
  simple,
} from './support.ts'

export const pcrsCases: Cases = {
  'PCR commands': async (setting) => {
    await simple(CC.PCR_Extend, [
      ['nothing', { handles: [16], uses: [noAuth], parameters: pack(u32(0)) }],
      ['17 digests', { handles: [16], uses: [noAuth], parameters: pack(u32(17)) }],
      ['an unknown hash', { handles: [16], uses: [noAuth], parameters: pcrDigest(0x99, 32) }],
      ['a short digest', { handles: [16], uses: [noAuth], parameters: pcrDigest(0x0b, 31) }],
      ['a surplus byte', { handles: [16], uses: [noAuth], parameters: pcrDigest(0x0b, 33) }],
      ['PCR 17 at locality 0', { handles: [17], uses: [noAuth], parameters: pcrDigest(0x0b, 32) }],
      ['PCR 23', { handles: [23], uses: [noAuth], parameters: pcrDigest(0x04, 20) }],
      ['no authorization', { handles: [16], parameters: pcrDigest(0x0b, 32) }],
    ])(setting)
    await simple(CC.PCR_Read, [
      ['PCR 23 of SHA-1', { parameters: selection(4, [0, 0, 0x80]) }],
      ['two bytes', { parameters: selection(0x0b, [1, 0]) }],
      ['four bytes', { parameters: selection(0x0b, [1, 0, 0, 0]) }],
      ['no byte', { parameters: selection(0x0b, []) }],
      ['an unknown hash', { parameters: selection(0x99, [1, 0, 0]) }],
      ['no PCR', { parameters: selection(0x0b, [0, 0, 0]) }],
      ['more than eight', { parameters: selection(0x0b, [0xff, 0xff, 0xff]) }],
      ['no selection', { parameters: pack(u32(0)) }],
      ['17 selections', { parameters: pack(u32(17)) }],
    ])(setting)
    await simple(
      CC.PCR_Reset,
      [16, 23, 0, 17, 20, 22].map((pcr) => [`PCR ${pcr}`, { handles: [pcr], uses: [noAuth] }]),
    )(setting)
  },

  'the update counter of the PCRs and a policy that depends on it': async ({ client }) => {
    const counter = async () => {
      const { parameters } = await client.command('PCR_Read', CC.PCR_Read, { parameters: selection(0x0b, [0, 0, 1]) })
      return new DataView(parameters.buffer, parameters.byteOffset).getUint32(0)
    }
    const extend = (pcr: number) =>
      client.command(`PCR_Extend ${pcr}`, CC.PCR_Extend, {
        handles: [pcr],
        uses: [noAuth],
        parameters: pcrDigest(0x0b, 32),
      })
    const start = await counter()
    for (const pcr of [0, 10, 15, 16, 23]) {
      await extend(pcr)
      client.log.push(`counter + ${(await counter()) - start}`)
    }
    await client.command('PCR_Extend, both banks', CC.PCR_Extend, {
      handles: [1],
      uses: [noAuth],
      parameters: pack(u32(2), u16(4), new Uint8Array(20), u16(0x0b), new Uint8Array(32)),
    })
    client.log.push(`counter + ${(await counter()) - start}`)
    await client.command('PCR_Reset 16', CC.PCR_Reset, { handles: [16], uses: [noAuth] })
    await client.command('PCR_Reset 23', CC.PCR_Reset, { handles: [23], uses: [noAuth] })
    client.log.push(`counter + ${(await counter()) - start}`)
    // A key that PCR 5 as it is now opens.
    const trial = await client.session(TRIAL)
    const pcrs = pack(u16(0), selection(0x0b, [0x20, 0, 0]))
    await client.command('PolicyPCR', CC.PolicyPCR, { handles: [trial.handle], parameters: pcrs })
    const digest = (
      await client.command('PolicyGetDigest', CC.PolicyGetDigest, { handles: [trial.handle] })
    ).parameters.slice(2)
    const { handle } = await createAndLoad(client, decryptionKey(0x0002_0420, undefined, digest))
    const { name } = await publicKeyOf(client, handle)
    const session = await client.session(POLICY)
    const decrypt = (what: string, use: Use = { session }) =>
      client.command(what, CC.RSA_Decrypt, {
        handles: [handle],
        names: [name],
        uses: [use],
        parameters: pack(sized(new Uint8Array(KEY_BYTES).fill(1)), u16(0x10), u16(0)),
      })
    const policyPcr = () => client.command('PolicyPCR', CC.PolicyPCR, { handles: [session.handle], parameters: pcrs })
    await decrypt('without PolicyPCR')
    await policyPcr()
    await decrypt('an HMAC that the policy does not ask for', { session, hmac: crypto.hmacSha256(EMPTY, EMPTY) })
    await decrypt('with PolicyPCR')
    await extend(16)
    await decrypt('PCR 16 changed')
    await extend(1)
    await decrypt('PCR 1 changed')
    await client.command('PolicyRestart', 0x180, { handles: [session.handle] })
    await policyPcr()
    await decrypt('after PolicyRestart')
    for (const one of [handle, session.handle, trial.handle]) await client.flush(one)
  },
}
