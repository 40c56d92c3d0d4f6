/** Attacks at the crossings: what the hypervisor sees of a reflected call, and what it gives back. */
import type { Returning } from '../behaviour.ts'
import type { Hypervisor } from '../hypervisor.ts'
import { immediately, onceSecure, type Remembering, type Scenario, say } from './scenario.ts'

/** Changes the UV_RETURN after the first hypercall that a secure VM makes by itself. */
const changedReturn =
  (change: (hv: Hypervisor, registers: Returning) => void): NonNullable<Scenario['behaviour']> =>
  (): Remembering<{ when: 'before' | 'now' | 'over' }> => ({
    memory: { when: 'before' },
    before(_hv, vm, call) {
      if (this.memory.when === 'before' && vm.secureGuest.done && !call.name.startsWith('H_SVM'))
        this.memory.when = 'now'
      return immediately(undefined)
    },
    returning(hv, _vm, registers) {
      if (this.memory.when !== 'now') return
      this.memory.when = 'over'
      change(hv, registers)
    },
  })

export const callScenarios: readonly Scenario[] = [
  {
    name: 'probe-registers',
    tries: 'looks for secrets in the registers that it is shown at a hypercall',
    stoppedBy: 'reflection',
    behaviour: onceSecure((hv, _vm, call) => {
      const { cpu } = hv.parts
      // R3 and the arguments are what the call is about, R31 is the cookie.
      const shown = [0, 1, 2, ...Array.from({ length: 18 }, (_, i) => 13 + i)].filter((r) => cpu.gpr(r) !== 0n)
      const link = [cpu.lr, cpu.ctr].filter((value) => value !== 0n)
      say(
        hv,
        'probe-registers',
        `at ${call.name}: ${shown.length + link.length} registers beside the call's own are not zero` +
          (shown.length > 0 ? `: ${shown.map((r) => `R${r}`).join(', ')}` : ''),
      )
    }),
  },
  {
    name: 'forge-cookie',
    tries: 'goes back to the secure VM with a cookie that it made up',
    stoppedBy: 'UV-RTN-001',
    behaviour: changedReturn((hv, registers) => {
      registers.cookie ^= 1n
      say(hv, 'forge-cookie', `UV_RETURN with the cookie 0x${registers.cookie.toString(16)}`)
    }),
  },
  {
    name: 'other-partition',
    tries: 'goes back to the secure VM under the id of another partition',
    stoppedBy: 'UV-RTN-002',
    behaviour: changedReturn((hv, registers) => {
      registers.lpid += 1n
      say(hv, 'other-partition', `UV_RETURN with LPIDR ${registers.lpid}`)
    }),
  },
  {
    name: 'other-address',
    tries: 'lets the secure VM go on at an address of its choice',
    stoppedBy: 'UV-RTN-004',
    behaviour: changedReturn((hv, registers) => {
      registers.hsrr0 = 0x1234n
      say(hv, 'other-address', 'UV_RETURN with 0x1234 in HSRR0')
    }),
  },
  {
    name: 'pretend-share',
    tries: 'answers that it has paged a shared page in, and has not',
    stoppedBy: 'UV-SHARE-005',
    behaviour: () => ({
      answer(hv, vm, call) {
        if (call.name !== 'H_SVM_PAGE_IN' || !vm.secureGuest.done) return immediately(undefined)
        say(hv, 'pretend-share', `answers H_SVM_PAGE_IN of gpa 0x${call.args[0]!.toString(16)} with success`)
        return immediately([0n])
      },
    }),
  },
]
