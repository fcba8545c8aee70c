import {type Stats, statSync} from 'node:fs'

/**
 * What is at a path; undefined where nothing can be used there: no such file, a file in place of a folder above it, a
 * loop of links, a folder that may not be entered, a name that no file can have.
 */
export function pathStats(path: string): Stats | undefined {
  try {
    // The usual answer of a search, which would cost an error with its stack each time.
    return statSync(path, {throwIfNoEntry: false})
  } catch {
    return undefined
  }
}
