import {setFlagsFromString} from 'node:v8'

/** So many things that are held are a large heap. */
export const MANY = 100_000

let isSlow = false

/**
 * Told by what has come to hold very much: from then on the heap may grow by two fifths between collections, where V8
 * lets it become several times as large as what is in use. It costs a third more time.
 */
export function growHeapSlowly(): void {
  isSlow = true
  setFlagsFromString('--heap-growing-percent=40')
}

/** At the end of a run, for the compiled code that is kept remembers the flags. */
export function growHeapAsUsual(): void {
  if (isSlow) setFlagsFromString('--heap-growing-percent=0')
  isSlow = false
}
