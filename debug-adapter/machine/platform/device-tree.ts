import { cells, cells64, type FdtTree, newFdt, newNode, strings } from '../../../server/esm/fdt.ts'
import { RTAS_TOKENS } from './rtas-tokens.ts'

/** What the loader knows when it writes the tree. Addresses are guest physical. */
export interface TreeFacts {
  readonly memoryBytes: bigint
  readonly bootargs: string
  readonly initrd: { readonly start: bigint; readonly end: bigint } | undefined
  readonly rtas: { readonly base: bigint; readonly codeBytes: number; readonly areaBytes: number }
}

export const VTY_UNIT = 0x7100_0000
const TIMEBASE = 512_000_000

/**
 * The device tree of the VM: the smallest that a pseries Linux accepts (spec/pseries.md §4.8) and what the ultravisor looks
 * for (spec/ultravisor.md §6.4).
 */
export function guestTree(facts: TreeFacts): FdtTree {
  const { memoryBytes, bootargs, initrd, rtas } = facts
  const tree = newFdt()
  const { root } = tree
  const set = (name: string, value: Uint8Array) => root.properties.set(name, value)
  set('#address-cells', cells(2))
  set('#size-cells', cells(2))
  set('device_type', strings('chrp'))
  set('model', strings('pef-debug'))
  set('compatible', strings('pef-debug,pseries', 'qemu,pseries'))
  const initrdProperties: Record<string, Uint8Array> = initrd
    ? { 'linux,initrd-start': cells64(initrd.start), 'linux,initrd-end': cells64(initrd.end) }
    : {}
  root.children.push(
    newNode('chosen', {
      bootargs: strings(bootargs),
      ...initrdProperties,
      'stdout-path': strings(`/vdevice/vty@${VTY_UNIT.toString(16)}`),
    }),
    newNode('memory@0', { device_type: strings('memory'), reg: cells64(0n, memoryBytes) }),
    newNode('rtas', {
      ...Object.fromEntries(Object.entries(RTAS_TOKENS).map(([name, token]) => [name, cells(token)])),
      'linux,rtas-base': cells(Number(rtas.base)),
      'linux,rtas-entry': cells(Number(rtas.base)),
      'rtas-size': cells(rtas.areaBytes),
      'slof,rtas-size': cells(rtas.codeBytes),
      'ibm,lrdr-capacity': new Uint8Array([...cells64(memoryBytes, 0x1000_0000n), ...cells(1)]),
      'ibm,hypertas-functions': strings('hcall-pft', 'hcall-term', 'hcall-interrupt', 'hcall-splpar', 'hcall-set-mode'),
    }),
    newNode('cpus', { '#address-cells': cells(1), '#size-cells': cells(0) }, [
      newNode('PowerPC,POWER9@0', {
        device_type: strings('cpu'),
        reg: cells(0),
        'ibm,ppc-interrupt-server#s': cells(0),
        'cpu-version': cells(0x004e_1203),
        'timebase-frequency': cells(TIMEBASE),
        'clock-frequency': cells(TIMEBASE),
        'ibm,dec-bits': cells(56),
        'd-cache-block-size': cells(128),
        'i-cache-block-size': cells(128),
        '64-bit': new Uint8Array(0),
        status: strings('okay'),
      }),
    ]),
    newNode(
      'vdevice',
      {
        device_type: strings('vdevice'),
        compatible: strings('IBM,vdevice'),
        '#address-cells': cells(1),
        '#size-cells': cells(0),
      },
      [
        newNode(`vty@${VTY_UNIT.toString(16)}`, {
          device_type: strings('serial'),
          compatible: strings('hvterm1'),
          reg: cells(VTY_UNIT),
        }),
      ],
    ),
    newNode('interrupt-controller', {
      device_type: strings('PowerPC-External-Interrupt-Presentation'),
      'interrupt-controller': new Uint8Array(0),
      '#interrupt-cells': cells(2),
      phandle: cells(0x1111),
    }),
  )
  return tree
}
