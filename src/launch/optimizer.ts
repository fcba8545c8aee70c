import type {setFlagsFromString} from 'node:v8'

/**
 * Optimizing takes longer than most runs last; hot loops of large cores still earn it (V8 11: Node 20; later ones
 * choose better), and so does a decoder in wasm that unpacks many megabytes which are not zeros. Marking the heap piece
 * by piece, as for a program that must answer meanwhile, costs some percent of a short run, and nothing waits here for
 * the end of a whole collection. While a flag is not what it was when code was cached, V8 takes nothing from that
 * cache: ours is made and used with these flags, Node's own with the usual ones.
 */
const isOld = process.versions.v8.startsWith('11.')

function setFlags(...flags: readonly string[]): void {
  if (!isOld) return
  const v8: {setFlagsFromString: typeof setFlagsFromString} = require('node:v8')
  for (const flag of flags) v8.setFlagsFromString(flag)
}

let isLate = false

export function optimizeLate(): void {
  isLate = true
  setFlags('--interrupt-budget=1000000', '--wasm-tiering-budget=300000000', '--no-incremental-marking')
}

function optimizeAsUsual(): void {
  isLate = false
  setFlags('--interrupt-budget=67584', '--wasm-tiering-budget=1800000', '--incremental-marking')
}

/** What a run with much to hold has set (base/heap-growth.ts) is undone, for compiled code remembers the flags. */
export function growHeapAsUsual(): void {
  const v8: {setFlagsFromString: typeof setFlagsFromString} = require('node:v8')
  v8.setFlagsFromString('--heap-growing-percent=0')
}

/** Takes from Node's own cache of compiled code, which was made with the usual flags. */
export function asUsual<Result>(take: () => Result): Result {
  const wasLate = isLate
  if (wasLate) optimizeAsUsual()
  try {
    return take()
  } finally {
    if (wasLate) optimizeLate()
  }
}
