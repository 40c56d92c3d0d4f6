import { writeDigestList } from '../../../server/esm/make.ts'
import type { Terminal } from '../terminal.ts'
import { DIGEST_SOURCES, digestsOf } from './esm/editing.ts'
import { family } from './esm/family.ts'
import { contents, writeOutputs } from './esm/files.ts'
import type { Verb } from './esm/verb.ts'

const create: Verb = {
  usage: '[-v] -f FILE -a ARGS -i INITRAMFS -k KERNEL',
  summary: 'the list of digests, not encrypted',
  description:
    'Writes the device tree with the digests of RTAS, kernel, initrd and command line that an operand carries encrypted.',
  options: [
    { letter: 'v', name: 'verbose', help: 'accepted, as by svm-tool' },
    { letter: 'f', name: 'file', value: 'FILE', required: true, help: 'the file that is written' },
    ...DIGEST_SOURCES,
  ],
  example: 'pef esm-digest create -f digests.dtb -a "root=/dev/vda svm=on" -i initrd.img -k vmlinux',
  async run(args, terminal) {
    const bytes = writeDigestList(await digestsOf(args, terminal))
    await writeOutputs(contents(args.needed('file'), bytes))
    return 0
  },
}

const digestFamily = family('esm-digest', 'the digests of what a secure VM boots', { create })

export const esmDigestHelp: string = digestFamily.help
export const esmDigest = (args: readonly string[], terminal: Terminal): Promise<number> =>
  digestFamily.run(args, terminal)
