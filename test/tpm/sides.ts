import { runToEnd } from '../../debug-adapter/machine/steps.ts'
import { Tpm } from '../../debug-adapter/machine/tpm/tpm.ts'
import { startup } from '../../debug-adapter/machine/tss/commands.ts'
import { provisionWrappingKey } from '../../debug-adapter/machine/tss/provision.ts'
import { nobleCrypto as crypto } from '../../server/esm/crypto/noble.ts'
import { cases, type Setting } from './cases.ts'
import { Client } from './client.ts'
import { drive, type Exchange } from './swtpm.ts'

/** A stream of bytes that looks random and is the same each time. */
export function randomFrom(seed: number): (length: number) => Uint8Array {
  let counter = 0
  return (length) => {
    const out = new Uint8Array(length)
    for (let at = 0; at < length; at += 32)
      out.set(crypto.sha256(new TextEncoder().encode(`${seed} ${counter++}`)).subarray(0, length - at), at)
    return out
  }
}

/** One of the two TPMs that are compared. */
export interface Side {
  readonly exchange: Exchange
  readonly powerCycle: () => Promise<void>
}

export function ours(): Side {
  const tpm = new Tpm({ crypto, random: randomFrom(1) })
  return { exchange: async (command) => runToEnd(tpm.execute(command)), powerCycle: async () => tpm.powerCycle() }
}

/** A TPM that OPAL has provisioned. */
export async function provisioned({ exchange, powerCycle }: Side): Promise<Setting> {
  await exchange(startup())
  const result = await drive(exchange, (transport) =>
    provisionWrappingKey(transport, { crypto, random: randomFrom(2) }),
  )
  if (!result.ok) throw new Error(result.reason)
  return { client: new Client(exchange), wrapping: result.key, powerCycle }
}

/** Nothing loaded, nothing extended, no wrong guess held against anybody: each case starts there. */
export async function fresh({ client, powerCycle }: Setting): Promise<void> {
  await client.command('Shutdown', 0x145, { parameters: Uint8Array.of(0, 0) })
  await powerCycle()
  await client.exchange(startup())
  await client.command('DictionaryAttackLockReset', 0x139, { handles: [0x4000_000a], uses: [{}] })
  client.log.length = 0
}

/** Runs one case. @returns what was sent, in words, with the codes and sizes of the answers */
export async function logOf(setting: Setting, name: string): Promise<readonly string[]> {
  await fresh(setting)
  await cases[name]!(setting)
  return [...setting.client.log]
}
