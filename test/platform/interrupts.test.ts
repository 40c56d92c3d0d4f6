import { describe, expect, test } from 'vitest'
import { H } from '../../debug-adapter/machine/platform/hcall-table.ts'
import { SOURCE } from '../../debug-adapter/machine/platform/interrupts/sources.ts'
import { RTAS_TOKENS as T } from '../../debug-adapter/machine/platform/rtas-tokens.ts'
import { RtasBench } from './guest.ts'

const OPEN = 0xffn
const MESSAGE = SOURCE.message
const LEVEL = SOURCE.pciLevel

function bench() {
  const rtas = new RtasBench()
  return { rtas, presenter: rtas.presenter }
}

function opened(...sources: readonly (readonly [number, number])[]) {
  const { rtas, presenter } = bench()
  presenter.setPriority(OPEN)
  for (const [source, priority] of sources) rtas.call(T['ibm,set-xive'], [source, 0, priority])
  return { rtas, presenter }
}

describe('XICS', () => {
  test('a message is presented once, at its priority, and masks its own', () => {
    const { presenter } = opened([MESSAGE, 5])
    expect(presenter.pending).toBe(false)
    presenter.pulse(MESSAGE)
    expect(presenter.pending).toBe(true)
    expect(presenter.accept()).toBe((OPEN << 24n) | BigInt(MESSAGE))
    expect(presenter.pending).toBe(false)
    presenter.pulse(MESSAGE)
    expect(presenter.pending).toBe(false)
    expect(presenter.end((OPEN << 24n) | BigInt(MESSAGE))).toBe(H.SUCCESS)
    // The second one came while the first was in service.
    expect(presenter.pending).toBe(true)
    presenter.end(presenter.accept())
    expect(presenter.pending).toBe(false)
  })

  test('a level asks again after its end for as long as the line is up', () => {
    const { presenter } = opened([LEVEL, 5])
    presenter.setLevel(LEVEL, true)
    const first = presenter.accept()
    expect(first & 0xff_ffffn).toBe(BigInt(LEVEL))
    expect(presenter.pending).toBe(false)
    presenter.end(first)
    expect(presenter.pending).toBe(true)
    const again = presenter.accept()
    presenter.setLevel(LEVEL, false)
    presenter.end(again)
    expect(presenter.pending).toBe(false)
  })

  test('the most favoured comes first, and interrupts a less favoured one', () => {
    const { presenter } = opened([MESSAGE, 7], [MESSAGE + 1, 3])
    presenter.pulse(MESSAGE)
    const outer = presenter.accept()
    presenter.pulse(MESSAGE + 1)
    const inner = presenter.accept()
    expect(inner).toBe((7n << 24n) | BigInt(MESSAGE + 1))
    presenter.setRequest(0n, 3n)
    expect(presenter.pending).toBe(false)
    presenter.end(inner)
    expect(presenter.poll().xirr).toBe((7n << 24n) | BigInt(SOURCE.ipi))
    presenter.end(outer)
    expect(presenter.accept() & 0xff_ffffn).toBe(BigInt(SOURCE.ipi))
  })

  test('what comes while a source is masked is not lost', () => {
    const { rtas, presenter } = opened([MESSAGE, 5])
    rtas.call(T['ibm,int-off'], [MESSAGE])
    presenter.pulse(MESSAGE)
    expect(presenter.pending).toBe(false)
    expect(rtas.call(T['ibm,get-xive'], [MESSAGE], 3)).toMatchObject({ status: 0, results: [0, 0xff] })
    rtas.call(T['ibm,int-on'], [MESSAGE])
    expect(rtas.call(T['ibm,get-xive'], [MESSAGE], 3)).toMatchObject({ status: 0, results: [0, 5] })
    expect(presenter.pending).toBe(true)
    presenter.setPriority(5n)
    expect(presenter.pending).toBe(false)
  })

  test('the services refuse sources, servers and priorities that there are not', () => {
    const { rtas } = bench()
    expect(rtas.call(T['ibm,set-xive'], [SOURCE.end, 0, 5]).status).toBe(-3)
    expect(rtas.call(T['ibm,set-xive'], [MESSAGE, 1, 5]).status).toBe(-3)
    expect(rtas.call(T['ibm,set-xive'], [MESSAGE, 0, 0x100]).status).toBe(-3)
    expect(rtas.call(T['ibm,get-xive'], [3], 3).status).toBe(-3)
    expect(rtas.call(T['ibm,int-on'], [0]).status).toBe(-3)
    expect(rtas.call(T['ibm,int-off'], [0]).status).toBe(-3)
  })
})
