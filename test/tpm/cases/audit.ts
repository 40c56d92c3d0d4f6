import { CC } from '../../../debug-adapter/machine/tpm/constants.ts'
import { AUDIT, type Client, type ClientSession, CONTINUE, ENCRYPT, HMAC, POLICY } from '../client.ts'
import { type Cases, getRandom, noAuth, pcrDigest, selection } from './support.ts'

const [EXCLUSIVE, RESET] = [0x02, 0x04]

const read = (client: Client, what: string, session: ClientSession, attributes: number) =>
  client.command(`PCR_Read ${what}`, CC.PCR_Read, {
    uses: [{ session, attributes: CONTINUE | attributes }],
    parameters: selection(0x0b, [1, 0, 0]),
  })

export const auditCases: Cases = {
  'audit sessions': async ({ client }) => {
    const first = await client.session(HMAC)
    const second = await client.session(HMAC)
    const policy = await client.session(POLICY)
    const shown = async (what: string, session: ClientSession, attributes: number) => {
      const { bytes, code } = await read(client, what, session, attributes)
      // Attributes of the response say whether the session is the only one that audits.
      if (code === 0) client.log.push(`  0x${bytes.at(-35)!.toString(16)}`)
    }
    await shown('audited', first, AUDIT)
    await shown('audited, exclusively', first, AUDIT | EXCLUSIVE)
    await shown('by another session', second, AUDIT)
    await shown('by the first, exclusively', first, AUDIT | EXCLUSIVE)
    await shown('by the first', first, AUDIT)
    await shown('by the first, from the beginning', first, AUDIT | RESET)
    await shown('by the first, from the beginning, exclusively', first, AUDIT | RESET | EXCLUSIVE)
    await client.command('PCR_Read unaudited', CC.PCR_Read, { parameters: selection(0x0b, [1, 0, 0]) })
    await shown('by the first, exclusively', first, AUDIT | EXCLUSIVE)
    await shown('with exclusive alone', first, EXCLUSIVE)
    await shown('with reset alone', first, RESET)
    await shown('by a policy session', policy, AUDIT)
    await client.command('GetRandom audited and encrypted', CC.GetRandom, {
      uses: [{ session: second, attributes: CONTINUE | AUDIT | ENCRYPT }],
      parameters: getRandom,
    })
    await client.command('PCR_Extend by password, audited', CC.PCR_Extend, {
      handles: [16],
      uses: [noAuth, { session: first, attributes: CONTINUE | AUDIT }],
      parameters: pcrDigest(0x0b, 32),
    })
    await client.command('PCR_Extend audited twice', CC.PCR_Extend, {
      handles: [16],
      uses: [
        noAuth,
        { session: first, attributes: AUDIT | CONTINUE },
        { session: second, attributes: AUDIT | CONTINUE },
      ],
      parameters: pcrDigest(0x0b, 32),
    })
    await shown('audited, and it ends', first, AUDIT & ~CONTINUE)
    await client.flush(first.handle)
  },
}
