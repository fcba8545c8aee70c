import {readFileSync, statSync} from 'node:fs'
import {Module} from 'node:module'
import {dirname, isAbsolute, join} from 'node:path'
import {constants, Script} from 'node:vm'
import {openCacheDirectory} from './cache-directory.ts'
import {CodeCache} from './code-cache.ts'
import {isCommandName, settleCommandLine} from './command-line.ts'
import {settleEnvironment} from './environment.ts'
import {requireLate} from './late-modules.ts'
import {optimizeAsUsual, optimizeLate} from './optimizer.ts'

/** The first line of the bundle names its content (scripts/build.mjs): V8 itself compares nothing but the length. */
const BUILD = /^\/\/ ([0-9a-f]{16})\n/

/** What the bundle exports. */
interface Bundle {
  start(root: string): Promise<void>
}

/** The program, wherever it lies. */
export interface Program {
  /** The folder of the package. */
  readonly root: string
  /** What the bundle is called, below it; no file need be there. */
  readonly file: string
  /** One byte a character. */
  readonly source: string
  /** A file that is written anew with the program. */
  readonly stamp: string
  /** From what the bundle requires; the last word is for modules of Node. */
  readonly requireFor: (bundle: Module) => NodeJS.Require
}

/** Node's own table of modules, which no type of it names. */
interface ModuleTables {
  _cache: Record<string, Module>
  _nodeModulePaths(directory: string): string[]
}

/** Runs the program of an installed package. */
export function launch(root: string): Promise<void> {
  const file = join(root, 'dist', 'main.cjs')
  return runProgram({
    root,
    file,
    // The bundler writes ASCII alone.
    source: readFileSync(file, 'latin1'),
    stamp: file,
    requireFor: bundle => {
      const {_cache, _nodeModulePaths} = Module as unknown as ModuleTables
      bundle.paths = _nodeModulePaths(dirname(file))
      _cache[file] = bundle
      return requireLate(file)
    },
  })
}

/**
 * Runs the bundle through V8's code cache: functions that the last run compiled are taken over, which halves the time
 * to start. Without a place that is safe for it, or with a damaged one, the bundle is compiled anew.
 */
export async function runProgram(program: Program): Promise<void> {
  const {root, file, source, stamp} = program
  settleEnvironment(process.env)
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...settleCommandLine(process.argv.slice(2)))
  const cache = openCodeCache(stamp, BUILD.exec(source)?.[1])
  const cachedData = cache?.read() as Buffer | undefined
  const script = new Script(Module.wrap(source), {
    filename: file,
    ...(cachedData && {cachedData}),
    importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  })
  const bundle = runBundle(script, program)
  optimizeLate()
  await bundle.start(root)
  optimizeAsUsual()
  if (cachedData === undefined || script.cachedDataRejected) cache?.replace(script.createCachedData())
}

function runBundle(script: Script, {file, requireFor}: Program): Bundle {
  const bundle = new Module(file, require.main)
  bundle.filename = file
  script.runInThisContext()(bundle.exports, requireFor(bundle), bundle, file, dirname(file))
  bundle.loaded = true
  return bundle.exports
}

/** undefined where compiled code has no place of which it is certain that only this user writes there. */
function openCodeCache(stamp: string, build: string | undefined): CodeCache | undefined {
  const uid = process.geteuid?.()
  const base = cacheHome()
  if (process.platform !== 'linux' || uid === undefined || base === undefined || build === undefined) return undefined
  const directory = openCacheDirectory(base, 'gotrace-core', uid)
  if (directory === undefined) return undefined
  const written = statSync(stamp)
  // Code compiled by another build of the same V8 can kill the process: it refers to objects by their place.
  const node = statSync(process.execPath)
  const key = [build, Math.trunc(written.mtimeMs), process.version, process.arch, node.size, Math.trunc(node.mtimeMs)]
  return new CodeCache(directory, `code-${commandName()}-${key.join('-')}`, uid)
}

/** The XDG Base Directory Specification: a path that is not absolute is not valid. Without a home there is none. */
function cacheHome(): string | undefined {
  const {XDG_CACHE_HOME: own, HOME: home = ''} = process.env
  const path = own ? own : join(home, '.cache')
  return isAbsolute(path) ? path : undefined
}

/** Each command compiles other functions, so each has a cache of its own. */
function commandName(): string {
  const name = process.argv[2]
  return isCommandName(name) ? name : 'other'
}
