import { defineConfig } from 'vitest/config';

// Tests with a heavy install (vLLM on CPU, agent CLIs): one at a time, with long patience.
export default defineConfig({
  test: {
    include: ['test/engines/**/*.test.ts'],
    globalSetup: ['test/engines/support/global-setup.ts'],
    testTimeout: 600_000,
    hookTimeout: 900_000,
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
  },
});
