/** Everything that may notice that a check of the ultravisor is gone, as the bundle that the mutation script runs. */
import { isDeepStrictEqual } from 'node:util'
import { Bench } from '../../../debug-adapter/conformance/bench.ts'
import { conformanceCases, runCase } from '../../../debug-adapter/conformance/suite.ts'
import { scenarios } from '../../../debug-adapter/machine/hypervisor/scenarios/index.ts'
import { type Quirk, quirkNames } from '../../../debug-adapter/machine/ultravisor/quirks.ts'
import { nodeCrypto } from '../../../server/esm/crypto/node.ts'
import { untilEsm } from '../../esm-fixtures/run.ts'
import { bad, changeOf, wrongWith } from '../../esm-fixtures/verdict.ts'
import { quirkRows } from '../../machine/quirk-table.ts'
import { endOf, endsAsNamed } from '../../machine/scenario-end.ts'

export interface Observer {
  readonly name: string
  /** @returns whether all is as it should be; throwing says no, too */
  readonly run: () => boolean
}

function quirkIs(quirk: Quirk, on: boolean): boolean {
  const { observe, sane, real, start = 'secure', config } = quirkRows[quirk]
  const bench = new Bench({ crypto: nodeCrypto, start, config: { ...config, quirks: on ? [quirk] : [] } })
  return isDeepStrictEqual(observe(bench), on ? real : sane) && bench.failures.length === 0
}

export const pool: readonly Observer[] = [
  ...conformanceCases.map((one) => ({ name: one.id, run: () => runCase(one, nodeCrypto).result === 'pass' })),
  ...quirkNames.flatMap((quirk) => [
    { name: `without ${quirk}`, run: () => quirkIs(quirk, false) },
    { name: `with ${quirk}`, run: () => quirkIs(quirk, true) },
  ]),
  ...[...scenarios.values()].map((scenario) => ({
    name: `scenario ${scenario.name}`,
    run: () => endsAsNamed(scenario, endOf(scenario)),
  })),
  ...[...bad.cases, ...bad.guest].map((one) => ({
    name: `operand ${one.id}`,
    run: () => wrongWith(untilEsm(changeOf(one)), one).length === 0,
  })),
]
