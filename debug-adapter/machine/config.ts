import type { CryptoProvider } from '../../server/esm/crypto/provider.ts'
import type { RsaPrivateKey } from '../../server/esm/crypto/rsa.ts'
import type { JitOptions } from './cpu/jit/jit.ts'
import type { DeviceConfig } from './platform/virtio/devices.ts'
import type { QuirkChoice } from './ultravisor/quirks.ts'

/** Everything that a machine is made from. No paths: whoever builds a machine has read the files. */
export interface MachineConfig extends DeviceConfig {
  /** The guest kernel, an ELF file (ppc64le or ppc64). */
  readonly kernel: Uint8Array
  /** An operand that came in a zImage: the boot wrapper leaves it in memory and names its place in the device tree. */
  readonly kernelOperand?: Uint8Array
  /** The initrd as the loader puts it into memory. */
  readonly initrd?: Uint8Array
  /** An operand that is put in front of the initrd, as `svm-tool svm add` would. */
  readonly operand?: Uint8Array
  readonly bootargs: string
  /** Bytes of the VM's memory: a multiple of 2 MiB, from 32 MiB on. */
  readonly memoryBytes: number
  /** Bytes of the machine's secure memory: a multiple of 2 MiB. */
  readonly secureMemoryBytes: number
  /** The same seed gives the same run to the last bit. */
  readonly seed: number | bigint
  /** The RSA-2048 key that the emulated TPM holds as its wrapping key 0x81800001; absent: made from the seed. */
  readonly tpmKey?: RsaPrivateKey
  /** How many VMs of this image run at once, with LPIDs from 1 on; default 1. Each gets `memoryBytes`. */
  readonly virtualMachines?: number
  /** Frames of 64 KiB that the hypervisor lets each secure VM have in secure memory; default: all. Others leave as ciphertext. */
  readonly secureFrameLimit?: number
  /** `guest`: the kernel calls UV_ESM by itself. `stub`: the platform's boot stub does, before the kernel's entry. */
  readonly esm: 'guest' | 'stub'
  /** How the kernel starts: with Open Firmware to ask, or with a flattened device tree. Default: by its ELF note `PowerPC`. */
  readonly firmware?: 'open-firmware' | 'fdt'
  /** Quirks of the released firmware: none (default), all of them, or those named (spec/ultravisor.md §9.2). */
  readonly quirks?: QuirkChoice
  /** Whether hot code is compiled (default), and from when on. The run is the same to the last bit either way. */
  readonly jit?: boolean | JitOptions
  /** Name of a hostile hypervisor (hypervisor/scenarios/); absent: KVM as it is. */
  readonly scenario?: string
  readonly crypto: CryptoProvider
  /** Changes to the machine that a test or a scenario makes; see {@link Interventions}. */
  readonly interventions?: Interventions
}

/** Places where a test or a scenario may reach into the machine, named after what a hostile or broken part would do. */
export interface Interventions {
  /** Edits the guest's device tree before it is written to guest memory. */
  deviceTree?(tree: import('../../server/esm/fdt.ts').FdtTree): void
  /** Runs when the VM is loaded and before its first instruction: may change guest memory (by gpa). */
  guestLoaded?(guest: {
    write(gpa: bigint, bytes: Uint8Array): void
    read(gpa: bigint, length: number): Uint8Array
    kernelBase: bigint
    kernelBytes: number
    rtasBase: bigint
  }): void
  /** Where the initrd is loaded; default: the next multiple of 64 KiB that the loader chooses. */
  initrdAddress?: bigint
  /** How long an initrd the guest is told of; given its true length in bytes. */
  initrdBytes?(bytes: number): number
  /** Edits the properties of the private device tree that OPAL hands to the ultravisor (wrapping-key-*). */
  wrappingKeyProperties?(properties: Map<string, Uint8Array>): void
  /** What the hypervisor answers to H_SVM_TPM_COMM instead of asking the TPM. */
  tpmCommReturns?: bigint
  /** Status with which the SCOM engine ends an access to an address (HMER[21:23]); undefined: as it should. */
  scomStatus?(address: number): number | undefined
}
