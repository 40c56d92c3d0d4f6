import { type FdtNode, newNode, setBytes, writeFdt } from '../../../server/esm/fdt.ts'
import { MSR } from '../../machine/cpu/msr.ts'
import { U } from '../../machine/ultravisor/return-codes.ts'
import { memoryResources } from '../../machine/ultravisor/service-memory.ts'
import { FREE, hypercallNumber, KERNEL, load, PAGE, ultracallNumber } from '../bench.ts'
import { type ConformanceCase, extra, real, row } from '../case.ts'
import { bytesOf, callRtas, token } from '../rtas-doings.ts'
import { watch } from '../watch.ts'

const H_PARAMETER = -4n
const HARDWARE_ERROR = 0xffff_ffff
/** Behind the argument block. */
const BUFFER = FREE + 0x1000n
const CHIP_ID_REGISTER = 0xf_000fn

/** RTAS (spec/ultravisor.md §6), and the services of the ultravisor to OPAL (§2.4). */
export const serviceCases: readonly ConformanceCase[] = [
  row(101, 'UV_SEND_SBE_COMMAND', 'send_sbe_command', (b) => {
    b.expectCode('opcode 3', b.host('UV_SEND_SBE_COMMAND', 0n, 3n, 0n), U.PARAMETER)
    b.expectCode('opcode 1 with an input', b.host('UV_SEND_SBE_COMMAND', 0n, 1n, 1n), U.PARAMETER)
    b.expectCode('opcode 2 with an input', b.host('UV_SEND_SBE_COMMAND', 0n, 2n, 1n), U.PARAMETER)
    b.expectCode('chip 5', b.host('UV_SEND_SBE_COMMAND', 5n, 0n, 100n), U.PARAMETER)
    b.expect('rules', b.rules(), ['UV-SBE-001', 'UV-SBE-002', 'UV-SBE-002', 'UV-SCOM-003'])
    b.expectCode('timer', b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n), U.SUCCESS)
    b.expectCode('timer while the mailbox is full', b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n), U.BUSY)
    b.expectCode('handle the interrupt', b.host('UV_SEND_SBE_COMMAND', 0n, 1n, 0n), U.SUCCESS)
    b.expectCode('timer', b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n), U.SUCCESS)
  }),
  real(101, 'Q07', 'U_BUSY of UV_SEND_SBE_COMMAND', 'send_sbe_command', (b) => {
    b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n)
    b.expectCode('timer while the mailbox is full', b.host('UV_SEND_SBE_COMMAND', 0n, 0n, 100n), U.FUNCTION)
  }),
  row(102, 'nvram-fetch of 5000 bytes', 'svm/svm-rtas-hdlr.c', (b) => {
    const seen = watch(b, 'H_RTAS')
    const { code, out } = callRtas(b, token(b, 'nvram-fetch'), [0, Number(BUFFER), 5000], 2)
    b.expect('R3', code, 0n)
    b.expect('status', out[0], HARDWARE_ERROR)
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-002')
    b.expect('seen by the hypervisor', seen.times, 0)
  }),
  real(102, 'Q40', 'nvram-fetch of 5000 bytes', 'svm/svm-rtas-hdlr.c', (b) => {
    const seen = watch(b, 'H_RTAS')
    b.write(BUFFER, new Uint8Array(5000).fill(0x55))
    b.machine.hypervisor.behaviour = {
      ...b.machine.hypervisor.behaviour,
      // It says that it did what was asked.
      // biome-ignore lint/correctness/useYield: it writes and is done
      *after(_hv, vm, { name }) {
        const { gpa } = b.machine.ultravisor.svms.get(1)!.reserved.get('RTAS arguments')!
        if (name === 'H_RTAS') vm.write(gpa + 24n, bytesOf([0, 5000]))
      },
    }
    callRtas(b, token(b, 'nvram-fetch'), [0, Number(BUFFER), 5000], 2)
    b.expect('seen by the hypervisor', seen.times, 1)
    b.expect('the buffer of the guest', b.read(BUFFER, 5000), new Uint8Array(5000).fill(0x55))
  }),
  row(103, 'an RTAS token that the device tree does not name', 'spec/ultravisor.md §6.2', (b) => {
    const seen = watch(b, 'H_RTAS')
    const { code, out } = callRtas(b, 0x7777, [Number(BUFFER)], 1)
    b.expect('R3', code, 0n)
    b.expect('status', out[0], HARDWARE_ERROR)
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-003')
    b.expect('seen by the hypervisor', seen.times, 0)
  }),
  real(103, 'Q40', 'an RTAS token that the device tree does not name', 'spec/ultravisor.md §6.2', (b) => {
    const seen = watch(b, 'H_RTAS')
    callRtas(b, 0x7777, [Number(BUFFER)], 1)
    b.expect('seen by the hypervisor', seen.times, 1)
  }),
  row(104, 'start-cpu, and UV_RETURN with its cookie', 'rtas_start_cpu_end', (b) => {
    const seen = watch(b, 'H_RTAS')
    callRtas(b, token(b, 'start-cpu'), [0, Number(KERNEL), 77], 1)
    const [cookie] = [...b.machine.ultravisor.svms.get(1)!.startedCpus.keys()]
    b.expect('seen by the hypervisor', seen.times, 1)
    b.expectTrue('a cookie waits', cookie !== undefined)
    b.machine.hypervisor.behaviour = { returning: (_hv, _vm, registers) => void (registers.r0 = cookie ?? 0n) }
    const stopped = b.run([...load(3, BigInt(hypercallNumber('H_CEDE'))), 'sc 1'])
    b.expect('the virtual processor enters', stopped.how, 'kernel')
    b.expect('R3', stopped.gpr[3], 77n)
    b.expect('MSR', b.machine.cpu.msr, MSR.SF | MSR.ME | MSR.S)
    b.expect('cookies left', b.machine.ultravisor.svms.get(1)!.startedCpus.size, 0)
  }),
  extra('start-cpu-range', 'start-cpu of a processor that does not exist', 'spec/ultravisor.md §6.3', (b) => {
    const { vcpus } = b.machine.ultravisor.svms.get(1)!
    b.expect('status', callRtas(b, token(b, 'start-cpu'), [vcpus, Number(KERNEL), 77], 1).out[0], HARDWARE_ERROR)
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-004')
  }),
  extra('rtas-bounce', 'RTAS carries a buffer in and out', 'spec/ultravisor.md §6.2', (b) => {
    const secret = new TextEncoder().encode('nvram of the guest')
    b.write(BUFFER, secret)
    const stored = callRtas(b, token(b, 'nvram-store'), [0, Number(BUFFER), secret.length], 2)
    b.expect('store: status and length', stored.out, [0, secret.length])
    b.write(BUFFER, new Uint8Array(secret.length))
    const fetched = callRtas(b, token(b, 'nvram-fetch'), [0, Number(BUFFER), secret.length], 2)
    b.expect('fetch: status and length', fetched.out, [0, secret.length])
    b.expect('content', b.read(BUFFER, secret.length), secret)
    // A shorter call leaves nothing of a longer one where the hypervisor can read it.
    callRtas(b, token(b, 'nvram-store'), [0, Number(BUFFER), 4], 2)
    const { reserved } = b.machine.ultravisor.svms.get(1)!
    const seen = (purpose: string, from: bigint) => b.machine.hypervisor.vm!.read(reserved.get(purpose)!.gpa + from, 64)
    b.expect('behind the data', seen('RTAS bounce buffers', 4n), new Uint8Array(64))
    callRtas(b, token(b, 'ibm,slot-error-detail'), [], 1)
    b.expect('behind the arguments', seen('RTAS arguments', 16n), new Uint8Array(64))
  }),
  row(106, 'parts that are not there', 'uv_xscom_read, memory_read', (b) => {
    b.expectCode('UV_READ_SCOM, id 0x10000000', b.host('UV_READ_SCOM', 0x1000_0000n, CHIP_ID_REGISTER), U.PARAMETER)
    b.expectCode('UV_READ_SCOM, chip 7', b.host('UV_READ_SCOM', 7n, CHIP_ID_REGISTER), U.PARAMETER)
    b.expectCode('UV_WRITE_SCOM, chip 7', b.host('UV_WRITE_SCOM', 7n, 0x6_c081n, 0n), U.PARAMETER)
    for (const name of ['UV_READ_MEM', 'UV_WRITE_MEM']) {
      b.expectCode(`${name}, no buffer`, b.host(name, 0n, 0n, 0n, 8n), U.PARAMETER)
      b.expectCode(`${name}, no bytes`, b.host(name, b.hostPage(0), 0n, 0n, 0n), U.PARAMETER)
    }
  }),
  extra('scom', 'SCOM registers that may be read and written, and others', 'uv-xscom-bwlist.c', (b) => {
    const read = b.hostRegisters(0n, ultracallNumber('UV_READ_SCOM'), [0n, CHIP_ID_REGISTER])
    b.expectCode('chip id', read[0]!, U.SUCCESS)
    b.expectTrue('R4', read[1] !== 0n)
    b.expectCode('write an I2C engine', b.host('UV_WRITE_SCOM', 0n, 0xa_1004n, 0x1234n), U.SUCCESS)
    b.expect('read it', b.hostRegisters(0n, ultracallNumber('UV_READ_SCOM'), [0n, 0xa_1004n])[1], 0x1234n)
    b.expectCode('write the chip id', b.host('UV_WRITE_SCOM', 0n, CHIP_ID_REGISTER, 0n), U.PERMISSION)
    b.expectCode('read a core', b.host('UV_READ_SCOM', 0n, 0x2001_0a9cn), U.PERMISSION)
    b.expectCode('indirect, form 0', b.host('UV_READ_SCOM', 0n, (1n << 63n) | 1n), U.XSCOM_ADDR_ERROR)
    b.expectCode('indirect, form 1', b.host('UV_READ_SCOM', 0n, (9n << 60n) | 1n), U.UNSUPPORTED)
    b.expectCode('no register', b.host('UV_READ_SCOM', 0n, 0x123n), U.XSCOM_ADDR_ERROR)
  }),
  extra(
    'scom-Q17',
    'SCOM registers of a core',
    'uv-xscom-bwlist.c',
    (b) => {
      b.expectCode('read', b.host('UV_READ_SCOM', 0n, 0x2001_0a9cn), U.SUCCESS)
      b.expectCode('write', b.host('UV_WRITE_SCOM', 0n, 0x2001_0a9cn, 1n), U.SUCCESS)
    },
    { quirks: ['Q17'] },
  ),
  extra('service-memory', 'UV_READ_MEM and UV_WRITE_MEM', 'memory_read, memory_write', (b) => {
    const [resource] = b.machine.ultravisor.memoryResources
    const handle = (BigInt(resource!.chip) << 32n) | BigInt(resource!.type)
    const range = resource!.write[0]!
    const content = new TextEncoder().encode('for the controller')
    b.hostWrite(b.hostPage(0), content)
    const bytes = BigInt(content.length)
    b.expectCode('write', b.host('UV_WRITE_MEM', b.hostPage(0), handle, range.offset, bytes), U.SUCCESS)
    b.expect('written', b.machine.ultravisor.memory.read(resource!.start + range.offset, content.length), content)
    const open = resource!.read[0]!
    b.expectCode('read', b.host('UV_READ_MEM', b.hostPage(1), handle, open.offset, 16n), U.SUCCESS)
    b.expectCode('beyond', b.host('UV_READ_MEM', b.hostPage(1), handle, open.offset + (1n << 40n), 16n), U.PERMISSION)
    b.expectCode('no resource', b.host('UV_READ_MEM', b.hostPage(1), handle + 99n, open.offset, 16n), U.PERMISSION)
    b.expectCode('a secure buffer', b.host('UV_READ_MEM', resource!.start, handle, open.offset, 16n), U.PARAMETER)
  }),
  extra('scom-form', 'indirect SCOM registers, and addresses beside the cores', 'uv_xscom_write', (b) => {
    const indirect = (1n << 63n) | 0x6_c081n
    b.expectCode('a value of 17 bits', b.host('UV_WRITE_SCOM', 0n, indirect, 0x1_0000n), U.PARAMETER)
    b.expect('rule', b.rules().at(-1), 'UV-SCOM-005')
    b.expectCode('a value of 16 bits', b.host('UV_WRITE_SCOM', 0n, indirect, 0xffffn), U.XSCOM_ADDR_ERROR)
    b.expect('rule', b.rules().at(-1), 'UV-SCOM-004')
    b.expect('the direct register', b.hostRegisters(0n, ultracallNumber('UV_READ_SCOM'), [0n, 0x6_c081n])[1], 0n)
    b.expectCode('form 1, 17 bits', b.host('UV_WRITE_SCOM', 0n, indirect | (1n << 60n), 0x1_0000n), U.XSCOM_ADDR_ERROR)
    for (const [address, code] of [
      [0x1fff_ffffn, U.XSCOM_ADDR_ERROR],
      [0x2000_0000n, U.PERMISSION],
      [0x37ff_ffffn, U.PERMISSION],
      [0x3800_0000n, U.XSCOM_ADDR_ERROR],
    ] as const)
      b.expectCode(`read 0x${address.toString(16)}`, b.host('UV_READ_SCOM', 0n, address), code)
  }),
  extra(
    'scom-unknown-Q17',
    'a register that the chip does not have',
    'uv_xscom_write',
    (b) => b.expectCode('write', b.host('UV_WRITE_SCOM', 0n, 0x123n, 1n), U.XSCOM_ADDR_ERROR),
    { quirks: ['Q17'] },
  ),
  ...([false, true] as const).map((released) =>
    extra(
      released ? 'scom-engine-Q07' : 'scom-engine',
      'how the SCOM engine ends an access',
      'xscom_handle_error',
      (b) => {
        const codes = [
          [1, released ? U.FUNCTION : U.BUSY],
          [2, U.XSCOM_CHIPLET_OFF],
          [3, U.XSCOM_PARTIAL_GOOD],
          [4, U.XSCOM_ADDR_ERROR],
          [5, U.XSCOM_CLOCK_ERROR],
          [6, U.XSCOM_PARITY_ERROR],
          [7, U.XSCOM_TIMEOUT],
          [0, U.HARDWARE],
        ] as const
        for (const [status, code] of codes) {
          const address = 0xa_0000n + (status === 0 ? 8n : BigInt(status)) * 0x1000n + 4n
          b.expectCode(`read, status ${status}`, b.host('UV_READ_SCOM', 0n, address), code)
          b.expectCode(`write, status ${status}`, b.host('UV_WRITE_SCOM', 0n, address, 1n), code)
        }
        b.expectCode(
          'a core that this chip does not have',
          b.host('UV_READ_SCOM', 0n, 0x2101_0a9cn),
          U.XSCOM_PARTIAL_GOOD,
        )
      },
      {
        quirks: released ? ['Q07', 'Q17'] : ['Q17'],
        // The fourth nibble of an address is the status; 8 is one that no book names.
        config: { interventions: { scomStatus: (at) => (at >>> 16 === 0xa ? (at >>> 12) & 15 : undefined) } },
      },
    ),
  ),
  extra('service-memory-ends', 'ranges and buffers that do not fit', 'memory_read, memory_write', (b) => {
    const [resource] = b.machine.ultravisor.memoryResources
    const handle = (BigInt(resource!.chip) << 32n) | BigInt(resource!.type)
    const first = resource!.read[0]!
    const last = resource!.read.at(-1)!
    const end = BigInt(b.machine.memory.normalBytes)
    const read = (buffer: bigint, offset: bigint, bytes: bigint) => b.host('UV_READ_MEM', buffer, handle, offset, bytes)
    b.expectCode('all that is open', read(b.hostPage(0), first.offset, 16n), U.SUCCESS)
    if (first.offset > 0n) b.expectCode('before it', read(b.hostPage(0), first.offset - 8n, 16n), U.PERMISSION)
    b.expectCode('behind it', read(b.hostPage(0), last.offset + last.bytes - 8n, 16n), U.PERMISSION)
    b.expectCode('a buffer behind memory', read(end, first.offset, 16n), U.PARAMETER)
    b.expectCode('a buffer up to behind memory', read(end - 8n, first.offset, 16n), U.PARAMETER)
    b.expect('rule', b.rules().at(-1), 'UV-MEM-004')
  }),
  extra('service-memory-tree', 'resources of a device tree that cannot be read are none', 'get_mem_wl', (b) => {
    const tree = (edit: (node: FdtNode) => void): Uint8Array => {
      const range = newNode('range', {
        reg: new Uint8Array(16).fill(1),
        'ibm,resource-type': Uint8Array.of(0, 0, 0, 1),
      })
      edit(range)
      const root = newNode('', {})
      let parent = root
      for (const name of ['ibm,opal', 'power-mgt', 'mem_range']) {
        const child = newNode(name, {})
        parent.children.push(child)
        parent = child
      }
      parent.children.push(range)
      return writeFdt({ root, reservations: [], bootCpu: 0 })
    }
    b.expect('as it should be', memoryResources(tree(() => {})).length, 1)
    b.expect('no address', memoryResources(tree(({ properties }) => void properties.delete('reg'))).length, 0)
    b.expect('half an address', memoryResources(tree((n) => setBytes(n, 'reg', new Uint8Array(8)))).length, 0)
    b.expect('no type', memoryResources(tree((n) => void n.properties.delete('ibm,resource-type'))).length, 0)
  }),
  extra('start-cpu-twice', 'start-cpu twice for one processor, and with an argument too few', 'rtas_start_cpu', (b) => {
    const started = (): bigint[] => [...b.machine.ultravisor.svms.get(1)!.startedCpus.keys()]
    callRtas(b, token(b, 'start-cpu'), [0, Number(KERNEL), 1], 1)
    const [first] = started()
    callRtas(b, token(b, 'start-cpu'), [0, Number(KERNEL), 2], 1)
    b.expect('cookies that wait', started().length, 1)
    b.expectTrue('another one', started()[0] !== first)
    b.expect('two arguments', callRtas(b, token(b, 'start-cpu'), [0, Number(KERNEL)], 1).out[0], HARDWARE_ERROR)
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-004')
  }),
  extra('rtas-block', 'argument blocks that do not fit', 'svm_rtas', (b) => {
    const end = FREE + PAGE
    const put = (at: bigint, words: readonly number[]): void => {
      for (const [i, word] of words.entries()) b.write(at + BigInt(i * 4), bytesOf([word]))
    }
    const call = (at: bigint, words: readonly number[]): bigint => {
      put(at, words)
      return b.hcall('H_RTAS', at)
    }
    b.expect('16 cells', call(FREE, [token(b, 'ibm,slot-error-detail'), 15, 1]), 0n)
    b.rules()
    b.expect('17 cells', call(FREE, [token(b, 'ibm,slot-error-detail'), 16, 1]), H_PARAMETER)
    b.expect('2^32 - 1 arguments', call(FREE, [token(b, 'power-off'), 0xffff_ffff, 1]), H_PARAMETER)
    b.expect('a head across a page', call(end - 8n, [token(b, 'event-scan'), 4, 1]), H_PARAMETER)
    b.expect('a body across a page', call(end - 16n, [token(b, 'event-scan'), 4, 1]), H_PARAMETER)
    b.expect('a buffer that is no argument', callRtas(b, token(b, 'event-scan'), [1, 2], 1).out, [HARDWARE_ERROR])
    b.expect('rule', b.rules().at(-1), 'UV-RTAS-002')
    b.expect('outside memory', b.hcall('H_RTAS', 1n << 40n), H_PARAMETER)
    b.expect('2^64 - 4', b.hcall('H_RTAS', (1n << 64n) - 4n), H_PARAMETER)
    b.expect('rules', [...new Set(b.rules())], ['UV-RTAS-001'])
    const before = b.read(FREE + 12n, 16).slice()
    b.expect('no results', call(FREE, [0x7777, 4, 0]), 0n)
    b.expect('nothing is written', b.read(FREE + 12n, 16), before)
  }),
  extra(
    'rtas-counts-Q41',
    'the hypervisor enlarges the counts of a block at the end of a page',
    'svm_rtas_return',
    (b) => {
      const block = FREE + PAGE - 20n
      b.machine.hypervisor.behaviour = {
        // biome-ignore lint/correctness/useYield: it writes and is done
        *after(_hv, vm, { name }) {
          if (name === 'H_RTAS')
            vm.write(
              b.machine.ultravisor.svms.get(1)!.reserved.get('RTAS arguments')!.gpa + 8n,
              bytesOf([900, ...Array<number>(900).fill(0x5555_5555)]),
            )
        },
      }
      b.write(FREE + PAGE, new Uint8Array(64))
      const { code } = callRtas(b, token(b, 'ibm,slot-error-detail'), [], 2, block)
      b.expect('R3', code, 0n)
      b.expect('the page behind', b.read(FREE + PAGE, 64), new Uint8Array(64))
    },
    { quirks: ['Q41'] },
  ),
  extra('service-memory-ranges', 'ranges with a gap, and side by side', 'mem_wl_range_allowed', (b) => {
    const { ultravisor } = b.machine
    const [resource] = ultravisor.memoryResources
    const open = [0x1000n, 0x2000n, 0x4000n].map((offset) => ({ offset, bytes: 0x1000n }))
    ultravisor.memoryResources = [{ ...resource!, read: open }]
    const handle = (BigInt(resource!.chip) << 32n) | BigInt(resource!.type)
    for (const [offset, bytes, code] of [
      [0x1000n, 0x2000n, U.SUCCESS],
      [0x1800n, 0x1000n, U.SUCCESS],
      [0x4000n, 0x1000n, U.SUCCESS],
      [0xff8n, 16n, U.PERMISSION],
      [0x2ff8n, 16n, U.PERMISSION],
      [0x2000n, 0x3000n, U.PERMISSION],
      [0x3800n, 16n, U.PERMISSION],
      [0x4ff8n, 16n, U.PERMISSION],
    ] as const)
      b.expectCode(
        `0x${bytes.toString(16)} bytes at 0x${offset.toString(16)}`,
        b.host('UV_READ_MEM', b.hostPage(0), handle, offset, bytes),
        code,
      )
  }),
  extra('rtas-length', 'buffers whose length is in their content', 'svm/svm-rtas-hdlr.c', (b) => {
    const seen = watch(b, 'H_RTAS')
    const status = (service: string, ...args: number[]) => callRtas(b, token(b, service), args, 1).out[0]
    b.write(BUFFER, new Uint8Array(4096).fill(0x41))
    b.expect('a text without an end', status('ibm,os-term', Number(BUFFER)), HARDWARE_ERROR)
    b.expect('a parameter of 16705 bytes', status('ibm,set-system-parameter', 20, Number(BUFFER)), HARDWARE_ERROR)
    b.expect('a parameter outside memory', status('ibm,set-system-parameter', 20, 0xf000_0000), HARDWARE_ERROR)
    b.expect('a text outside memory', status('ibm,os-term', 0xf000_0000), HARDWARE_ERROR)
    b.expect('rules', [...new Set(b.rules())], ['UV-RTAS-002'])
    b.expect('seen by the hypervisor', seen.times, 0)
  }),
]
