/** The image of a machine, judged as a whole before its VM runs: by the verifier that UV_ESM, the editor and `pef esm check` use. */
import { beginsWithOperand } from '../server/esm/cpio.ts'
import { writePublicKeyPem } from '../server/esm/crypto/pem.ts'
import type { RsaPrivateKey } from '../server/esm/crypto/rsa.ts'
import type { Finding } from '../server/esm/findings.ts'
import { asksForSecureVm, verifyImage } from '../server/esm/verify/image.ts'
import type { MachineConfig } from './machine/config.ts'
import { chosenQuirks } from './machine/ultravisor/quirks.ts'

/**
 * Errors and warnings, the most severe first. None of a VM that neither has an operand nor asks to become secure.
 * @param key the machine's wrapping key, so that what is encrypted is looked at too
 */
export function inspectMachineImage(config: MachineConfig, key: RsaPrivateKey | undefined): Finding[] {
  const { crypto, kernel, kernelOperand, initrd, operand, bootargs } = config
  const isAsked = config.esm === 'stub' || asksForSecureVm(bootargs)
  const isEsmb = initrd !== undefined && beginsWithOperand(initrd)
  if (!isAsked && !operand && !kernelOperand && !isEsmb) return []
  const isPlain = kernelOperand !== undefined || operand !== undefined
  const findings = verifyImage({
    crypto,
    kernel,
    bootargs,
    ...(operand && { operand }),
    ...(kernelOperand && { zImage: { operand: { bytes: kernelOperand, offset: 0 } } }),
    ...(initrd && (isPlain ? { initrd } : { esmbInitrd: initrd })),
    lacksInitrd: isAsked && !initrd && !operand,
    warnOnly: chosenQuirks(config.quirks).has('Q29'),
    ...(key && { tpmPrivateKey: key, tpmPublicKeyPem: writePublicKeyPem(key) }),
  })
  const isMeant = ({ rule, severity }: Finding) =>
    'EXW'.includes(severity) && !(config.esm === 'stub' && rule === 'ESM059')
  return findings.filter(isMeant)
}
