import type {setFlagsFromString} from 'node:v8'

/**
 * Optimizing takes longer than most runs last; hot loops of large cores still earn it (V8 11: Node 20; later ones
 * choose better). While a flag is not what it was when code was cached, V8 takes nothing from that cache, Node's own
 * included.
 */
const isOld = process.versions.v8.startsWith('11.')

function setBudget(interrupts: number): void {
  if (!isOld) return
  const v8: {setFlagsFromString: typeof setFlagsFromString} = require('node:v8')
  v8.setFlagsFromString(`--interrupt-budget=${interrupts}`)
}

let isLate = false

export function optimizeLate(): void {
  isLate = true
  setBudget(1_000_000)
}

export function optimizeAsUsual(): void {
  isLate = false
  setBudget(67_584)
}

/** Takes from a cache of compiled code, which was made with the usual flags. */
export function asUsual<Result>(take: () => Result): Result {
  const wasLate = isLate
  if (wasLate) optimizeAsUsual()
  try {
    return take()
  } finally {
    if (wasLate) optimizeLate()
  }
}
