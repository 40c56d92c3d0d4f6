/** Attacks on what is loaded, and on what UV_ESM gets while it verifies. */
import { findNode } from '../../../../server/esm/fdt.ts'
import type { Behaviour } from '../behaviour.ts'
import { immediately, type Remembering, type Scenario, say } from './scenario.ts'

const answering =
  (name: string, code: bigint, scenario: string): NonNullable<Scenario['behaviour']> =>
  (): Behaviour => ({
    answer(hv, _vm, call) {
      if (call.name !== name) return immediately(undefined)
      say(hv, scenario, `answers ${name} with ${code} and does nothing`)
      return immediately([code])
    },
  })

const H_PARAMETER = -4n

export const imageScenarios: readonly Scenario[] = [
  {
    name: 'alter-bootargs',
    tries: 'adds an argument to the kernel command line between build and load',
    stoppedBy: 'ESM057',
    interventions: {
      deviceTree(tree) {
        const chosen = findNode(tree, '/chosen')!
        const text = new TextDecoder().decode(chosen.properties.get('bootargs') ?? new Uint8Array(0)).replace(/\0$/, '')
        chosen.properties.set('bootargs', new TextEncoder().encode(`${text} init=/bin/sh\0`))
      },
    },
  },
  {
    name: 'patch-kernel',
    tries: 'changes one byte of the kernel after it was loaded',
    stoppedBy: 'ESM054',
    interventions: {
      guestLoaded({ read, write, kernelBase, kernelBytes }) {
        const at = kernelBase + BigInt(kernelBytes - 8)
        write(at, Uint8Array.of(read(at, 1)[0]! ^ 1))
      },
    },
  },
  {
    name: 'truncate-initrd',
    tries: 'tells the kernel of an initrd that is shorter than the one that was hashed',
    stoppedBy: 'ESM056',
    interventions: { initrdBytes: (bytes) => bytes - 1 },
  },
  {
    name: 'same-page-twice',
    tries: 'hands the page of the first frame in for every other frame too',
    // In place of the initrd UV_ESM finds the device tree again.
    stoppedBy: 'ESM070',
    behaviour: (): Remembering<{ first: bigint | undefined }> => ({
      memory: { first: undefined },
      pageFor(hv, vm, gpa, page) {
        this.memory.first ??= page
        const { first } = this.memory
        if (page !== first && !vm.secureGuest.done)
          say(hv, 'same-page-twice', `hands real address 0x${first.toString(16)} in as gpa 0x${gpa.toString(16)} too`)
        return vm.secureGuest.done ? page : first
      },
    }),
  },
  {
    name: 'never-page-in',
    tries: 'answers H_SVM_PAGE_IN with an error, always',
    stoppedBy: 'UV-ESM-007',
    behaviour: answering('H_SVM_PAGE_IN', H_PARAMETER, 'never-page-in'),
  },
  {
    name: 'pretend-page-in',
    tries: 'answers H_SVM_PAGE_IN with success and pages nothing in',
    stoppedBy: 'UV-ESM-007',
    behaviour: answering('H_SVM_PAGE_IN', 0n, 'pretend-page-in'),
  },
  {
    name: 'refuse-init',
    tries: 'does not let the VM become secure: H_SVM_INIT_START fails',
    stoppedBy: 'UV-ESM-006',
    behaviour: () => ({
      answer(hv, vm, call) {
        if (call.name !== 'H_SVM_INIT_START') return immediately(undefined)
        // As KVM, which sets its flag before any check: the answer has to go back by UV_RETURN.
        vm.secureGuest.started = true
        say(hv, 'refuse-init', 'answers H_SVM_INIT_START with H_PARAMETER')
        return immediately([H_PARAMETER])
      },
    }),
  },
  {
    name: 'refuse-done',
    tries: 'does not let the transition end: H_SVM_INIT_DONE fails',
    stoppedBy: 'UV-ESM-015',
    behaviour: answering('H_SVM_INIT_DONE', H_PARAMETER, 'refuse-done'),
  },
  {
    name: 'alter-tpm-response',
    tries: "flips a bit in the TPM's responses on their way to the ultravisor",
    stoppedBy: 'ESM131',
    behaviour: () => ({
      tpmResponse(_request, response) {
        const altered = response.slice()
        altered[altered.length - 1]! ^= 1
        return altered
      },
    }),
  },
  {
    name: 'drop-tpm-response',
    tries: "does not deliver the TPM's responses",
    stoppedBy: 'ESM135',
    behaviour: () => ({ tpmResponse: () => undefined }),
  },
]
