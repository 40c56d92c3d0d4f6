/** Who touches real memory. Each actor holds a view of its own, with the rights that the hardware gives it. */
export enum Actor {
  /** Firmware of the boot (hostboot, OPAL before it leaves the secure state). */
  Firmware = 'firmware',
  /** MSR[S]=1, HV=1, PR=0: normal and secure memory. */
  Ultravisor = 'ultravisor',
  /** MSR[S]=0, HV=1: normal memory only. */
  Hypervisor = 'hypervisor',
  /** DMA: normal memory only, always. */
  Device = 'device',
  /** The person at the debugger: reads and writes everything, is never refused, is never traced. */
  Debugger = 'debugger',
}
