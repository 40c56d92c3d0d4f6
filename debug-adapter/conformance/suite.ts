import type { CryptoProvider } from '../../server/esm/crypto/provider.ts'
import { Bench } from './bench.ts'
import type { ConformanceCase } from './case.ts'
import { callerCases } from './cases/callers.ts'
import { dispatchCases } from './cases/dispatch.ts'
import { esmCases } from './cases/esm.ts'
import { esmQuirkCases } from './cases/esm-quirks.ts'
import { esmRefusalCases } from './cases/esm-refusals.ts'
import { esmTreeCases } from './cases/esm-tree.ts'
import { faultCases } from './cases/faults.ts'
import { fileCases } from './cases/files.ts'
import { hypercallCases } from './cases/hypercalls.ts'
import { pageLifeCases } from './cases/page-life.ts'
import { pageStateCases } from './cases/page-states.ts'
import { pageCases } from './cases/pages.ts'
import { partitionCases } from './cases/partition.ts'
import { reflectionCases } from './cases/reflection.ts'
import { returnCases } from './cases/return.ts'
import { serviceCases } from './cases/services.ts'
import { shareCases } from './cases/share.ts'
import { translationCases } from './cases/translations.ts'
import { withdrawnCases } from './cases/withdrawn.ts'

/** Every case, by row of the matrix. */
export const conformanceCases: readonly ConformanceCase[] = [
  ...dispatchCases,
  ...callerCases,
  ...partitionCases,
  ...pageCases,
  ...pageLifeCases,
  ...pageStateCases,
  ...shareCases,
  ...faultCases,
  ...returnCases,
  ...reflectionCases,
  ...esmCases,
  ...esmRefusalCases,
  ...esmQuirkCases,
  ...esmTreeCases,
  ...hypercallCases,
  ...fileCases,
  ...serviceCases,
  ...withdrawnCases,
  ...translationCases,
].sort((a, b) => (a.id < b.id ? -1 : 1))

export interface CaseResult {
  readonly id: string
  readonly title: string
  readonly result: 'pass' | 'fail'
  readonly source: string
  /** What was observed; of a failed case, first what was wrong. */
  readonly detail: string
}

/**
 * Runs one case on a machine of its own.
 * @param look sees the machine when the case is done
 */
export function runCase(
  test: ConformanceCase,
  crypto: CryptoProvider,
  look: (bench: Bench) => void = () => {},
): CaseResult {
  const { id, title, source } = test
  const config = { ...test.config, ...(test.quirks.length > 0 && { quirks: test.quirks }) }
  try {
    const bench = new Bench({ crypto, config, start: test.start })
    test.run(bench)
    look(bench)
    const nothing = bench.observed.length + bench.failures.length === 0
    const failures = nothing ? ['the case checked nothing'] : bench.failures
    const detail = [...failures, ...bench.observed].join('; ')
    return { id, title, source, result: failures.length === 0 ? 'pass' : 'fail', detail }
  } catch (error) {
    return {
      id,
      title,
      source,
      result: 'fail',
      detail: `the emulator threw ${error instanceof Error ? error.stack : error}`,
    }
  }
}
