import { RC, TpmError } from './constants.ts'

/** As the reference code is delivered: three tries, and one is forgotten each 1000 seconds. */
const MAX_TRIES = 3
const RECOVERY = 1_000_000

/**
 * Protection against guessing (TPM 2.0 part 1, 19.8): each wrong authValue of an entity without noDA counts, and after
 * three the TPM takes none until time has passed or lockout was reset.
 */
export class DictionaryAttacks {
  readonly maxTries = MAX_TRIES
  readonly recoveryMilliseconds = RECOVERY
  private failures = 0
  private lastTry = 0
  private lockedOutAt: number | undefined
  /** Whether something protected was used since Startup: without an orderly Shutdown that counts as a try. */
  private used = false

  constructor(readonly now: () => number) {}

  get tries(): number {
    return this.failures
  }

  get lockoutAuthEnabled(): boolean {
    return this.lockedOutAt === undefined
  }

  /** Tries that time has forgiven. */
  heal(): void {
    const forgiven = Math.floor((this.now() - this.lastTry) / RECOVERY)
    if (forgiven > 0) {
      this.failures = Math.max(0, this.failures - forgiven)
      this.lastTry += forgiven * RECOVERY
    }
    if (this.lockedOutAt !== undefined && this.now() - this.lockedOutAt >= RECOVERY) this.lockedOutAt = undefined
  }

  /**
   * Before a protected authValue is looked at.
   * @param lockout whether it is that of the lockout hierarchy itself
   * @throws TpmError TPM_RC_LOCKOUT; TPM_RC_RETRY once after each Startup, while the TPM notes that it was used
   */
  check(lockout: boolean): void {
    this.heal()
    if (lockout) {
      if (!this.lockoutAuthEnabled) throw new TpmError(RC.LOCKOUT)
      return
    }
    if (this.failures >= MAX_TRIES) throw new TpmError(RC.LOCKOUT)
    if (this.used) return
    this.used = true
    throw new TpmError(RC.RETRY)
  }

  failed(lockout: boolean): void {
    if (lockout) {
      this.lockedOutAt = this.now()
      return
    }
    if (this.failures === 0) this.lastTry = this.now()
    this.failures++
  }

  /** TPM2_DictionaryAttackLockReset. */
  forgive(): void {
    this.failures = 0
  }

  /** TPM2_Clear: as delivered. */
  clear(): void {
    this.failures = 0
    this.lockedOutAt = undefined
  }

  /** @param orderly whether a Shutdown came before the power went */
  startup(orderly: boolean): void {
    if (this.used && !orderly) this.failed(false)
    this.used = false
  }
}
