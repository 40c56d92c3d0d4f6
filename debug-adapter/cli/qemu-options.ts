import { suggestion, UsageError } from './options.ts'

/** What QEMU's option is here. */
type Meaning =
  | { readonly option: string; readonly value?: (text: string) => string }
  | { readonly accepted: (text: string) => boolean; readonly expected: string }
  | 'nothing to do'

/** QEMU's unit is MiB where none is given; what follows a comma is about memory that is plugged in later. */
function memorySize(text: string): string {
  const size = text.replace(/^size=/, '').split(',')[0]!
  return /^\d+$/.test(size) ? `${size}M` : size
}

/** `file=` is what matters; the image's format shows by itself, and writes never reach it. */
function driveFile(text: string): string {
  const file = text
    .split(',')
    .map((part) => /^file=(.*)$/.exec(part)?.[1])
    .find((path) => path !== undefined)
  if (file === undefined) throw new UsageError(`-drive ${text}: expected file=FILE among its parts`)
  return file
}

const MACHINE = {
  accepted: (text: string) => /^(type=)?pseries\b/.test(text),
  expected: 'pseries, the machine that this is',
}

const MEANINGS: Readonly<Record<string, Meaning>> = {
  kernel: { option: 'kernel', value: (text) => text },
  initrd: { option: 'initrd', value: (text) => text },
  append: { option: 'append', value: (text) => text },
  m: { option: 'memory', value: memorySize },
  drive: { option: 'drive', value: driveFile },
  hda: { option: 'drive', value: (text) => text },
  nographic: { option: 'console' },
  machine: MACHINE,
  M: MACHINE,
  cpu: { accepted: (text) => /^(power9|host|max)/i.test(text), expected: 'power9, the processor that this is' },
  accel: { accepted: (text) => text.startsWith('tcg'), expected: 'tcg: this is an emulator' },
  display: { accepted: (text) => text === 'none', expected: 'none: there is no screen' },
  vga: { accepted: (text) => text === 'none', expected: 'none: there is no screen' },
  serial: { accepted: (text) => /stdio/.test(text), expected: 'mon:stdio, which is what -nographic does' },
  nodefaults: 'nothing to do',
  'no-reboot': 'nothing to do',
}

/**
 * Turns options as QEMU spells them (`-kernel FILE -m 512 -nographic`) into those of `pef run`; what begins with two dashes and what
 * is no option stays as it is.
 * @throws UsageError where QEMU's option asks for something that this machine is not
 */
export function fromQemuOptions(args: readonly string[]): string[] {
  const out: string[] = []
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!
    if (!/^-[A-Za-z]/.test(arg)) {
      out.push(arg)
      // The value of one of our own options may begin with a dash.
      if (arg.startsWith('--') && !arg.includes('=') && args[i + 1]?.startsWith('-') === false) out.push(args[++i]!)
      continue
    }
    const name = arg.slice(1)
    const meaning = Object.hasOwn(MEANINGS, name) ? MEANINGS[name]! : undefined
    if (!meaning)
      throw new UsageError(
        `unknown option ${arg}${suggestion(name, Object.keys(MEANINGS), '-')}; of QEMU's options pef knows ` +
          `${Object.keys(MEANINGS)
            .map((known) => `-${known}`)
            .join(' ')}, and its own begin with two dashes`,
      )
    if (meaning === 'nothing to do') continue
    if ('option' in meaning && !meaning.value) {
      out.push(`--${meaning.option}`)
      continue
    }
    const value = args[++i]
    if (value === undefined) throw new UsageError(`${arg} needs a value`)
    if ('option' in meaning) out.push(`--${meaning.option}=${meaning.value!(value)}`)
    else if (!meaning.accepted(value)) throw new UsageError(`${arg} ${value}: expected ${meaning.expected}`)
  }
  return out
}
