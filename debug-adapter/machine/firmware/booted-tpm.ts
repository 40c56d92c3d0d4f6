import type { CryptoProvider } from '../../../server/esm/crypto/provider.ts'
import type { RsaPrivateKey } from '../../../server/esm/crypto/rsa.ts'
import { Inputs } from '../clock/inputs.ts'
import { runToEnd } from '../steps.ts'
import { Tpm } from '../tpm/tpm.ts'
import { startup } from '../tss/commands.ts'
import { provisionWrappingKey } from '../tss/provision.ts'

/**
 * The TPM of a machine as it is once OPAL has provisioned it: the same streams of random bytes as in a whole machine, so the
 * same keys, without the machine.
 * @throws Error where provisioning fails
 */
export function bootedTpm(crypto: CryptoProvider, seed: number | bigint, key: RsaPrivateKey | undefined | ''): Tpm {
  const inputs = new Inputs(crypto, seed)
  const tpm = new Tpm({ crypto, random: inputs.stream('TPM'), ...(key && { wrappingKey: key }) })
  runToEnd(tpm.execute(startup()))
  const provisioned = runToEnd(
    provisionWrappingKey((request) => tpm.execute(request), { crypto, random: inputs.stream('OPAL') }),
  )
  if (!provisioned.ok) throw new Error(provisioned.reason)
  return tpm
}
