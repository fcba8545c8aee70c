import {setFlagsFromString} from 'node:v8'
import {runInNewContext} from 'node:vm'

let collect: (() => void) | undefined

/**
 * Frees what nothing refers to any more. V8 does so by itself, but first when a gigabyte has come together, where much
 * was kept for a while and let go at once.
 */
export function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
    // Code that is compiled from now on is kept for runs without the flag.
    setFlagsFromString('--no-expose-gc')
  }
  collect()
}
