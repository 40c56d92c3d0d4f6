import { pack, sized, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { type Client, CONTINUE, DECRYPT, EMPTY, ENCRYPT, HMAC, type Use } from '../client.ts'
import { type Cases, nameOf, noAuth, OWNER, PARENT, PLATFORM, publicKeyOf, text, twoSized } from './support.ts'

/** Public area of sealed data: fixedTPM, fixedParent, userWithAuth, noDA. */
const sealedArea = (
  attributes = 0x0000_0452,
  change: { scheme?: Uint8Array; unique?: Uint8Array; policy?: Uint8Array } = {},
) =>
  pack(
    u16(8),
    u16(0x0b),
    u32(attributes),
    sized(change.policy ?? EMPTY),
    change.scheme ?? u16(0x10),
    sized(change.unique ?? EMPTY),
  )

const sealing = (area: Uint8Array, data: Uint8Array, auth: Uint8Array = EMPTY) =>
  pack(sized(pack(sized(auth), sized(data))), sized(area), u16(0), u32(0))

const create = (client: Client, what: string, area: Uint8Array, data: Uint8Array, auth: Uint8Array = EMPTY) =>
  client.command(`Create: ${what}`, CC.Create, {
    handles: [PARENT],
    uses: [noAuth],
    parameters: sealing(area, data, auth),
  })

export const sealedCases: Cases = {
  'sealed data': async ({ client }) => {
    const parent = await publicKeyOf(client, PARENT)
    const auth = text('auth')
    const data = text('what nobody may know')
    const session = await client.session(HMAC)
    const made = await client.command('Create, encrypted both ways', CC.Create, {
      handles: [PARENT],
      names: [parent.name],
      uses: [{ session, attributes: CONTINUE | DECRYPT | ENCRYPT }],
      parameters: sealing(sealedArea(), data, auth),
    })
    const [privateArea, publicArea] = twoSized(made.parameters)
    client.log.push(`private ${privateArea.length}, public ${publicArea.length}`)
    const loaded = await client.command('Load', CC.Load, {
      handles: [PARENT],
      names: [parent.name],
      uses: [noAuth],
      parameters: pack(sized(privateArea), sized(publicArea)),
      makesHandle: true,
    })
    const unseal = async (what: string, handle: number, name: Uint8Array, use: Use) => {
      const answer = await client.command(`Unseal ${what}`, CC.Unseal, {
        handles: [handle],
        names: [name],
        uses: [use],
      })
      if (answer.code === 0) client.log.push(`  ${Buffer.from(answer.parameters.slice(2, 2 + data.length)).toString()}`)
    }
    const name = nameOf(publicArea)
    await unseal('by the authValue', loaded.handle, name, { auth })
    await unseal('by another', loaded.handle, name, { auth: text('no') })
    await unseal('by HMAC', loaded.handle, name, { session, auth, attributes: CONTINUE | ENCRYPT })
    await unseal('the parent', PARENT, parent.name, noAuth)
    const read = await client.command('ReadPublic', CC.ReadPublic, { handles: [loaded.handle] })
    client.log.push(`  ${read.parameters.length}`)
    await client.command('RSA_Decrypt with it', CC.RSA_Decrypt, {
      handles: [loaded.handle],
      names: [name],
      uses: [{ auth }],
      parameters: pack(sized(EMPTY), u16(0x10), u16(0)),
    })
    await client.command('RSA_Encrypt with it', CC.RSA_Encrypt, {
      handles: [loaded.handle],
      parameters: pack(sized(EMPTY), u16(0x10), u16(0)),
    })
    await client.command('Create under it', CC.Create, {
      handles: [loaded.handle],
      names: [name],
      uses: [{ auth }],
      parameters: sealing(sealedArea(), data),
    })
    await client.command('ObjectChangeAuth', CC.ObjectChangeAuth, {
      handles: [loaded.handle, PARENT],
      names: [name, parent.name],
      uses: [{ auth }],
      parameters: sized(text('new')),
    })
    await client.command('EvictControl', CC.EvictControl, {
      handles: [PLATFORM, loaded.handle],
      uses: [noAuth],
      parameters: pack(u32(0x8180_0010)),
    })
    await client.command('ReadPublic', CC.ReadPublic, { handles: [0x8180_0010] })
    await client.command('EvictControl', CC.EvictControl, {
      handles: [PLATFORM, 0x8180_0010],
      uses: [noAuth],
      parameters: pack(u32(0x8180_0010)),
    })
  },

  'data that cannot be sealed': async ({ client }) => {
    const data = text('data')
    for (const [what, area, content] of [
      ['nothing', sealedArea(), EMPTY],
      ['128 bytes', sealedArea(), new Uint8Array(128)],
      ['129 bytes', sealedArea(), new Uint8Array(129)],
      ['that comes from the TPM', sealedArea(0x0000_0472), EMPTY],
      ['that comes from the TPM and the caller', sealedArea(0x0000_0472), data],
      ['restricted', sealedArea(0x0001_0452), data],
      ['to sign, without a scheme', sealedArea(0x0004_0452), data],
      ['to decrypt, without a scheme', sealedArea(0x0002_0452), data],
      ['fixedTPM alone', sealedArea(0x0000_0442), data],
      ['with a policy of 31 bytes', sealedArea(undefined, { policy: new Uint8Array(31) }), data],
      ['with a scheme that is none', sealedArea(undefined, { scheme: pack(u16(0x99)) }), data],
      ['with a unique of 65 bytes', sealedArea(undefined, { unique: new Uint8Array(65) }), data],
      ['with a unique of 32 bytes', sealedArea(undefined, { unique: new Uint8Array(32) }), data],
    ] as [string, Uint8Array, Uint8Array][]) {
      await create(client, what, area, content)
      const primary = await client.command(`CreatePrimary: ${what}`, CC.CreatePrimary, {
        handles: [OWNER],
        uses: [noAuth],
        parameters: sealing(area, content),
        makesHandle: true,
      })
      if (primary.code === 0) await client.flush(primary.handle)
    }
    await create(client, 'with an authValue of 33 bytes', sealedArea(), data, new Uint8Array(33).fill(1))
  },
}
