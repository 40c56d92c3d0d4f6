import { pack, sized, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { POLICY } from '../client.ts'
import { type Cases, pcrDigest, selection } from './support.ts'

export const framingCases: Cases = {
  'commands cut short or too long at every place': async ({ client }) => {
    const session = await client.session(POLICY)
    const packets: [string, number, Uint8Array, number][] = [
      ['GetRandom', CC.GetRandom, pack(u16(8)), 0],
      ['Hash', CC.Hash, pack(sized(new Uint8Array(3)), u16(0x0b), u32(0x4000_0001)), 0],
      ['StirRandom', CC.StirRandom, sized(new Uint8Array(4)), 0],
      ['PCR_Read', CC.PCR_Read, selection(0x0b, [1, 0, 0]), 0],
      ['GetCapability', CC.GetCapability, pack(u32(1), u32(0), u32(1)), 0],
      ['ReadPublic', CC.ReadPublic, pack(u32(0x8180_0000)), 0],
      [
        'PolicyOR',
        CC.PolicyOR,
        pack(u32(session.handle), u32(2), sized(new Uint8Array(2)), sized(new Uint8Array(2))),
        0,
      ],
      ['PolicyPCR', CC.PolicyPCR, pack(u32(session.handle), u16(0), selection(0x0b, [1, 0, 0])), 0],
      ['FlushContext', CC.FlushContext, pack(u32(0x8000_0000)), 0],
      [
        'StartAuthSession',
        CC.StartAuthSession,
        pack(
          u32(0x4000_0007),
          u32(0x4000_0007),
          sized(new Uint8Array(8)),
          u16(0),
          Uint8Array.of(0),
          u16(0x10),
          u16(0x0b),
        ),
        0,
      ],
      ['LoadExternal', CC.LoadExternal, pack(u16(0), sized(new Uint8Array(6)), u32(0x4000_0007)), 0],
      ['ReadClock', CC.ReadClock, new Uint8Array(0), 0],
      ['SelfTest', CC.SelfTest, Uint8Array.of(1), 0],
    ]
    for (const [name, code, body] of packets) {
      for (let length = 0; length < body.length; length++)
        await client.raw(
          `${name}, ${length} of ${body.length}`,
          pack(u16(0x8001), u32(10 + length), u32(code), body.slice(0, length)),
        )
      const longer = pack(body, Uint8Array.of(0))
      await client.raw(`${name} and a byte`, pack(u16(0x8001), u32(10 + longer.length), u32(code), longer))
    }
    const area = pack(u32(0x4000_0009), u16(0), Uint8Array.of(0), u16(0))
    const extend = pack(u32(10), u32(area.length), area, pcrDigest(0x0b, 32))
    for (let length = 0; length < extend.length; length++)
      await client.raw(
        `PCR_Extend, ${length} of ${extend.length}`,
        pack(u16(0x8002), u32(10 + length), u32(CC.PCR_Extend), extend.slice(0, length)),
      )
    for (const tag of [0, 0x00c1, 0x00c4, 0x8000, 0x8003, 0x8014, 0x801a, 0x8021, 0x8025, 0xffff])
      await client.raw(`tag 0x${tag.toString(16)}`, pack(u16(tag), u32(12), u32(CC.GetRandom), u16(8)))
    for (const code of [0, 0x11e, 0x1a0, 0x2000_0000, 0xffff_ffff])
      await client.raw(`code 0x${code.toString(16)}`, pack(u16(0x8001), u32(10), u32(code)))
  },

  'every command without anything, and with one password': async ({ client }) => {
    const password = pack(u32(9), u32(0x4000_0009), u16(0), Uint8Array.of(0), u16(0))
    for (const [name, code] of Object.entries(CC)) {
      await client.raw(name, pack(u16(0x8001), u32(10), u32(code)))
      await client.raw(`${name} with a password`, pack(u16(0x8002), u32(10 + password.length), u32(code), password))
    }
  },
}
