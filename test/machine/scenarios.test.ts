/** Every hostile hypervisor of the library against the sample image: it ends in the rule that it names, and the log says what it did. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { checkAttributes } from '../../debug-adapter/attributes.ts'
import { scenarios } from '../../debug-adapter/machine/hypervisor/scenarios/index.ts'
import { quirkNames } from '../../debug-adapter/machine/ultravisor/quirks.ts'
import { pefHere } from '../cli/esm-tool.ts'
import { holds } from './sample.ts'
import { endOf, endsAsNamed } from './scenario-end.ts'

const sample = new URL('../guests/hello-svm/pef.json', import.meta.url).pathname
const secret = new TextEncoder().encode('the hypervisor must not read this\0')
describe('each scenario', () => {
  test('there are more than the twelve that a library begins with', () => expect(scenarios.size).toBeGreaterThan(20))

  test.each([...scenarios.values()])('$name ends in $stoppedBy', (scenario) => {
    const end = endOf(scenario)
    const { machine } = end
    expect(endsAsNamed(scenario, end), `${end.rules.join(', ')}; ${end.lastAction}; ${machine.end?.reason}`).toBe(true)
    // What the hypervisor does stands in the log before the rule that stops it.
    const said = machine.trace.of('scenario')
    expect(said.every((record) => record.name === scenario.name)).toBe(true)
    expect(said[0]!.seq).toBeLessThan(machine.trace.of('refusal')[0]?.seq ?? Infinity)
    // The secret of the guest was never in normal memory; its text in the kernel image is there as long as the VM is a normal one.
    if (machine.esm?.outcome === 'secure') expect(holds(machine, 'normal', secret)).toBe(false)
  })
})

describe('named by the user', () => {
  test('pef run --scenario, with its name in the walk', async () => {
    const { code, out } = await pefHere(['run', sample, '--scenario', 'swap-pages'])
    expect(code).toBe(0)
    expect(out).toContain('scenario swap-pages: the hypervisor swaps the ciphertexts of two frames')
    expect(out).toMatch(/refused by the ultravisor: UV-PAGE-007/)
  })

  test('--scenario list and --quirks list name all of them', async () => {
    const { out } = await pefHere(['run', '--scenario', 'list'])
    expect(
      out
        .trim()
        .split('\n')
        .map((line) => line.split(' ')[0]),
    ).toEqual([...scenarios.keys()])
    expect((await pefHere(['run', '--quirks', 'list'])).out.match(/^Q\d\d/gm)).toEqual(quirkNames)
  })

  test('--quirks changes what the ultravisor does: R3 of UV_SHARE_PAGE keeps the number of the call with Q09', async () => {
    const console = async (...args: string[]) =>
      JSON.parse((await pefHere(['run', sample, '--json', ...args])).out).console
    expect(await console()).toContain('UV_SHARE_PAGE = 0\n')
    expect(await console('--quirks', 'Q09')).toContain(`UV_SHARE_PAGE = ${0xf130}\n`)
  })

  test('with Q29 a command line that was not hashed is a warning: the VM becomes secure', async () => {
    const json = async (...args: string[]) =>
      JSON.parse((await pefHere(['run', sample, '--append', 'console=hvc0 svm=on x', '--json', ...args])).out)
    expect(await json()).toMatchObject({ outcome: 'refused', rules: ['ESM057'] })
    const warned = await json('--quirks', 'Q29')
    expect(warned).toMatchObject({ outcome: 'secure', rules: ['ESM057'] })
    expect(warned.console).toContain('hello-svm: done')
    const walk = await pefHere(['run', sample, '--append', 'console=hvc0 svm=on x', '--quirks', 'Q29'])
    expect(walk.out).toContain('ESM137')
  })

  test.each([
    [['--scenario', 'swap-page'], 'did you mean "swap-pages"?'],
    [['--quirks', 'Q29,Q99'], 'quirk "Q99": expected some of Q01'],
    [['--quirks', 'Q15'], 'here it cannot fail once it has begun'],
  ])('%j is refused', async (args, message) => {
    const { code, error } = await pefHere(['run', sample, ...args])
    expect([code, error]).toEqual([2, expect.stringContaining(message)])
  })

  test('the schemas of launch.json and pef.json offer exactly those that there are', () => {
    const read = (path: string) => JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8'))
    const launch = read('package.json').contributes.debuggers[0].configurationAttributes.launch.properties
    for (const { hypervisor, quirks } of [launch, read('media/pef-image.schema.json').properties]) {
      const offered = hypervisor.properties.scenario
      expect(offered.enum).toEqual([...scenarios.keys()])
      expect(offered.enumDescriptions).toEqual(
        [...scenarios.values()].map(({ tries, stoppedBy }) => `It ${tries}. Stopped by ${stoppedBy}.`),
      )
      expect(quirks.anyOf[1].items.enum).toEqual(quirkNames)
    }
  })

  test.each([
    [{ hypervisor: 'x' }, 'an object such as'],
    [{ hypervisor: { scenaro: 'x' } }, 'hypervisor.scenaro'],
    [{ hypervisor: { scenario: 1 } }, 'one of read-secure-memory'],
    [{ quirks: 'all' }, '"sane", "faithful"'],
  ])('%j names what is accepted', (attributes, message) =>
    expect(() => checkAttributes({ kernel: 'k', ...attributes })).toThrow(message),
  )
})
