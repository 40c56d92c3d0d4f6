import type { MachineConfig } from '../../debug-adapter/machine/config.ts'
import { cells, type FdtTree, findNode } from '../../server/esm/fdt.ts'
import { BOOTARGS, fixture } from './run.ts'

/** What each case of `guest` in bad/expected.json changes on the machine instead of in a file. */
type Change = Partial<MachineConfig>

const text = (value: string): Uint8Array => new TextEncoder().encode(value)
const chosen = (tree: FdtTree) => findNode(tree, '/chosen')!.properties
const rtas = (tree: FdtTree) => findNode(tree, '/rtas')!.properties

const tree = (edit: (tree: FdtTree) => void): Change => ({ interventions: { deviceTree: edit } })
const bootargs = (value: Uint8Array | undefined): Change =>
  tree((t) => (value ? chosen(t).set('bootargs', value) : chosen(t).delete('bootargs')))
const at = (initrdAddress: bigint): Change => ({ interventions: { initrdAddress } })
const wrappingKey = (edit: (properties: Map<string, Uint8Array>) => void): Change => ({
  interventions: { wrappingKeyProperties: edit },
})
const hcall = (code: bigint): Change => ({ interventions: { tpmCommReturns: code } })
const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, i) => (i === 3 ? byte ^ 0x10 : byte))
const flip = (name: string): Change => wrappingKey((p) => p.set(name, flipped(p.get(name)!)))

/** The blob in memory of its own, announced by linux,esm-blob-start and -end, as a zImage does. */
const BLOB_AT = 0x300_0000n
const zImage = (initrd: string): Change => {
  const blob = fixture('bad/base/blob.dtb')
  return {
    initrd: fixture(initrd),
    interventions: {
      deviceTree: (t) => {
        chosen(t).set('linux,esm-blob-start', cells(Number(BLOB_AT)))
        chosen(t).set('linux,esm-blob-end', cells(Number(BLOB_AT) + blob.length))
      },
      guestLoaded: (guest) => guest.write(BLOB_AT, blob),
    },
  }
}

export const guestCases: Readonly<Record<string, Change>> = {
  unchanged: {},
  'bootargs-extra-space': { bootargs: `${BOOTARGS} ` },
  'bootargs-no-nul': bootargs(text(BOOTARGS)),
  'bootargs-missing': bootargs(undefined),
  'bootargs-double-nul': bootargs(text(`${BOOTARGS}\0\0`)),
  'initrd-properties-missing': tree((t) => {
    chosen(t).delete('linux,initrd-start')
    chosen(t).delete('linux,initrd-end')
  }),
  'initrd-length-zero': tree((t) => chosen(t).set('linux,initrd-end', chosen(t).get('linux,initrd-start')!)),
  'rtas-missing': tree((t) => {
    const at = t.root.children.findIndex(({ name }) => name === 'rtas')
    t.root.children.splice(at, 1)
  }),
  'rtas-code-changed': {
    interventions: {
      guestLoaded: (guest) => {
        const base = guest.rtasBase
        guest.write(base, flipped(guest.read(base, 20)))
      },
    },
  },
  'rtas-longer': tree((t) => {
    rtas(t).set('slof,rtas-size', cells(24))
    rtas(t).set('rtas-size', cells(24))
  }),
  'kernel-byte-changed': {
    interventions: {
      guestLoaded: (guest) => guest.write(guest.kernelBase + 0x100n, flipped(guest.read(guest.kernelBase + 0x100n, 8))),
    },
  },
  'kernel-bss-dirty': {
    interventions: {
      guestLoaded: (guest) => guest.write(guest.kernelBase + BigInt(guest.kernelBytes), text('dirty .bss')),
    },
  },
  'initrd-base-not-512-aligned': at(0x200_0100n),
  'initrd-base-512-aligned': at(0x200_0200n),
  'initrd-base-unaligned-2': at(0x200_0202n),
  'zimage-blob-plain-initrd': zImage('inputs/initrd.img'),
  'zimage-blob-and-archive': zImage('bad/base/esmb-initrd.img'),
  'uv-fdt-no-password': wrappingKey((p) => p.delete('wrapping-key-passwd')),
  'uv-fdt-no-handle': wrappingKey((p) => p.delete('wrapping-key-handle')),
  'handle-not-in-tpm': wrappingKey((p) => p.set('wrapping-key-handle', cells(0x8180_0005))),
  'handle-is-parent': wrappingKey((p) => p.set('wrapping-key-handle', cells(0x8180_0000))),
  'publicname-wrong': flip('wrapping-key-publicname'),
  'password-wrong': flip('wrapping-key-passwd'),
  'policy-a-wrong': flip('wrapping-key-policy-a'),
  'policy-b-wrong': flip('wrapping-key-policy-b'),
  'hcall-h-function': hcall(-2n),
  'hcall-h-parameter': hcall(-4n),
  'hcall-h-resource': hcall(-16n),
  'hcall-h-not-available': hcall(3n),
  'hcall-h-p3': hcall(-56n),
}
