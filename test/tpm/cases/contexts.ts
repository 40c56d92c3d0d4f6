import { pack, sized, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { type Client, CONTINUE, ENCRYPT, HMAC, POLICY } from '../client.ts'
import {
  type Cases,
  createPrimary,
  decryptionKey,
  getRandom,
  NULL,
  noAuth,
  PARENT,
  publicKeyOf,
  STORAGE,
  template,
} from './support.ts'

/** Sizes of contexts are each TPM's own: only codes and handles are compared. */
const save = async (client: Client, what: string, handle: number): Promise<Uint8Array> => {
  const answer = await client.command(`ContextSave ${what}`, CC.ContextSave, { handles: [handle] })
  client.log.pop()
  client.log.push(`ContextSave ${what}: 0x${answer.code.toString(16)}`)
  // The sequence number counts differently; saved handle and hierarchy follow.
  if (answer.code === 0) client.log.push(`  ${Buffer.from(answer.parameters.slice(8, 16)).toString('hex')}`)
  return answer.parameters
}

const load = async (client: Client, what: string, context: Uint8Array): Promise<number> => {
  const answer = await client.command(`ContextLoad ${what}`, CC.ContextLoad, { parameters: context })
  client.log.push(`  ${answer.code === 0 ? answer.handle.toString(16) : ''}`)
  return answer.handle
}

const flip = (data: Uint8Array, at: number) => data.map((byte, i) => (i === at ? byte ^ 1 : byte))

export const contextsCases: Cases = {
  'contexts of objects': async ({ client, powerCycle }) => {
    const key = await createPrimary(client)
    const { name } = await publicKeyOf(client, key)
    const context = await save(client, 'a key', key)
    const copy = await load(client, 'a copy', context)
    const again = await publicKeyOf(client, copy)
    client.log.push(`the copy has ${Buffer.from(again.name).equals(Buffer.from(name)) ? 'the same' : 'another'} name`)
    await client.command('Create under the copy', CC.Create, {
      handles: [copy],
      names: [name],
      uses: [noAuth],
      parameters: pack(sized(pack(u16(0), u16(0))), sized(decryptionKey()), u16(0), u32(0)),
    })
    await load(client, 'another copy', context)
    await load(client, 'one copy too many', context)
    for (const handle of [key, copy, 0x8000_0002]) await client.flush(handle)
    for (const [what, at] of [
      ['sequence', 7],
      ['saved handle', 8],
      ['hierarchy', 15],
      ['integrity', 30],
      ['content', 100],
      ['size of the integrity', 19],
    ] as const)
      await load(client, `with another ${what}`, flip(context, at))
    await load(client, 'cut short', context.slice(0, -1))
    await load(client, 'of nothing', pack(context.slice(0, 16), u16(0)))
    await load(client, 'of 2681 bytes', pack(context.slice(0, 16), sized(new Uint8Array(2681))))
    const clearing = await createPrimary(client, NULL, template({ attributes: STORAGE | 4 }))
    const volatile = await save(client, 'a key of the null hierarchy with stClear', clearing)
    await client.flush(clearing)
    await client.command('Shutdown', CC.Shutdown, { parameters: pack(u16(1)) })
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(1)) })
    await client.flush(await load(client, 'after Startup(STATE)', context))
    await client.flush(await load(client, 'stClear after Startup(STATE)', volatile))
    await client.command('Shutdown', CC.Shutdown, { parameters: pack(u16(1)) })
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(0)) })
    await client.flush(await load(client, 'after Restart', context))
    await load(client, 'stClear after Restart', volatile)
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(0)) })
    await load(client, 'after Reset', context)
    for (const handle of [PARENT, 0x8000_0000, 0, 0x4000_0001, 0x0200_0000])
      await save(client, `0x${handle.toString(16)}`, handle)
    await client.command('ContextSave with a password', CC.ContextSave, { handles: [0x8000_0000], uses: [noAuth] })
  },

  'contexts of sessions': async ({ client, powerCycle }) => {
    const session = await client.session(HMAC, { bind: { handle: PARENT, auth: new Uint8Array(0) } })
    const policy = await client.session(POLICY)
    await client.command('PolicyCommandCode', CC.PolicyCommandCode, {
      handles: [policy.handle],
      parameters: pack(u32(CC.Create)),
    })
    await client.command('PolicyAuthValue', CC.PolicyAuthValue, { handles: [policy.handle] })
    const random = (what: string) =>
      client.command(`GetRandom ${what}`, CC.GetRandom, {
        uses: [{ session, attributes: CONTINUE | ENCRYPT }],
        parameters: getRandom,
      })
    await random('before')
    const context = await save(client, 'the session', session.handle)
    const policyContext = await save(client, 'the policy', policy.handle)
    await random('while it is saved')
    for (const prefix of [0x0200_0000, 0x0300_0000])
      await client.command(`HANDLES 0x${prefix.toString(16)}`, CC.GetCapability, {
        parameters: pack(u32(1), u32(prefix), u32(64)),
      })
    const others = [await client.session(HMAC), await client.session(HMAC), await client.session(HMAC)]
    await client.session(HMAC)
    await load(client, 'while there is no room', context)
    for (const other of others) await client.flush(other.handle)
    await load(client, 'the session', context)
    await random('after')
    await load(client, 'the session again', context)
    await load(client, 'the policy', policyContext)
    const digest = await client.command('PolicyGetDigest', CC.PolicyGetDigest, { handles: [policy.handle] })
    client.log.push(`  ${Buffer.from(digest.parameters).toString('hex')}`)
    const second = await save(client, 'the session a second time', session.handle)
    await load(client, 'the context of before', context)
    await client.flush(session.handle)
    await load(client, 'a session that was flushed', second)
    const third = await save(client, 'the policy a second time', policy.handle)
    await client.command('Shutdown', CC.Shutdown, { parameters: pack(u16(1)) })
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(1)) })
    await load(client, 'the policy after Startup(STATE)', third)
    const fourth = await save(client, 'the policy a third time', policy.handle)
    await powerCycle()
    await client.command('Startup', CC.Startup, { parameters: pack(u16(0)) })
    await load(client, 'the policy after Reset', fourth)
  },
}
