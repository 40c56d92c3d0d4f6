import { describe, expect, test } from 'vitest'
import { Actor } from '../../debug-adapter/machine/memory/actor.ts'
import { SECURE_RA_BIT } from '../../debug-adapter/machine/memory/real-memory.ts'
import { holds, lastRefusal, sampleMachine, ultracall, until } from './sample.ts'

const secret = new TextEncoder().encode('the hypervisor must not read this')
const file = new TextEncoder().encode('correct horse battery staple')
const SECRET_GPA = 0x41_0000n
const [UV_ESM, UV_PAGE_IN, UV_PAGE_OUT, UV_PAGE_INVAL, UV_TERMINATE] = [0xf110, 0xf128, 0xf12c, 0xf138, 0xf13c]
/** Pages of the host that nobody uses. */
const [PAGE_A, PAGE_B] = [0x3c0_0000n, 0x3c1_0000n]
const hv = (machine: ReturnType<typeof sampleMachine>) => machine.memory.as(Actor.Hypervisor)

describe('secure memory', () => {
  const machine = until(sampleMachine(), 'wrote a secret')

  test('hypervisor and devices are refused by name, wherever they touch it', () => {
    for (const actor of [Actor.Hypervisor, Actor.Device])
      for (const ra of [SECURE_RA_BIT, SECURE_RA_BIT + 0x200_0000n]) {
        expect(() => machine.memory.as(actor).read(ra, 8)).toThrow('MEM-001')
        expect(() => machine.memory.as(actor).write(ra, secret)).toThrow('MEM-001')
      }
    expect(() => hv(machine).read(BigInt(machine.memory.normalBytes), 1)).toThrow('MEM-002')
    expect(machine.memory.as(Actor.Ultravisor).read(SECURE_RA_BIT, 8)).toHaveLength(8)
  })

  test('the secret is there and nowhere else', () => {
    expect(holds(machine, 'secure', new TextEncoder().encode('the hypervisor must not read this\0'))).toBe(true)
    // Its text is in the kernel image, so look for the copy: the page of .bss in normal memory is gone.
    expect(machine.hypervisor.vm!.pageOf(SECRET_GPA)).toBeUndefined()
    expect(() => machine.hypervisor.vm!.read(SECRET_GPA, 32)).toThrow('MEM-003')
    expect(holds(machine, 'normal', file)).toBe(false)
  })

  test('a page leaves only encrypted, and comes back only as it left', () => {
    expect(ultracall(machine, UV_PAGE_OUT, 1n, PAGE_A, SECRET_GPA, 0n, 16n)).toBe(0n)
    const ciphertext = hv(machine).read(PAGE_A, 0x1_0000)
    expect(Buffer.from(ciphertext).includes(Buffer.from(secret))).toBe(false)
    expect(machine.pageState(SECRET_GPA)).toBe('PAGEDOUT')
    // One flipped bit.
    hv(machine).write(
      PAGE_A,
      ciphertext.map((byte, i) => (i === 4711 ? byte ^ 1 : byte)),
    )
    expect(ultracall(machine, UV_PAGE_IN, 1n, PAGE_A, SECRET_GPA, 0n, 16n)).toBe(-56n)
    expect(lastRefusal(machine)).toBe('UV-PAGE-007')
    hv(machine).write(PAGE_A, ciphertext)
    expect(ultracall(machine, UV_PAGE_IN, 1n, PAGE_A, SECRET_GPA, 0n, 16n)).toBe(0n)
    expect(machine.pageState(SECRET_GPA)).toBe('SECURE')

    // Replay: a second page-out of the same content is other ciphertext, and the first does not open any more.
    expect(ultracall(machine, UV_PAGE_OUT, 1n, PAGE_B, SECRET_GPA, 0n, 16n)).toBe(0n)
    expect(hv(machine).read(PAGE_B, 0x1_0000)).not.toEqual(ciphertext)
    expect(ultracall(machine, UV_PAGE_IN, 1n, PAGE_A, SECRET_GPA, 0n, 16n)).toBe(-56n)
    // Swap: two pages out, each offered for the other.
    expect(ultracall(machine, UV_PAGE_OUT, 1n, PAGE_A, SECRET_GPA + 0x10_0000n, 0n, 16n)).toBe(0n)
    expect(ultracall(machine, UV_PAGE_IN, 1n, PAGE_A, SECRET_GPA, 0n, 16n)).toBe(-56n)
    expect(ultracall(machine, UV_PAGE_IN, 1n, PAGE_B, SECRET_GPA, 0n, 16n)).toBe(0n)
  })

  test.each([
    ['order', UV_PAGE_IN, [1n, PAGE_A, SECRET_GPA, 0n, 12n], -58n, 'UV-PAGE-001'],
    ['real address 0', UV_PAGE_IN, [1n, 0n, SECRET_GPA, 0n, 16n], -55n, 'UV-PAGE-002'],
    ['secure real address', UV_PAGE_OUT, [1n, SECURE_RA_BIT, SECRET_GPA, 0n, 16n], -55n, 'UV-PAGE-002'],
    ['real address without memory', UV_PAGE_IN, [1n, 0xffff_0000n, SECRET_GPA, 0n, 16n], -55n, 'UV-PAGE-002'],
    ['another partition', UV_PAGE_IN, [7n, PAGE_A, SECRET_GPA, 0n, 16n], -4n, 'UV-PAGE-003'],
    ['outside the slots', UV_PAGE_IN, [1n, PAGE_A, 1n << 40n, 0n, 16n], -56n, 'UV-PAGE-005'],
    ['a page that is secure', UV_PAGE_IN, [1n, PAGE_A, SECRET_GPA, 0n, 16n], -55n, 'UV-PAGE-006'],
    ['invalidating a secure page', UV_PAGE_INVAL, [1n, SECRET_GPA, 16n], -55n, 'UV-PAGE-006'],
    ['UV_ESM by the hypervisor', UV_ESM, [1n, 1n], -11n, 'UV-CALL-001'],
    ['UV_SHARE_PAGE by the hypervisor', 0xf130, [0x41n, 1n], -11n, 'UV-CALL-001'],
    ['a number that is no ultracall', 0xf154, [], -2n, 'UV-CALL-002'],
    ['a partition table entry beyond the table', 0xf104, [4096n, 0n, 0n], -4n, 'UV-PATE-001'],
    ['the page table of an SVM', 0xf104, [1n, 0n, 0n], -11n, 'UV-PATE-002'],
    ['a slot over another', 0xf120, [1n, 0n, 0x20_0000n, 0n, 5n], -4n, 'UV-SLOT-006'],
    ['a slot id too large', 0xf120, [1n, 1n << 33n, 0x20_0000n, 0n, 512n], -58n, 'UV-SLOT-005'],
    ['more than there is', 0xf120, [1n, 1n << 33n, 1n << 32n, 0n, 5n], -5n, 'UV-SLOT-007'],
  ] as const)('%s is refused for its own reason', (_, number, args, code, rule) => {
    expect(ultracall(machine, number, ...args)).toBe(code)
    expect(lastRefusal(machine)).toBe(rule)
  })

  test('the guest goes on as if nothing had happened, and its end leaves nothing behind', () => {
    until(machine, 'done')
    expect(machine.platform.console.text).toContain('the page is empty again')
    expect(ultracall(machine, UV_TERMINATE, 1n)).toBe(0n)
    expect(holds(machine, 'secure', secret)).toBe(false)
    expect(ultracall(machine, UV_TERMINATE, 1n)).toBe(-4n)
  })
})

