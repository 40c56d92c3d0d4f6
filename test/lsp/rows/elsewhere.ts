/** Rules about what only a machine has: its memory, its device tree, its TPM. No file that an editor shows tells of them. */
import type { Elsewhere } from './row.ts'

const VERDICTS = 'test/esm-fixtures/verdicts.test.ts'
const guest = (rule: string, because: string): Elsewhere => ({
  rule,
  because,
  shownBy: VERDICTS,
  naming: 'guestCases',
})

export const elsewhere: readonly Elsewhere[] = [
  guest('ESM077', 'no image says where the machine loads its initrd, and this one takes multiples of 64 KiB'),
  guest('ESM081', 'firmware writes /chosen/bootargs, with its NUL'),
  guest('ESM082', 'firmware writes /rtas'),
  guest('ESM130', 'OPAL hands the properties of the wrapping key over'),
  guest('ESM131', 'the handle is in the TPM'),
  guest('ESM132', 'the Name is in the TPM'),
  guest('ESM133', 'the password is in the TPM and in OPAL'),
  guest('ESM134', 'the policy is in the TPM and in OPAL'),
  guest('ESM135', 'the hypervisor answers H_TPM_COMM while the VM runs'),
  {
    rule: 'ESM136',
    because: 'PCR 16 is in the TPM when OPAL starts',
    shownBy: 'test/firmware/password.test.ts',
    naming: 'ESM136',
  },
]
