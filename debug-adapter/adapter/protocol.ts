/**
 * What DAP lacks: custom requests and events with a typed contract. The views use these and nothing else.
 * 64-bit values cross as `"0x..."` strings, since JSON numbers cannot hold them.
 */
import type { TraceRecord } from '../machine/trace/records.ts'

/** A record of the log as JSON carries it: every bigint has become a `"0x..."` string. */
export type WireRecord = Wire<TraceRecord>
export type Wire<T> = T extends bigint
  ? string
  : T extends readonly (infer U)[]
    ? readonly Wire<U>[]
    : T extends object
      ? { readonly [K in keyof T]: Wire<T[K]> }
      : T

/** A run of 64 KiB pages of real memory with one owner and one use. */
export interface PageRun {
  /** Real address of the first page; bit 48 set means secure memory. */
  readonly ra: string
  readonly pages: number
  readonly owner: 'free' | 'firmware' | 'ultravisor' | 'hypervisor' | 'guest' | 'secure guest'
  readonly use: string
  readonly lpid?: number
  /** Guest physical address of the first page, where it is a VM's memory. */
  readonly gpa?: string
  /** State of the pages in the ultravisor, where it tracks them. */
  readonly state?: string
}

export interface PcrValue {
  readonly bank: string
  readonly index: number
  readonly value: string
}

/** Custom requests: command -> arguments and body. Sent with `session.customRequest(command, arguments)`. */
export interface PefRequests {
  /** The memory partition as it is now. Free pages are not listed. */
  'pef/memoryMap': {
    arguments: Record<string, never>
    body: {
      readonly normalBytes: number
      readonly secureBytes: number
      readonly vmState: 'normal' | 'transient' | 'secure' | 'absent'
      readonly runs: readonly PageRun[]
      /** `seq` of the newest record of the log, so that a view knows what it has seen. */
      readonly seq: number
    }
  }
  /** Records of the log from `from` on, at most `limit` (default 1000), of the given types (default all). */
  'pef/trace': {
    arguments: { readonly from?: number; readonly limit?: number; readonly types?: readonly TraceRecord['type'][] }
    body: {
      readonly records: readonly WireRecord[]
      /** Ask from here next. */
      readonly next: number
      /** The oldest record that is kept: of a long run the newest are. */
      readonly first: number
      /** How many records there are, kept or not. */
      readonly total: number
    }
  }
  /** The emulated TPM from outside: what an inspector may see without a key. */
  'pef/tpmState': {
    arguments: Record<string, never>
    body: {
      readonly pcrs: readonly PcrValue[]
      readonly handles: readonly { readonly handle: string; readonly what: string }[]
    }
  }
  /** Where the machine stands in the run that is known, in instructions that the guest has executed. */
  'pef/timeline': {
    arguments: Record<string, never>
    body: {
      readonly instruction: number
      /** Where the known past begins: 0, or later where a very long run has lost its beginning. */
      readonly first: number
      /** The farthest that the run has been. */
      readonly end: number
      /** The next record of the log that will happen; those from here on are the known future. */
      readonly happened: number
      readonly total: number
      /** Where going to is cheap. */
      readonly checkpoints: readonly number[]
    }
  }
  /** Goes to where the guest has executed so many instructions of the known run. Ends with a `stopped` event. */
  'pef/goToInstruction': { arguments: { readonly instruction: number }; body: Record<string, never> }
  /** Goes to the place right before a record of the log is made. Ends with a `stopped` event. */
  'pef/goToRecord': { arguments: { readonly seq: number }; body: Record<string, never> }
  /** Back to the last firmware step or line, into calls too. */
  'pef/reverseStepIn': { arguments: { readonly granularity?: string }; body: Record<string, never> }
  /** Back to the call that the present function or procedure was entered by. */
  'pef/reverseStepOut': { arguments: Record<string, never>; body: Record<string, never> }
  /** Back to right before the instruction or firmware step that gave a register or bytes their value; `dataId` as of dataBreakpointInfo. */
  'pef/lastChange': { arguments: { readonly dataId: string }; body: Record<string, never> }
  /** The run up to here as a file that makes it again: launch attributes, digests, and what was done from outside. */
  'pef/saveRun': { arguments: Record<string, never>; body: { readonly run: string } }
  /** Gives the known future up, and makes the change that it stood in the way of (see `pef/futureAtStake`). */
  'pef/fork': { arguments: Record<string, never>; body: Record<string, never> }
  /** Typed at the VM's console. Also while it runs. */
  'pef/consoleInput': { arguments: { readonly text: string }; body: Record<string, never> }
}

/** Custom events: the adapter sends them when it stops and at most every 100 ms while it runs. */
export interface PefEvents {
  /** The log holds `total` records, of which `happened` are the past. It shrinks where a known future is given up. */
  'pef/traceAdvanced': { readonly total: number; readonly happened: number }
  /** Something was to be changed in the past, and was not: ask, and say `pef/fork`. */
  'pef/futureAtStake': { readonly message: string }
}

/** The attributes of a launch configuration of type `pef`; package.json has the same list as a JSON schema. */
export interface LaunchAttributes {
  /** Path of the guest kernel, an ELF file for ppc64le or ppc64. */
  readonly kernel: string
  /** Path of the initrd; with an operand in front (esmb-initrd), or plain together with `operand`. */
  readonly initrd?: string
  /** The kernel command line, exactly as it was hashed into the operand. */
  readonly bootargs?: string
  /** Size of the VM's memory, e.g. `"256M"`, or a number of MiB. */
  readonly memory?: string | number
  /** Size of the machine's secure memory. */
  readonly secureMemory?: string | number
  /** Path of an svm_blob.yml (the operand is built from it in memory) or of a finished operand. */
  readonly operand?: string
  /** The machine's TPM: the emulated one with a key made from the seed, or holding the RSA key of a PEM file. */
  readonly tpm?: { readonly key?: string }
  /** Where to stop first: the guest's first instruction, the first step of UV_ESM, or nowhere. */
  readonly stopOn?: 'entry' | 'esm' | 'none'
  /** Where the VM's console is besides the Debug Console: in a terminal that takes what is typed, or nowhere. */
  readonly console?: 'debugConsole' | 'terminal'
  /** Starts the machine's random numbers; the same seed gives the same run. */
  readonly seed?: number
  /** A hostile hypervisor in place of KVM: the name of a scenario. */
  readonly hypervisor?: { readonly scenario?: string }
  /** Quirks of the released firmware: none, all, or those named. */
  readonly quirks?: 'sane' | 'faithful' | readonly string[]
  /** Files with symbols besides the kernel: ELF or System.map. */
  readonly symbols?: string | readonly string[]
  /** Disk images, raw or qcow2: virtio-blk drives. Their files are never written. */
  readonly drives?: readonly (
    | string
    | { readonly file: string; readonly format?: 'raw' | 'qcow2'; readonly readonly?: boolean }
  )[]
  /** Whether the run can be gone back through; default true. */
  readonly timeTravel?: boolean
  /** Path of a saved run, which is made again from its image up to where it was saved. */
  readonly replay?: string
  /** Who executes UV_ESM: the guest itself, or a boot stub before the kernel's entry. */
  readonly esm?: 'guest' | 'stub'
}
