const common = {workerThreads: false, concurrency: 4, timeout: '20m'}

/** `npx ava test/base/errors.test.ts` reads the sources; `npm test` first bundles them all (scripts/test.mjs). */
export default process.env.BUNDLED_TESTS === undefined
  ? {...common, extensions: {ts: 'module'}, nodeArguments: ['--import=tsx'], files: ['test/**/*.test.ts']}
  : {...common, extensions: ['mjs'], files: [`${process.env.BUNDLED_TESTS}/**/*.test.mjs`]}
