/** Removals that make no difference to anybody, and why. One that is noticed, or gone from the source, is an error. */
const SHOWN = 'it makes a step for the debugger only where there is something to see'
const TYPES = 'it tells the compiler what the state says already'
const DEFENCE = 'what it wipes is wiped again when the SVM is destroyed, and nobody can read it in between'
const WIPED = 'what is free was wiped when it was given up'
const FLUSHED = 'nothing that the processor may remember has become wrong'

export const equivalent = {
  'calls.ts writePateSteps: uv.parts.cpu.flushTranslations()':
    'the registers that the caller gets back forget translations as well',
  'esm-run.ts #fetch: missing.length > 0': SHOWN,
  'pin.ts pinReserved: missing() === undefined': SHOWN,
  'esm-verify.ts verifySteps: ruleNumber(f) >= 20': 'those below are logged by then, and nothing is logged twice',
  'esm-verify.ts verifySteps: !operand': TYPES,
  'esm-verify.ts verifySteps: run.judge(stage(40, 60))': 'what is wrong there does not open, and says the same',
  'esm.ts transition: cpu.flushTranslations()': FLUSHED,
  'ultravisor.ts #boot: this.memory.fill(this.#partitionTable, 0, Number(PARTITION_TABLE_BYTES))':
    'memory is zero when the machine is switched on',
  'ultravisor.ts takePage: ra !== undefined': WIPED,
  'ultravisor.ts takePage: this.clear(ra, 0x20_0000)': WIPED,
  'esm.ts restorePseudoShared: hvPage === undefined': TYPES,
  "esm.ts restorePseudoShared: state !== 'PSEUDO_SHARED'":
    'no other frame that is shared while UV_ESM runs was paged in',
  'esm.ts restorePseudoShared: !svm.pagedIn.has(gfn)': 'the RTAS area is paged in before it is shared',
  'esm.ts steps: eraseReserved(uv, svm)': DEFENCE,
  'lockbox.ts eraseReserved: page !== undefined': DEFENCE,
  'lockbox.ts eraseReserved: uv.clear(page, PAGE_BYTES)': DEFENCE,
  'lockbox.ts pem: writePublicKeyPem(unwrapped.publicKey)': 'a PEM file is never empty',
  'exceptions.ts allowed: !hypervisor #2': 'S=1 and HV=1 is the ultravisor, which is stopped before',
  'faults.ts secureFault: svm': TYPES,
  'mmio.ts fetch: memory.offsetOf(ra, 4) < 0': 'what is mapped is memory that is there',
  'page-in-bitmap.ts note: this.page === undefined':
    'without a page for the bitmap there is none for a slot, and UV_ESM ends before',
  'page-inval.ts invalidateSteps: hvPage !== undefined': 'a page that is undefined is as good as none',
  'page-in.ts decryptIn: uv.parts.cpu.flushTranslations()': FLUSHED,
  'slots.ts registerSteps: uv.parts.cpu.flushTranslations()': FLUSHED,
  "svm.ts setState: state === 'SECURE'": 'no record of a frame says the same as a record that it is secure',
  'slots.ts mapSlot: !(error instanceof RangeError)': 'a page table throws nothing else',
  'esm-verify.ts copyFiles: uv.parts.memory.offsetOf(page, copied.length) < 0':
    'with Q49 alone, and files that end behind secure memory: writing them stops the machine as well',
}
