import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    reporters: ['default', './test/tools/left-out-reporter.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
