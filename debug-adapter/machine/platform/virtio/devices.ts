import type { Inputs } from '../../clock/inputs.ts'
import type { PciIdentity } from '../pci/addresses.ts'
import { BLOCK_IDENTITY, BlockDevice } from './block.ts'
import type { DriveConfig } from './drive.ts'
import { NETWORK_IDENTITY, NetworkDevice, type VirtualSwitch } from './network.ts'
import { RANDOM_IDENTITY, RandomDevice } from './random.ts'
import type { VirtioDevice } from './virtio-function.ts'

/** The devices that a machine has beside its console. */
export interface DeviceConfig {
  readonly drives?: readonly DriveConfig[] | undefined
  /** Whether each VM has a port of one switch: virtio-net. */
  readonly network?: boolean | undefined
  /** Whether it has virtio-rng. */
  readonly randomDevice?: boolean | undefined
}

/** Devices by slot, as the device tree names them. */
export function deviceIdentities({ drives, network, randomDevice }: DeviceConfig): PciIdentity[] {
  return [
    ...(drives ?? []).map(() => BLOCK_IDENTITY),
    ...(network ? [NETWORK_IDENTITY] : []),
    ...(randomDevice ? [RANDOM_IDENTITY] : []),
  ]
}

/** The same devices, made. @param network the switch, where there is one */
export function virtioDevices(
  { drives, randomDevice }: DeviceConfig,
  inputs: Inputs,
  network: VirtualSwitch | undefined,
): VirtioDevice[] {
  return [
    ...(drives ?? []).map((drive) => new BlockDevice(drive)),
    ...(network ? [new NetworkDevice(network)] : []),
    ...(randomDevice ? [new RandomDevice(inputs.stream('virtio-rng'))] : []),
  ]
}
