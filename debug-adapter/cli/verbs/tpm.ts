import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { nodeCrypto } from '../../../server/esm/crypto/node.ts'
import { parsePrivateKey, writePublicKeyPem } from '../../../server/esm/crypto/pem.ts'
import type { RsaPrivateKey } from '../../../server/esm/crypto/rsa.ts'
import { bootedTpm } from '../../machine/firmware/booted-tpm.ts'
import { WRAPPING_KEY_HANDLE } from '../../machine/tpm/tpm.ts'
import { type OptionSpec, optionHelp, parseOptions, suggestion, UsageError, wholeNumber } from '../options.ts'
import { EXIT } from '../outcome.ts'
import type { Terminal } from '../terminal.ts'

const OPTIONS: readonly OptionSpec[] = [
  { name: 'seed', value: 'N', help: 'the seed of the machine (default 1)' },
  { name: 'tpm-key', value: 'KEY.pem', help: 'the TPM holds this RSA-2048 key' },
  { name: 'help', help: 'this text' },
]

export const tpmHelp = `Usage: pef tpm pubkey [OPTIONS]

Boots the firmware until the wrapping key is provisioned, and prints the public half of the emulated TPM's wrapping key
(0x81800001) as PEM: the key that an operand has to be authorised for.

Options:
${optionHelp(OPTIONS)}

Example:
  pef tpm pubkey > tpm.pem && svm-tool esm authorize -b blob -p tpm.pem -s owner.key`

export async function tpm(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, switches, rest } = parseOptions(args, OPTIONS)
  if (switches.has('help')) {
    terminal.out(`${tpmHelp}\n`)
    return EXIT.ok
  }
  const [what] = rest
  if (rest.length !== 1 || what !== 'pubkey')
    throw new UsageError(`pef tpm pubkey${what ? `, not ${what}${suggestion(what, ['pubkey'])}` : ' is what there is'}`)
  const path = values.get('tpm-key')
  const device = bootedTpm(nodeCrypto, wholeNumber('seed', values.get('seed') ?? '1'), path && (await readKey(path)))
  terminal.out(writePublicKeyPem(device.publicKey(WRAPPING_KEY_HANDLE)!))
  return EXIT.ok
}

async function readKey(path: string): Promise<RsaPrivateKey> {
  try {
    return parsePrivateKey(await readFile(resolve(path)))
  } catch (error) {
    throw new UsageError(`--tpm-key ${path}: ${(error as Error).message}`)
  }
}
