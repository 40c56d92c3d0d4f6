import { pack, sized, u16 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { nobleCrypto as crypto } from '../../../server/esm/crypto/noble.ts'
import { oaepEncrypt } from '../../../server/esm/crypto/rsa.ts'
import { EMPTY } from '../client.ts'
import {
  type Cases,
  createAndLoad,
  createPrimary,
  decryptionKey,
  KEY_BYTES,
  noAuth,
  OWNER,
  PARENT,
  publicKeyOf,
  text,
} from './support.ts'

export const rsaCases: Cases = {
  'RSA_Decrypt by password: schemes, labels, lengths': async ({ client }) => {
    const auth = text('password')
    for (const [what, scheme] of [
      ['OAEP', pack(u16(0x17), u16(0x0b))],
      ['no scheme', pack(u16(0x10))],
    ] as [string, Uint8Array][]) {
      const { handle } = await createAndLoad(client, decryptionKey(0x0002_0460, scheme), auth)
      const { name } = await publicKeyOf(client, handle)
      const decrypt = (row: string, ciphertext: Uint8Array, inScheme: Uint8Array, label: Uint8Array) =>
        client.command(`key with ${what}, ${row}`, CC.RSA_Decrypt, {
          handles: [handle],
          names: [name],
          uses: [{ auth }],
          parameters: pack(sized(ciphertext), inScheme, sized(label)),
        })
      const any = new Uint8Array(KEY_BYTES).fill(1)
      await decrypt('RSAES', any, pack(u16(0x15)), EMPTY)
      await decrypt('OAEP with SHA-1', any, pack(u16(0x17), u16(4)), EMPTY)
      await decrypt('OAEP with SHA-256', any, pack(u16(0x17), u16(0x0b)), EMPTY)
      await decrypt('OAEP with an unknown hash', any, pack(u16(0x17), u16(0x99)), EMPTY)
      await decrypt('a scheme for signing', any, pack(u16(0x14), u16(0x0b)), EMPTY)
      await decrypt('an unknown scheme', any, pack(u16(0x99)), EMPTY)
      await decrypt('a label without NUL', any, pack(u16(0x17), u16(0x0b)), text('label'))
      await decrypt('a label with NUL', any, pack(u16(0x17), u16(0x0b)), text('label\0'))
      await decrypt('a label of 65 bytes', any, pack(u16(0x17), u16(0x0b)), new Uint8Array(65))
      await decrypt('a label of 600 bytes', any, pack(u16(0x17), u16(0x0b)), new Uint8Array(600))
      for (const length of [0, 127, 129, 384, 385, 512, 513])
        await decrypt(`${length} bytes`, new Uint8Array(length), pack(u16(0x10)), EMPTY)
      await decrypt('not below the modulus', new Uint8Array(KEY_BYTES).fill(0xff), pack(u16(0x10)), EMPTY)
      await decrypt('0', new Uint8Array(KEY_BYTES), pack(u16(0x10)), EMPTY)
      await client.command('the command names the scheme, no more', CC.RSA_Decrypt, {
        handles: [handle],
        names: [name],
        uses: [{ auth }],
        parameters: pack(sized(any), u16(0x10)),
      })
      await client.flush(handle)
    }
    const { name } = await publicKeyOf(client, PARENT)
    await client.command('a storage key', CC.RSA_Decrypt, {
      handles: [PARENT],
      names: [name],
      uses: [noAuth],
      parameters: pack(sized(new Uint8Array(KEY_BYTES)), u16(0x10), u16(0)),
    })
  },

  'RSA_Encrypt, and RSA_Decrypt of what is right': async ({ client }) => {
    const message = text('message')
    const OAEP = pack(u16(0x17), u16(0x0b))
    const schemes: [string, Uint8Array][] = [
      ['nothing', pack(u16(0x10))],
      ['OAEP', OAEP],
      ['OAEP with SHA-1', pack(u16(0x17), u16(4))],
      ['RSAES', pack(u16(0x15))],
      ['RSASSA', pack(u16(0x14), u16(0x0b))],
    ]
    for (const [what, own] of schemes.slice(0, 4)) {
      const handle = await createPrimary(client, OWNER, decryptionKey(0x0002_0472, own))
      const { name, key } = await publicKeyOf(client, handle)
      for (const [how, scheme] of schemes) {
        const encrypt = (row: string, bytes: Uint8Array, label: Uint8Array = EMPTY) =>
          client.command(`RSA_Encrypt: key with ${what}, ${how}, ${row}`, CC.RSA_Encrypt, {
            handles: [handle],
            parameters: pack(sized(bytes), scheme, sized(label)),
          })
        const sealed = await encrypt('a message', message, text('label\0'))
        await encrypt('nothing', EMPTY)
        await encrypt('62 bytes', new Uint8Array(62).fill(1))
        await encrypt('a label without NUL', message, text('label'))
        if (sealed.code !== 0) continue
        const [ciphertext] = [sealed.parameters.slice(2)]
        const opened = await client.command('RSA_Decrypt', CC.RSA_Decrypt, {
          handles: [handle],
          names: [name],
          uses: [noAuth],
          parameters: pack(sized(ciphertext), scheme, sized(text('label\0'))),
        })
        const found = Buffer.from(opened.parameters).toString('latin1')
        client.log.push(`  ${found.includes('message') ? 'the message' : 'not the message'}`)
        await client.command('RSA_Decrypt with another label', CC.RSA_Decrypt, {
          handles: [handle],
          names: [name],
          uses: [noAuth],
          parameters: pack(sized(ciphertext), scheme, sized(text('other\0'))),
        })
      }
      const outside = oaepEncrypt(key, message, { crypto, random: (length) => client.random(length) })
      const opened = await client.command('RSA_Decrypt of what the client encrypted', CC.RSA_Decrypt, {
        handles: [handle],
        names: [name],
        uses: [noAuth],
        parameters: pack(sized(outside), OAEP, u16(0)),
      })
      client.log.push(`  ${Buffer.from(opened.parameters).toString('latin1').includes('message')}`)
      await client.flush(handle)
    }
    await client.command('RSA_Encrypt by a storage key', CC.RSA_Encrypt, {
      handles: [PARENT],
      parameters: pack(sized(message), OAEP, u16(0)),
    })
  },
}
