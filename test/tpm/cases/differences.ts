import { pack, sized, u8, u16, u32 } from '../../../debug-adapter/machine/tpm/bytes.ts'
import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { type Answer, type Client, POLICY } from '../client.ts'
import {
  createPrimary,
  creation,
  decryptionKey,
  KEY_BYTES,
  NO_SYMMETRIC,
  NULL,
  noAuth,
  OWNER,
  PARENT,
  pcrDigest,
  selection,
  template,
} from './support.ts'

/** Where the two answer otherwise, each with the reason. Whatever is not here has to be equal. */
export interface Difference {
  readonly what: string
  /** What the specification says, or that it leaves the choice to who builds a TPM. */
  readonly why: string
  readonly ours: number
  readonly theirs: number
  run(client: Client): Promise<Answer>
}

const session = (symmetric: Uint8Array, hash: number) => (client: Client) =>
  client.command('StartAuthSession', CC.StartAuthSession, {
    handles: [NULL, NULL],
    parameters: pack(sized(new Uint8Array(16)), u16(0), u8(0), symmetric, u16(hash)),
  })

const external = (area: Uint8Array) => (client: Client) =>
  client.command('LoadExternal', CC.LoadExternal, { parameters: pack(u16(0), sized(area), u32(OWNER)) })

const publicKey = (change: Parameters<typeof template>[0]) =>
  external(
    template({
      ...{ attributes: 0x0002_0040, symmetric: NO_SYMMETRIC, unique: new Uint8Array(KEY_BYTES).fill(0xc1) },
      ...change,
    }),
  )

const algorithms = 'Part 1 §11: which algorithms there are is for the platform to say; GetCapability lists them'

const encrypt =
  (bytes: number, scheme: Uint8Array) =>
  async (client: Client): Promise<Answer> => {
    const handle = await createPrimary(client, OWNER, decryptionKey(undefined, NO_SYMMETRIC))
    const parameters = pack(sized(new Uint8Array(bytes).fill(0xff)), scheme, u16(0))
    return client.command('RSA_Encrypt', CC.RSA_Encrypt, { handles: [handle], parameters })
  }

const tooLong = 'Part 3 §14.2: TPM_RC_VALUE for a message that the scheme or the modulus has no room for'

export const differences: readonly Difference[] = [
  {
    what: 'OAEP of what is too long',
    why: tooLong,
    ours: 0x084,
    theirs: 0x101,
    run: encrypt(63, pack(u16(0x17), u16(0x0b))),
  },
  { what: 'RSAES of what is too long', why: tooLong, ours: 0x084, theirs: 0x101, run: encrypt(118, pack(u16(0x15))) },
  {
    what: 'a message not below the modulus',
    why: tooLong,
    ours: 0x084,
    theirs: 0x101,
    run: encrypt(KEY_BYTES, pack(u16(0x10))),
  },
  {
    what: 'a name of 67 bytes',
    why: 'Part 2 §10.5.3: a TPM2B_NAME holds a TPMT_HA, 66 bytes with SHA-512',
    ours: 0x2d5,
    theirs: 0,
    run: (client) =>
      client.command('MakeCredential', CC.MakeCredential, {
        handles: [PARENT],
        parameters: pack(u16(0), sized(new Uint8Array(67))),
      }),
  },
  {
    what: 'a public key that is even',
    why: 'Part 3 §12.3: TPM_RC_KEY for a key whose values are not those of a key; the check may be partial',
    ours: 0x2dc,
    theirs: 0,
    run: publicKey({ unique: new Uint8Array(KEY_BYTES).fill(0xc2) }),
  },
  {
    what: 'an index that counts',
    why: 'Part 2 §13.2: types of NV index whose commands are not there are not to be defined',
    ours: 0x2c2,
    theirs: 0,
    run: (client) =>
      client.command('NV_DefineSpace', CC.NV_DefineSpace, {
        handles: [OWNER],
        uses: [noAuth],
        parameters: pack(u16(0), sized(pack(u32(0x0150_0020), u16(0x0b), u32(0x0206_0016), u16(0), u16(8)))),
      }),
  },
  {
    what: 'a policy session flushed by the handle of an HMAC session',
    why: 'Part 3 §28.4: TPM_RC_HANDLE for a handle of nothing; the reference code looks at the number alone',
    ours: 0x1cb,
    theirs: 0,
    run: async (client) => {
      const { handle } = await client.session(POLICY)
      return client.flush(handle - 0x0100_0000)
    },
  },
  { what: 'a session of SHA-384', why: algorithms, ours: 0x5c3, theirs: 0, run: session(NO_SYMMETRIC, 0x0c) },
  { what: 'a session of SHA-1', why: algorithms, ours: 0x5c3, theirs: 0, run: session(NO_SYMMETRIC, 0x04) },
  {
    what: 'obfuscation by XOR',
    why: algorithms,
    ours: 0x4d6,
    theirs: 0,
    run: session(pack(u16(0x0a), u16(0x0b)), 0x0b),
  },
  {
    what: 'RSA-3072',
    why: algorithms,
    ours: 0x2c4,
    theirs: 0,
    run: publicKey({ bits: 3072, unique: new Uint8Array(384).fill(0xc1) }),
  },
  { what: 'a name of SHA-1', why: algorithms, ours: 0x2c3, theirs: 0, run: publicKey({ nameAlg: 4 }) },
  { what: 'a name of SHA-512', why: algorithms, ours: 0x2c3, theirs: 0, run: publicKey({ nameAlg: 0x0d }) },
  {
    what: 'an HMAC key',
    why: algorithms,
    ours: 0x2c4,
    theirs: 0,
    run: external(pack(u16(8), u16(0x0b), u32(0x0004_0040), u16(0), u16(5), u16(0x0b), sized(new Uint8Array(32)))),
  },
  {
    what: 'an AES key',
    why: algorithms,
    ours: 0x2ca,
    theirs: 0,
    run: external(
      pack(u16(0x25), u16(0x0b), u32(0x0002_0040), u16(0), u16(6), u16(128), u16(0x43), sized(new Uint8Array(32))),
    ),
  },
  {
    what: 'a key on a curve',
    why: algorithms,
    ours: 0x2ca,
    theirs: 0,
    run: (client) =>
      client.command('CreatePrimary', CC.CreatePrimary, {
        makesHandle: true,
        handles: [OWNER],
        uses: [noAuth],
        parameters: creation(
          pack(
            u16(0x23),
            u16(0x0b),
            u32(0x0004_0072),
            u16(0),
            NO_SYMMETRIC,
            u16(0x18),
            u16(0x0b),
            u16(3),
            u16(0x10),
            u16(0),
            u16(0),
          ),
        ),
      }),
  },
  {
    what: 'a PCR bank of SHA-384',
    why: algorithms,
    ours: 0x1c3,
    theirs: 0,
    run: (client) =>
      client.command('PCR_Extend', CC.PCR_Extend, { handles: [16], uses: [noAuth], parameters: pcrDigest(0x0c, 48) }),
  },
  {
    what: 'a PCR of SHA-512 read',
    why: algorithms,
    ours: 0x1c3,
    theirs: 0,
    run: (client) => client.command('PCR_Read', CC.PCR_Read, { parameters: selection(0x0d, [1, 0, 0]) }),
  },
  {
    what: 'Sign',
    why: 'Part 3 §5.3: TPM_RC_COMMAND_CODE for a command that is not there; GetCapability lists those that are',
    ours: 0x143,
    theirs: 0x19a,
    run: (client) => client.command('Sign', 0x15d),
  },
]
