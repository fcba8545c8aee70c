import {rmSync} from 'node:fs'
import {readdir, readFile} from 'node:fs/promises'
import {join} from 'node:path'
import {pathToFileURL} from 'node:url'
import {build} from 'esbuild'

/** Where the tests lie as JavaScript, below the root of the repository; the AVA configuration names it too. */
export const BUNDLED_TESTS = '.cache/tests'

/**
 * Bundles all test files with what they import, parts in common in files of their own. A test file translated as it
 * loads takes a second of CPU before its first test, and there are nearly two hundred.
 * @param root of the repository
 */
export async function bundleTests(root) {
  const outdir = join(root, BUNDLED_TESTS)
  rmSync(outdir, {recursive: true, force: true})
  const files = await readdir(join(root, 'test'), {recursive: true})
  await build({
    absWorkingDir: root,
    entryPoints: files.filter(file => file.endsWith('.test.ts')).map(file => join('test', file)),
    outdir,
    outbase: 'test',
    bundle: true,
    splitting: true,
    platform: 'node',
    format: 'esm',
    target: 'node20.19',
    packages: 'external',
    outExtension: {'.js': '.mjs'},
    sourcemap: 'linked',
    sourcesContent: false,
    logLevel: 'warning',
    plugins: [ownAddress],
  })
}

/** A module in a bundle finds what lies beside its source. */
const ownAddress = {
  name: 'own-address',
  setup({onLoad}) {
    onLoad({filter: /\.ts$/}, async ({path}) => {
      const source = await readFile(path, 'utf8')
      return {contents: source.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href)), loader: 'ts'}
    })
  },
}

/** What AVA is to run for an argument that names a test file. */
export function bundledName(argument) {
  return argument.replace(/^(?:\.\/)?test\/(.*)\.ts$/, `${BUNDLED_TESTS}/$1.mjs`)
}
