import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts', 'test/**/*.test.tsx'],
    exclude: ['test/engines/**', 'test/chaos/**', 'node_modules/**'],
    // Golden frames show the time of day. Stacks here live for seconds: warming each one up would take longer than it gains.
    env: { TZ: 'UTC', DYNAMO_WARM_UP: 'off' },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: two test files at once, each in its own process, so that a native crash is one file's.
    pool: 'forks',
    maxWorkers: 2,
    reporters: ['default'],
  },
});
