import type { Reporter, TestModule } from 'vitest/node'

/**
 * Names every test that was left out at the end of a run: its title says what it needs. In continuous integration (CI=true)
 * a test that is left out is a failure: everything that a test needs is installed there.
 */
export default class LeftOutReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    if (process.env['CI'] === 'true' && !process.env['PEF_SVM_TOOL'])
      console.log(
        '\nNot part of this run: test/cli/esm-svm-tool.test.ts (PEF_SVM_TOOL); svm-tool-golden.test.ts has its records.',
      )
    const names = modules.flatMap((module) => [...module.children.allTests('skipped')].map((test) => test.fullName))
    if (names.length === 0) return
    console.log(`\nLeft out (${names.length}), with what enables each:`)
    for (const name of names) console.log(`  ${name}`)
    if (process.env['CI'] === 'true') {
      console.log('Continuous integration leaves no test out.')
      process.exitCode = 1
    }
  }
}
