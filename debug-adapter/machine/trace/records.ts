import type { Refusal } from '../refusal.ts'
import type { Layer } from '../steps.ts'

/** A decoded field of a TPM command or response: name, offset and size in bytes, and the bytes as hex. */
export interface TpmField {
  readonly name: string
  readonly offset: number
  readonly size: number
  readonly hex: string
}

export type PageState =
  | 'SECURE'
  | 'PAGEDOUT'
  | 'SHARED'
  | 'SHARED_INV'
  | 'SHARED_IMPLICIT'
  | 'SHARED_IMPLICIT_INV'
  | 'HV_SHARING'
  | 'HV_SHARED'
  | 'HV_SHARED_INV'
  | 'HV_UNSHARING'
  | 'HV_UNSHARING_INV'
  | 'HV_UNSHARED'
  | 'PSEUDO_SHARED'
  | 'PSEUDO_SHARED_INV'

/**
 * One register at a crossing between an SVM and the hypervisor: what the guest has in it and what the hypervisor has.
 * Out: `kept` was let through, `scrubbed` was taken away, `synthesised` was made up by the ultravisor. Back: `kept` came from the
 * hypervisor, `restored` is what the guest had.
 */
export interface CrossedRegister {
  readonly name: string
  readonly guest: bigint
  readonly hypervisor: bigint
  readonly how: 'kept' | 'scrubbed' | 'synthesised' | 'restored'
}

export type PageOwner = 'free' | 'firmware' | 'ultravisor' | 'hypervisor' | 'guest' | 'secure guest'

/** Everything that the log can hold. 64-bit values are bigint; in JSON they become `"0x..."`. */
export type TraceEvent =
  /** A boot stage begins. `tcb` is what has to be trusted from here on. */
  | { readonly type: 'boot'; readonly stage: string; readonly title: string; readonly tcb: readonly string[] }
  | {
      readonly type: 'measurement'
      readonly pcr: number
      readonly bank: string
      readonly what: string
      /** Hex of the digest that is extended, and of the register afterwards. */
      readonly digest: string
      readonly value: string
    }
  | {
      readonly type: 'ultracall'
      readonly phase: 'call' | 'return'
      readonly number: number
      readonly name: string
      readonly caller: string
      /** R4.. by the field's name for each argument. On return: the results. */
      readonly args: Readonly<Record<string, bigint>>
      readonly returnCode?: bigint
      readonly returnName?: string
    }
  | {
      readonly type: 'hypercall'
      readonly phase: 'call' | 'return'
      readonly number: number
      readonly name: string
      readonly caller: string
      readonly args: Readonly<Record<string, bigint>>
      readonly returnCode?: bigint
      readonly returnName?: string
    }
  /** The ultravisor lets the hypervisor see an interrupt of an SVM, or takes it back. */
  | {
      readonly type: 'reflection'
      readonly direction: 'out' | 'back'
      readonly vector: number
      readonly cookie: bigint
      readonly shown: readonly string[]
      readonly scrubbed: number
      /** Both register files, of the newest crossings only: see {@link CrossedRegister}. */
      registers?: readonly CrossedRegister[]
    }
  /** One 64 KiB page changes place or content on somebody's order. */
  | {
      readonly type: 'page-move'
      readonly how: 'page-in' | 'page-out' | 'share' | 'unshare' | 'zero' | 'give-back'
      readonly lpid: number
      readonly gpa: bigint
      readonly from?: bigint
      readonly to?: bigint
    }
  | {
      readonly type: 'page-state'
      readonly lpid: number
      readonly gpa: bigint
      readonly from: PageState
      readonly to: PageState
    }
  | {
      readonly type: 'page-owner'
      readonly ra: bigint
      readonly pages: number
      readonly owner: PageOwner
      readonly use: string
      readonly lpid?: number
      readonly gpa?: bigint
    }
  /** One exchange with the TPM, complete. `carrier` is who brought it there. */
  | {
      readonly type: 'tpm'
      readonly command: string
      readonly code: number
      readonly carrier: 'OPAL' | 'hypervisor' | 'hostboot' | 'debugger'
      readonly request: string
      readonly response: string
      readonly requestSize: number
      readonly responseSize: number
      readonly responseCode: number
      readonly responseName: string
      readonly requestFields: readonly TpmField[]
      readonly responseFields: readonly TpmField[]
    }
  | {
      readonly type: 'interrupt'
      readonly vector: number
      readonly name: string
      /** Address that the interrupt saved. */
      readonly nia: bigint
      readonly into: 'guest' | 'hypervisor' | 'ultravisor'
    }
  /** A call of the Open Firmware client interface: service, what it was about, first result. */
  | { readonly type: 'firmware-call'; readonly service: string; readonly args: string; readonly result: number }
  /** An RTAS service is about to run; its arguments are 32-bit words. */
  | { readonly type: 'rtas-call'; readonly service: string; readonly args: readonly number[] }
  /** One step of UV_ESM by its number in the listing, or one part of it; for the readable walk. */
  | { readonly type: 'esm-step'; readonly number: number; readonly part?: number; readonly title: string }
  /** One digest of the operand held against what is in memory. Hex. */
  | {
      readonly type: 'digest'
      readonly what: 'rtas' | 'kernel' | 'initrd' | 'bootargs'
      readonly expected: string
      readonly found: string
      readonly bytes: number
    }
  | ({ readonly type: 'refusal'; readonly by: Layer | 'memory' | 'cpu' } & Refusal)
  /** A finding of the operand's verifier that does not refuse. */
  | { readonly type: 'finding'; readonly rule: string; readonly severity: string; readonly message: string }
  /** The VM's state changed: normal -> transient -> secure, or back. */
  | {
      readonly type: 'vm-state'
      readonly lpid: number
      readonly from: 'normal' | 'transient' | 'secure' | 'absent'
      readonly to: 'normal' | 'transient' | 'secure' | 'absent'
    }
  /** One VM of several ended; the machine goes on. */
  | { readonly type: 'vm-end'; readonly lpid: number; readonly how: string; readonly reason: string }
  /** A hostile hypervisor begins what it has in mind; what it tries stands in the scenario's description. */
  | { readonly type: 'scenario'; readonly name: string; readonly action: string }
  | { readonly type: 'console'; readonly text: string }
  | { readonly type: 'end'; readonly how: string; readonly reason: string }

export type TraceRecord = TraceEvent & {
  /** Position in the log, from 0. */
  readonly seq: number
  /** Guest instructions executed before it: the machine's only time. */
  readonly at: number
}

export type TraceRecordOf<T extends TraceEvent['type']> = Extract<TraceRecord, { type: T }>