describe('a refused UV_ESM', () => {
  const machine = until(sampleMachine({ bootargs: 'console=hvc0 svm=on debug' }), 'was refused with -4')

  test('returns to the guest, which goes on as a normal VM', () => {
    expect(machine.esm).toMatchObject({
      outcome: 'refused',
      returnCode: -4n,
      rules: expect.arrayContaining(['ESM057']),
    })
    expect(machine.platform.console.text).toContain('UV_ESM was refused with -4')
    expect(machine.vmState).toBe('normal')
    expect(machine.ultravisor.svms.size).toBe(0)
  })

  test('gives the pages back as they were, and leaves no key behind', () => {
    expect(machine.hypervisor.vm!.read(0x40_0000n, 4)).toEqual(
      Uint8Array.from(machine.config.kernel.slice(0x1_0000, 0x1_0004)),
    )
    const pool = machine.memory.processorBytes + machine.memory.normalBytes + (32 << 20)
    const rest = machine.memory.bytes.subarray(pool)
    expect(rest.every((byte) => byte === 0)).toBe(true)
  })
})

test('UV_RETURN with a cookie that nobody gave costs that SVM its life, and nothing of it stays behind', () => {
  const machine = until(sampleMachine(), 'wrote a secret')
  expect(ultracall(machine, 0xf11c)).toBe(-4n)
  expect(lastRefusal(machine)).toBe('UV-RTN-001')
  expect(machine.ultravisor.svms.size).toBe(0)
  expect(holds(machine, 'secure', secret)).toBe(false)
})

test('the password of the wrapping key is nowhere in normal memory after the boot', () => {
  const machine = until(sampleMachine(), 'a normal VM')
  const password = machine.ultravisor.wrappingKey('wrapping-key-passwd')!.slice(0, 16)
  expect(password.every((byte) => byte !== 0)).toBe(true)
  expect(holds(machine, 'normal', password)).toBe(false)
  expect(holds(machine, 'secure', password)).toBe(true)
})

test('a machine with too little secure memory says how much is missing', () => {
  const machine = until(sampleMachine({ secureMemoryBytes: 64 << 20 }), 'was refused')
  const rules = machine.trace.of('refusal').map(({ rule }) => rule)
  expect(rules).toEqual(['UV-SLOT-007', 'UV-ESM-006'])
  expect(machine.esm!.reason).toContain('H_PARAMETER')
})
