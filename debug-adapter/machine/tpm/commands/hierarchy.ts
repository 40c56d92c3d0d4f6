import { Procedure } from '../../steps.ts'
import { trimZeros } from '../bytes.ts'
import { command, type Run, user } from '../command.ts'
import { CC, RH } from '../constants.ts'
import { hierarchyAuth, lockout, lockoutOrPlatform } from '../handles.ts'

const CHANGE_AUTH = new Procedure('tpm', 'TPM2_HierarchyChangeAuth', 'TPM 2.0 Part 3 §24.8', {
  change: 'give the hierarchy a new authValue',
})
const MAX_AUTH_FIELD = 64

const hierarchyChangeAuth: Run = function* (tpm, handles, parameters) {
  const hierarchy = handles[0]!
  const newAuth = trimZeros(parameters.next().sized(MAX_AUTH_FIELD))
  yield CHANGE_AUTH.at('change', { hierarchy: BigInt(hierarchy), bytes: newAuth.length })
  tpm.setHierarchyAuth(hierarchy, newAuth)
  if (hierarchy === RH.PLATFORM) tpm.disturbed()
  return {}
}

const CLEAR = new Procedure('tpm', 'TPM2_Clear', 'TPM 2.0 Part 3 §24.6', {
  clear: 'forget everything that belongs to the owner',
})

const clear: Run = function* (tpm) {
  yield CLEAR.at('clear')
  tpm.clear()
  return {}
}

const LOCK_RESET = new Procedure('tpm', 'TPM2_DictionaryAttackLockReset', 'TPM 2.0 Part 3 §25.2', {
  reset: 'forget the wrong guesses',
})

const lockReset: Run = function* (tpm) {
  yield LOCK_RESET.at('reset', { tries: tpm.attacks.tries })
  tpm.attacks.forgive()
  return {}
}

export const hierarchyCommands = [
  command(CC.HierarchyChangeAuth, [user(hierarchyAuth)], CHANGE_AUTH, hierarchyChangeAuth, {
    decrypts: true,
    changesNv: true,
  }),
  command(CC.Clear, [user(lockoutOrPlatform)], CLEAR, clear, { changesNv: true, extensive: true }),
  command(CC.DictionaryAttackLockReset, [user(lockout)], LOCK_RESET, lockReset, { changesNv: true }),
]
