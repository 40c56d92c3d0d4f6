/** The VM's console on the terminal as QEMU's -nographic has it. */
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { pefOnTerminal, python } from './on-terminal.ts'

const linux = fileURLToPath(new URL('../fixtures/linux/', import.meta.url))

describe.skipIf(!python)(`the console ${python ? '' : '(needs python3, for a pseudo terminal)'}`, () => {
  const BOOT = ['run', '-kernel', 'vmlinux-svm.gz', '-initrd', 'initramfs.cpio.gz', '-m', '256', '-nographic']

  test('a shell takes what is typed; Ctrl-A C is the monitor and Ctrl-A X the end; the terminal is as it was', () => {
    const { screen, code, restored } = pefOnTerminal(
      [...BOOT, '-append', 'console=hvc0'],
      [
        ['/ # ', 'echo $((6*7))\r'],
        ['\n42', '\x01c'],
        ['(pef) ', 'info regs\r'],
        ['(pef) ', 'info registers\r'],
        ['(pef) ', 'x 0\r'],
        ['(pef) ', 'stop\r'],
        ['stopped', 'cont\r'],
        ['running', '\x01c'],
        ['\n', 'echo back\r'],
        ['back', '\x01x'],
      ],
      linux,
    )
    expect({ code, restored }).toEqual({ code: 0, restored: true })
    expect(screen).toContain('info takes registers or status, not "regs"')
    expect(screen).toMatch(/nia [0-9a-f]{16} msr [0-9a-f]{16}/)
    expect(screen).toMatch(/ended at the console after \d+ guest instructions/)
  })

  test('Ctrl-C is the guest’s', () => {
    const { screen, code } = pefOnTerminal(
      [...BOOT, '-append', 'console=hvc0'],
      [
        ['/ # ', "stty raw; echo rea''dy; dd bs=1 count=1 2>/dev/null | od -t x1; poweroff -f\r"],
        ['\nready', '\x03'],
      ],
      linux,
    )
    expect(screen).toMatch(/0000000 03\b/)
    expect(screen).toContain('Power down')
    expect(code).toBe(3)
  })
})
