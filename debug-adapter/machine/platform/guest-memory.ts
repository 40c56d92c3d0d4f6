/** Guest memory by guest physical address, as the platform may touch it. */
export interface GuestMemory {
  /** Bytes of the VM's memory, from address 0. */
  readonly bytes: bigint
  read(gpa: bigint, length: number): Uint8Array
  write(gpa: bigint, bytes: Uint8Array): void
}
