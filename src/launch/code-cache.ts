import {CacheFile, type CacheLimits} from '../base/cache-file.ts'
import {type CompiledParts, packParts, unpackParts} from './part-archive.ts'

const KIND = 'code-'
/** Of other builds and commands; all of them are small. */
const LIMITS: CacheLimits = {days: 7, files: 33, bytes: Number.POSITIVE_INFINITY}

/**
 * The compiled code of one command in a file. V8 executes what it is given without a look at it, so what was damaged
 * must not reach it: one in three damaged caches made the process die of a signal, for ever.
 */
export class CodeCache {
  readonly #file: CacheFile

  /** @param directory as `openCacheDirectory` gave it; nobody but this user writes there */
  constructor(directory: string, name: string, uid: number) {
    this.#file = new CacheFile(directory, KIND + name, uid)
  }

  /** undefined when there is none, or it is not as it was written. */
  read(): CompiledParts | undefined {
    const data = this.#file.read()
    try {
      return data && unpackParts(data)
    } catch {
      return undefined
    }
  }

  /** Puts them in the place of what is there. A cache that cannot be written costs time, nothing else. */
  replace(parts: CompiledParts): void {
    this.#file.replace([packParts(parts)], KIND, LIMITS)
  }
}
