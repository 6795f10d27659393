import { defineConfig, mergeConfig } from 'vitest/config'
import dashboard from './vite.config.ts'

// Apart from what builds the dashboard: who only uses it installs none of this.
export default mergeConfig(
  dashboard,
  defineConfig({
    test: {
      environment: 'jsdom',
      globals: true,
      setupFiles: ['src/test/setup.ts'],
      include: ['src/**/*.test.{ts,tsx}'],
      css: { modules: { classNameStrategy: 'non-scoped' } },
      maxWorkers: 1,
      // A window of its own for each file costs more than all of the tests; what a test leaves behind is cleared after it.
      isolate: false,
      // How long a test takes says more about what else the machine does.
      testTimeout: 30_000,
      restoreMocks: true,
      unstubGlobals: true,
    },
  }),
)
