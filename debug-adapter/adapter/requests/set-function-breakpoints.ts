import type { DebugProtocol } from '@vscode/debugprotocol'
import type { RequestHandler } from '../request.ts'

/**
 * Breakpoints by name: a symbol of the guest, an address, or an ultracall, hypercall, TPM command or firmware procedure
 * such as UV_ESM, H_SVM_PAGE_IN, TPM2_RSA_Decrypt.
 */
export const setFunctionBreakpoints: RequestHandler<
  DebugProtocol.SetFunctionBreakpointsArguments,
  DebugProtocol.SetFunctionBreakpointsResponse['body']
> = {
  command: 'setFunctionBreakpoints',
  capabilities: { supportsFunctionBreakpoints: true },
  handle: (session, { breakpoints }) => ({ breakpoints: session.breakpoints.setFunctions(breakpoints) }),
}
