import { version } from '../../package.json'
import { suggestion, UsageError } from './options.ts'
import { EXIT } from './outcome.ts'
import type { Terminal } from './terminal.ts'
import { conformance, conformanceHelp } from './verbs/conformance.ts'
import { esm, esmHelp } from './verbs/esm.ts'
import { esmDigest, esmDigestHelp } from './verbs/esm-digest.ts'
import { image, imageHelp } from './verbs/image.ts'
import { replay, replayHelp } from './verbs/replay.ts'
import { run, runHelp } from './verbs/run.ts'
import { svm, svmHelp } from './verbs/svm.ts'
import { tpm, tpmHelp } from './verbs/tpm.ts'

const HELP = `pef: runs and inspects secure VM images of IBM's Protected Execution Facility in an emulator of the machine.

Usage: pef VERB [OPTIONS]

  pef run IMAGE.json     run a VM image through ESM and tell what happens
  pef replay RUN.pefrun  make a saved run again, and say whether it is the same
  pef image inspect DISK read the boot menu of a disk image, and take kernel and initrd out
  pef tpm pubkey         print the wrapping key of the emulated TPM
  pef esm VERB           make, change, check, compare and explain operands
  pef svm add            put an operand in front of an initrd
  pef esm-digest create  write the digests of what a VM boots
  pef conformance        run the conformance suite of PEF's call interface
  pef help [VERB]        help on a verb
  pef --version          the version

Example: pef run test/guests/hello-svm/pef.json`

const verbs: Readonly<Record<string, (args: readonly string[], terminal: Terminal) => Promise<number>>> = {
  run,
  replay,
  image,
  tpm,
  esm,
  svm,
  'esm-digest': esmDigest,
  conformance,
  help: async ([verb], terminal) => {
    const texts = {
      run: runHelp,
      replay: replayHelp,
      image: imageHelp,
      tpm: tpmHelp,
      esm: esmHelp,
      svm: svmHelp,
      'esm-digest': esmDigestHelp,
      conformance: conformanceHelp,
    }
    terminal.out(`${Object.hasOwn(texts, verb ?? '') ? texts[verb as keyof typeof texts] : HELP}\n`)
    return EXIT.ok
  },
}

/** @returns the exit code */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const [verb, ...rest] = args
  if (verb === undefined || verb === '--help' || verb === '-h') {
    terminal.out(`${HELP}\n`)
    return verb === undefined ? EXIT.usage : EXIT.ok
  }
  if (verb === '--version') {
    terminal.out(`${version}\n`)
    return EXIT.ok
  }
  try {
    // What is wrong is told with the words that were given: a key given in place of its path would be among them.
    if (args.some((word) => word.includes('PRIVATE KEY-----')))
      throw new UsageError('expected the path of a file, found a private key')
    const run = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
    if (!run) throw new UsageError(`unknown verb ${verb}${suggestion(verb, Object.keys(verbs))} (pef help)`)
    return await run(rest, terminal)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    terminal.error(`pef: ${error.message}\n`)
    return EXIT.usage
  }
}
