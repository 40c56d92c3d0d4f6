import type { Inputs } from '../../clock/inputs.ts'
import type { PciIdentity } from '../pci/addresses.ts'
import { BLOCK_IDENTITY, BlockDevice } from './block.ts'
import type { DriveConfig } from './drive.ts'
import { RANDOM_IDENTITY, RandomDevice } from './random.ts'
import type { VirtioDevice } from './virtio-function.ts'

/** The devices that a machine has beside its console. */
export interface DeviceConfig {
  readonly drives?: readonly DriveConfig[] | undefined
  /** Whether it has virtio-rng. */
  readonly randomDevice?: boolean | undefined
}

/** Devices by slot, as the device tree names them. */
export function deviceIdentities({ drives, randomDevice }: DeviceConfig): PciIdentity[] {
  return [...(drives ?? []).map(() => BLOCK_IDENTITY), ...(randomDevice ? [RANDOM_IDENTITY] : [])]
}

/** The same devices, made. */
export function virtioDevices({ drives, randomDevice }: DeviceConfig, inputs: Inputs): VirtioDevice[] {
  return [
    ...(drives ?? []).map((drive) => new BlockDevice(drive)),
    ...(randomDevice ? [new RandomDevice(inputs.stream('virtio-rng'))] : []),
  ]
}
