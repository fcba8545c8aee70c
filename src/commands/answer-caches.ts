import {AnswerCache} from '../acquire/answer-cache.ts'
import {type CacheHome, openCacheHome} from '../base/cache-directory.ts'
import {Module} from '../elf/module.ts'
import {KeptFrames} from '../symbolize/kept-frames.ts'

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
  const build = process.env.GOTRACE_BUILD
  const isUsed = build !== undefined && !flags['no-cache']
  let home: CacheHome | undefined
  const words = [build ?? '', kind, flags['no-demangle'] ? 'mangled' : 'demangled']
  return module => {
    if (isUsed) home ??= openCacheHome(process.env)
    return AnswerCache.of(module, words, home)
  }
}

/** What earlier runs found of the frames of cores. */
export function keptFrames(flags: CacheFlags): KeptFrames {
  const cacheOf = answerCaches(flags, 'frames')
  return new KeptFrames(module => (module instanceof Module ? cacheOf(module) : undefined))
}
