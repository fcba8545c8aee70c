import {closeSync, fstatSync, openSync, readSync, statSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {openCacheHome} from '../base/cache-directory.ts'
import {forgetHeapLimit, optimizeLate} from '../base/optimizer.ts'
import {CodeCache} from './code-cache.ts'
import {asksForHelp, isCommandName, settleCommandLine} from './command-line.ts'
import {settleEnvironment} from './environment.ts'
import {requireLate} from './late-modules.ts'
import {Module} from './module-class.ts'
import type {CompiledParts} from './part-archive.ts'
import {type PartFiles, Parts} from './parts.ts'

/** The first line of main (scripts/bundle.mjs). */
export const BUILD = /^\/\/ ([0-9a-f]{16})\n/
const BUILD_LENGTH = 20
/** Of a module, before and behind its text. */
const WRAPPER = Module.wrap('\0').split('\0')

/** What the program exports. */
interface Exports {
  start(root: string): Promise<void>
}

export interface Program {
  /** The folder of the package. */
  readonly root: string
  readonly files: PartFiles
  /** A file that is written anew with the program. */
  readonly stamp: string
  /** The content of all parts in a few letters. */
  readonly build: string | undefined
  /** Compiled code of a command, of this build, that came with it: where the cache has none. */
  readonly compiledAhead?: (command: string) => CompiledParts | undefined
}

/** Node's own table of modules, which no type of it names. */
interface ModuleTables {
  _cache: Record<string, Module>
  _nodeModulePaths(directory: string): string[]
}

/** Runs the program of an installed package. */
export function launch(root: string): Promise<void> {
  const main = join(root, 'dist', 'main.cjs')
  const requireOther = (module: Module): NodeJS.Require => {
    const {_cache, _nodeModulePaths} = Module as unknown as ModuleTables
    module.paths = _nodeModulePaths(dirname(main))
    _cache[main] = module
    return requireLate(main)
  }
  return runProgram({root, files: {main, read: readWrapped, requireOther}, stamp: main, build: readBuild(main)})
}

/** The first line of main names the content of all: V8 itself compares nothing but the length of a text. */
function readBuild(main: string): string | undefined {
  const file = openSync(main, 'r')
  try {
    const line = Buffer.alloc(BUILD_LENGTH)
    readSync(file, line, 0, BUILD_LENGTH, 0)
    return BUILD.exec(line.toString('latin1'))?.[1]
  } finally {
    closeSync(file)
  }
}

/** A text in Node's wrapper of a module, put together before it becomes a string: it is not copied again. */
function readWrapped(path: string): string {
  const file = openSync(path, 'r')
  try {
    const {size} = fstatSync(file)
    const [head = '', foot = ''] = WRAPPER
    const bytes = Buffer.allocUnsafeSlow(head.length + size + foot.length)
    bytes.write(head, 'latin1')
    let done = 0
    for (let count = -1; done < size && count !== 0; done += count) {
      count = readSync(file, bytes, head.length + done, size - done, done)
    }
    bytes.write(foot, head.length + done, 'latin1')
    return bytes.toString('latin1', 0, head.length + done + foot.length)
  } finally {
    closeSync(file)
  }
}

/**
 * Runs the program through V8's code cache: functions that the last run compiled are taken over, which halves the time
 * to start. Without a place that is safe for it, or with a damaged one, the program is compiled anew.
 */
export async function runProgram({root, files, stamp, build, compiledAhead}: Program): Promise<void> {
  forgetHeapLimit([process.env.NODE_OPTIONS ?? '', ...process.execArgv])
  settleEnvironment(process.env)
  // What is kept between runs is of one build: that of another one may answer otherwise.
  if (build === undefined) delete process.env.GOTRACE_BUILD
  else process.env.GOTRACE_BUILD = build
  process.argv.splice(2, Number.POSITIVE_INFINITY, ...settleCommandLine(process.argv.slice(2)))
  optimizeLate(commandName())
  const cache = openCodeCache(stamp, build)
  const kept = cache?.read() ?? compiledAhead?.(commandName())
  const parts = new Parts(files, kept?.parts ?? new Map())
  const program = parts.start() as Exports
  await program.start(root)
  const answered = kept?.answered || hasAnswered(process.exitCode)
  if (parts.isNew || answered !== kept?.answered) cache?.replace({answered, parts: parts.compiled()})
}

/** Of a run that failed, or was asked wrongly, the code is kept until one has answered, which uses much more. */
function hasAnswered(exitCode: typeof process.exitCode): boolean {
  return ![1, 2, 70].includes(Number(exitCode))
}

/** undefined where compiled code has no place of which it is certain that only this user writes there. */
function openCodeCache(stamp: string, build: string | undefined): CodeCache | undefined {
  const home = build === undefined ? undefined : openCacheHome(process.env)
  if (!home) return undefined
  const written = statSync(stamp)
  // Code compiled by another build of the same V8 can kill the process: it refers to objects by their place.
  const node = statSync(process.execPath)
  const key = [build, Math.trunc(written.mtimeMs), process.version, process.arch, node.size, Math.trunc(node.mtimeMs)]
  return new CodeCache(home.directory, `${commandName()}-${key.join('-')}`, home.uid)
}

/** Each command compiles other functions, so each has a cache of its own; help of all of them has one. */
function commandName(): string {
  const [name, ...words] = process.argv.slice(2)
  if (!isCommandName(name)) return 'other'
  return asksForHelp(words) ? 'help' : name
}
