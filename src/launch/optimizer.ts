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

export function optimizeLate(): void {
  setBudget(1_000_000)
}

export function optimizeAsUsual(): void {
  setBudget(67_584)
}
