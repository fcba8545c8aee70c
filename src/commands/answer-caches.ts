import {AnswerCache} from '../acquire/answer-cache.ts'
import {type CacheHome, openCacheHome} from '../base/cache-directory.ts'
import {CacheFile, type CacheLimits} from '../base/cache-file.ts'
import {Module} from '../elf/module.ts'
import {KeptCode} from '../symbolize/kept-code.ts'
import {KeptFrames, LastingTables} from '../symbolize/kept-frames.ts'
import type {LastingFrames} from '../triage/core-line.ts'

/** Files of what code names; each is of some 50 kB. */
const CODE = 'operands-'
const CODE_LIMITS: CacheLimits = {days: 30, files: 64, bytes: 16 * 1024 * 1024}
const ID_LENGTH = 40

interface CacheFlags {
  readonly 'no-cache'?: boolean
  readonly 'no-demangle'?: boolean
}

/**
 * Where a module's answers are kept: those of this very build of the program, for another one may answer otherwise.
 * @param kind one that is large is not read for a few addresses
 */
export function answerCaches(
  flags: CacheFlags,
  kind: 'ranges' | 'frames',
): (module: Module) => AnswerCache | undefined {
  const {homeOf, words} = cachePlace(flags, kind)
  return module => {
    const home = homeOf()
    // In any case: what is told of debug files is told before all else, with a cache and without.
    const cache = AnswerCache.of(module, words, home)
    return home && cache
  }
}

function cachePlace(flags: CacheFlags, kind: string): {homeOf: () => CacheHome | undefined; words: readonly string[]} {
  const build = process.env.GOTRACE_BUILD
  const isUsed = build !== undefined && !flags['no-cache']
  let home: {opened: CacheHome | undefined} | undefined
  const homeOf = (): CacheHome | undefined => {
    if (isUsed) home ??= {opened: openCacheHome(process.env)}
    return home?.opened
  }
  return {homeOf, words: [build ?? '', kind, flags['no-demangle'] ? 'mangled' : 'demangled']}
}

/** What earlier runs found of the frames of cores. */
export function keptFrames(flags: CacheFlags): KeptFrames {
  const cacheOf = answerCaches(flags, 'frames')
  return new KeptFrames(module => (module instanceof Module ? cacheOf(module) : undefined), undefined, keptCode(flags))
}

/** What earlier runs found in the code of programs: a file for each build ID, which says itself of which code. */
function keptCode(flags: CacheFlags): KeptCode {
  const {homeOf, words} = cachePlace(flags, CODE)
  return new KeptCode(module => {
    const {buildId, goBuildId = ''} = module.image ?? {}
    const id = buildId ?? Buffer.from(goBuildId).toString('hex')
    if (id === '') return undefined
    const home = homeOf()
    const name = `${CODE}${words[0]}-${id.slice(0, ID_LENGTH)}`
    const file = home && new CacheFile(home.directory, name, home.uid)
    return {key: name, read: () => file?.read(), write: bytes => file?.replace([bytes], CODE, CODE_LIMITS)}
  })
}

/** For each core of a process: what earlier runs found, and the cores before it, whether there is a cache or not. */
export function lastingFrames(): LastingFrames {
  const tables = new LastingTables()
  const code = keptCode({})
  const places = [false, true].map(isDemangled => cachePlace({'no-demangle': !isDemangled}, 'frames'))
  return {
    of: isDemangled => {
      const {homeOf, words} = places[Number(isDemangled)] as ReturnType<typeof cachePlace>
      const open = (module: Module): AnswerCache | undefined => AnswerCache.of(module, words, homeOf())
      return new KeptFrames(module => (module instanceof Module ? open(module) : undefined), tables, code)
    },
    drop: () => tables.clear(),
  }
}
