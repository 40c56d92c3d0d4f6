import { defineConfig } from 'vitest/config'

// IBM's svm-tool is in no package registry: CI compares with it only where a checkout is named, else with what it was recorded
// to do (test/cli/svm-tool-golden.test.ts). The reporter says so.
const withoutSvmTool = process.env['CI'] === 'true' && !process.env['PEF_SVM_TOOL']

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['node_modules/**', ...(withoutSvmTool ? ['test/cli/esm-svm-tool.test.ts'] : [])],
    reporters: ['default', './test/tools/left-out-reporter.ts'],
    // Most of the time goes into tests that compute: all processors, not all but one.
    maxWorkers: '100%',
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
