// biome-ignore lint/style/noRestrictedImports: the types of what the server answers, as adapter/protocol.ts has the adapter's
import type { OperandModel } from '../../../server/lsp/protocol.ts'

export type { OperandModel }

/** From the editor's host half to its page. */
export type HostMessage =
  | { readonly kind: 'operand'; readonly operand: OperandModel; readonly hasTpm: boolean }
  /** Why there is nothing to show, or not what was asked for. */
  | { readonly kind: 'problem'; readonly text: string }
