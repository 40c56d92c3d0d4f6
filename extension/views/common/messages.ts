import type { SessionState } from '../../sessions.ts'

/** From every page to its host half. */
export type PageMessage =
  /** The page listens now and knows nothing yet. */
  | { readonly kind: 'ready' }
  | { readonly kind: 'command'; readonly command: 'start' | 'openSample' }
  /** To the place in the run right before this record of the log. */
  | { readonly kind: 'goTo'; readonly seq: number }
  /** The person wants to name a private key. */
  | { readonly kind: 'chooseKey' }
  /** Or the emulated TPM of some seed. */
  | { readonly kind: 'chooseTpm' }

/** From every host half to its page, besides what a view has of its own. */
export interface StatusMessage {
  readonly kind: 'status'
  /** `none`: there has been no session yet. */
  readonly state: SessionState | 'none'
  /** Why the content may not be the newest, in words. */
  readonly problem?: string
}
