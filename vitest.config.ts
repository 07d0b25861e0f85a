import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    exclude: ['test/engines/**', 'node_modules/**'],
    // Golden frames show the time of day.
    env: { TZ: 'UTC' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: two test files at once, each in its own process, so that a native crash is one file's.
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default'],
  },
});
