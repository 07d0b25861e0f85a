import { defineConfig } from 'vitest/config';

// Real stacks under faults (`npm run test:chaos`): one part at a time, for as long as it is asked to go on.
export default defineConfig({
  test: {
    include: ['test/chaos/**/*.test.ts'],
    env: { DYNAMO_WARM_UP: 'off' },
    testTimeout: 4 * 3_600_000,
    hookTimeout: 60_000,
    pool: 'forks',
    maxWorkers: 1,
    fileParallelism: false,
  },
});
