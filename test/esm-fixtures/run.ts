import { readFileSync } from 'node:fs'
import type { EsmResult } from '../../debug-adapter/machine/api.ts'
import type { Interventions, MachineConfig } from '../../debug-adapter/machine/config.ts'
import { Machine } from '../../debug-adapter/machine/machine.ts'
import { nodeCrypto } from '../../server/esm/crypto/node.ts'
import { parsePrivateKey } from '../../server/esm/crypto/pem.ts'

const MiB = 1 << 20

/** A file of test/fixtures/esm. Not a Buffer: the slice() of that one is no copy. */
export const fixture = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/esm/${path}`, import.meta.url)))
export const fixtureJson = (path: string) => JSON.parse(new TextDecoder().decode(fixture(path)))

export const tpmKey = parsePrivateKey(fixture('keys/tpm-private-for-replay.pem'))
export const kernel = fixture('inputs/vmlinux')
export const BOOTARGS: string = fixtureJson('bad/expected.json').bootargs

/** The machine that the fixtures were made for: their kernel, their TPM key, UV_ESM by the boot stub. */
export function fixtureConfig(change: Partial<MachineConfig>): MachineConfig {
  return {
    kernel,
    bootargs: BOOTARGS,
    memoryBytes: 80 * MiB,
    secureMemoryBytes: 160 * MiB,
    seed: 1,
    tpmKey,
    esm: 'stub',
    crypto: nodeCrypto,
    ...change,
  }
}

/** Runs a machine until UV_ESM is decided and the guest is about to go on. */
export function untilEsm(change: Partial<MachineConfig>): { machine: Machine; esm: EsmResult } {
  const machine = new Machine(fixtureConfig(change))
  for (let i = 0; i < 1_000_000; i++) {
    if (machine.advance(100_000).kind === 'end') break
    if (machine.esm && machine.inGuest) break
  }
  if (!machine.esm) throw new Error(`UV_ESM was never decided: ${machine.end?.reason}`)
  return { machine, esm: machine.esm }
}

export const withInterventions = (interventions: Interventions, change: Partial<MachineConfig> = {}) =>
  untilEsm({ initrd: fixture('bad/base/esmb-initrd.img'), ...change, interventions })
