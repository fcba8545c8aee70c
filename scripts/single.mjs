// One executable that needs no Node: npm run build:single [FILE], by default single/gotrace-core. It holds the Node that
// runs this script, or the one that --node names.
import {execFileSync} from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import {createRequire} from 'node:module'
import {tmpdir} from 'node:os'
import {basename, dirname, join, resolve} from 'node:path'
import {fileURLToPath} from 'node:url'
import {parseArgs} from 'node:util'
import {build} from 'esbuild'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const {values, positionals} = parseArgs({options: {node: {type: 'string'}}, allowPositionals: true})
const node = resolve(values.node ?? process.execPath)
const target = resolve(positionals[0] ?? join(root, 'single', 'gotrace-core'))
/** What Node looks for in its own file: a constant of its source. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'

const require = createRequire(import.meta.url)
const decoder = dirname(require.resolve('iced-x86'))
/** What each command is asked for: what it compiles meanwhile goes with the executable. */
const TYPICAL = [
  '--help',
  'analyze --help',
  'info core.zst',
  'symbolize cfault.zst 0x48600f',
  ...['analyze', 'batch', 'cgo', 'goroutines', 'threads'].map(command => `${command} core.zst -e cfault.zst`),
]
const CASE = join(root, 'fixtures', 'cores', 'cfault-segv-go1.27')
/** Of a file of the cache: src/base/cache-file.ts, src/launch/launch.ts. */
const CACHE_HEADER_LENGTH = 8
const CODE_FILE = /^code-([a-z-]+)-[0-9a-f]{16}-/

/** Runs the program with a cache of its own. @returns [name of the asset, path] of the code compiled for each command */
function compileAhead(folder) {
  const cwd = join(folder, 'case')
  cpSync(CASE, cwd, {recursive: true, dereference: true})
  const options = {cwd, env: {HOME: folder, PATH: process.env.PATH}, stdio: ['ignore', 'ignore', 'inherit']}
  for (const words of TYPICAL) execFileSync(node, [join(root, 'bin', 'run.cjs'), ...words.split(' ')], options)
  const cache = join(folder, '.cache', 'gotrace-core')
  return readdirSync(cache).flatMap(file => {
    const command = CODE_FILE.exec(file)?.[1]
    if (command === undefined) return []
    const path = join(folder, `compiled-${command}`)
    writeFileSync(path, readFileSync(join(cache, file)).subarray(CACHE_HEADER_LENGTH))
    return [[basename(path), path]]
  })
}

const work = mkdtempSync(join(tmpdir(), 'gotrace-single-'))
try {
  const small = {bundle: true, platform: 'node', format: 'cjs', target: 'node20.19', minify: true, charset: 'ascii'}
  const main = join(work, 'single.cjs')
  await build({
    ...small,
    absWorkingDir: root,
    entryPoints: ['src/launch/single.ts'],
    outfile: main,
    logLevel: 'warning',
  })
  const iced = join(work, 'iced-x86.cjs')
  await build({...small, entryPoints: [join(decoder, 'iced_x86.js')], outfile: iced, logLevel: 'warning'})
  const parts = join(root, 'dist', 'parts')
  const texts = Object.fromEntries(readdirSync(parts).map(name => [name, join(parts, name)]))
  texts['main.cjs'] = join(root, 'dist', 'main.cjs')
  const config = {
    main,
    output: join(work, 'blob'),
    disableExperimentalSEAWarning: true,
    assets: {
      ...texts,
      ...Object.fromEntries(compileAhead(work)),
      'iced-x86.cjs': iced,
      'iced-x86.wasm': join(decoder, 'iced_x86_bg.wasm'),
    },
  }
  writeFileSync(join(work, 'config.json'), JSON.stringify(config))
  execFileSync(node, ['--experimental-sea-config', join(work, 'config.json')], {stdio: ['ignore', 'ignore', 'inherit']})
  const program = join(work, 'gotrace-core')
  copyFileSync(node, program)
  chmodSync(program, 0o755)
  const {inject} = require('postject')
  await inject(program, 'NODE_SEA_BLOB', readFileSync(join(work, 'blob')), {sentinelFuse: FUSE})
  mkdirSync(dirname(target), {recursive: true})
  rmSync(target, {force: true})
  copyFileSync(program, target)
  chmodSync(target, 0o755)
} finally {
  rmSync(work, {recursive: true, force: true})
}
