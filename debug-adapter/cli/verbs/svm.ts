import { basename } from 'node:path'
import { beginsWithOperand, operandArchive } from '../../../server/esm/cpio.ts'
import type { Terminal } from '../terminal.ts'
import type { Option } from './esm/arguments.ts'
import { family } from './esm/family.ts'
import { readWhole, withFile, writeOutputs } from './esm/files.ts'
import { chunksOf } from './esm/hash.ts'
import { ToolError, type Verb } from './esm/verb.ts'

const INITRAMFS: Option = { letter: 'i', name: 'initramfs', value: 'INITRAMFS', required: true, help: 'the initrd' }

const add: Verb = {
  usage: '-i INITRAMFS -b BLOB -f FILE',
  summary: 'put an operand in front of an initrd',
  description: `Writes FILE: an archive with the operand, and the initrd behind it. It is what the machine loads as its initrd. The same
operand and initrd give the same bytes.`,
  options: [
    INITRAMFS,
    { letter: 'b', name: 'blob', value: 'BLOB', required: true, help: 'the operand' },
    { letter: 'f', name: 'file', value: 'FILE', required: true, help: 'the file that is written' },
  ],
  example: 'pef svm add -i initrd.img -b blob -f esmb-initrd.img',
  async run(args, terminal) {
    const [initramfs, blob, path] = [args.needed('initramfs'), args.needed('blob'), args.needed('file')]
    const archive = operandArchive(await readWhole(blob), basename(blob))
    await withFile(initramfs, async (source) => {
      await writeOutputs({
        path,
        async write(file) {
          await file.writeFile(archive)
          let first = true
          for await (const chunk of chunksOf(source, `copying ${initramfs}`, terminal)) {
            if (first && beginsWithOperand(chunk))
              terminal.error(`svm: warning: ${initramfs} carries an operand already: ESM121\n`)
            first = false
            await file.writeFile(chunk)
          }
        },
      })
    })
    return 0
  },
}

const make: Verb = {
  usage: '-y CONFIG',
  summary: 'nothing yet, as in svm-tool',
  description: 'svm-tool has this verb and does nothing for it. What it is meant for: pef esm make, then pef svm add.',
  options: [{ letter: 'y', name: 'config', value: 'CONFIG', required: true, help: 'not read' }],
  example: 'pef esm make -b blob -y svm_blob.yml && pef svm add -i initrd.img -b blob -f esmb-initrd.img',
  async run() {
    throw new ToolError('make does nothing in svm-tool either: use pef esm make, then pef svm add')
  },
}

const svmFamily = family('svm', 'puts operands and initrds together', { add, make })

export const svmHelp: string = svmFamily.help
export const svm = (args: readonly string[], terminal: Terminal): Promise<number> => svmFamily.run(args, terminal)
