import type {setFlagsFromString} from 'node:v8'

/**
 * Optimizing takes longer than most runs last; hot loops of large cores still earn it (V8 11: Node 20; later ones
 * choose better), and so does a decoder in wasm that unpacks many megabytes which are not zeros. Marking the heap
 * piece by piece, as for a program that must answer meanwhile, costs some percent of a short run, and nothing waits
 * here for the end of a whole collection. A regular expression becomes machine code when it was used a hundred times,
 * not at the second, and the code that runs until then is not made shorter. While a flag is not what it was when code
 * was cached, V8 takes nothing from that cache: ours is made and used with these flags, Node's own with the usual
 * ones.
 */
const isOld = process.versions.v8.startsWith('11.')

function setFlags(...flags: readonly string[]): void {
  if (!isOld) return
  const v8: {setFlagsFromString: typeof setFlagsFromString} = require('node:v8')
  for (const flag of flags) v8.setFlagsFromString(flag)
}

/**
 * A list of addresses goes through much code, each part of it some ten thousand times: so optimized earlier, but with
 * less of what it calls in it, which is most of the work of optimizing. That takes 0.86 of the time.
 */
const MANY_TIMES = ['--interrupt-budget=200000', '--max-inlined-bytecode-size-cumulative=300']
const LATE = [
  '--interrupt-budget=1000000',
  '--wasm-tiering-budget=300000000',
  '--no-incremental-marking',
  '--regexp-tier-up-ticks=100',
  '--no-regexp-peephole-optimization',
]
const USUAL = [
  '--interrupt-budget=67584',
  '--wasm-tiering-budget=1800000',
  '--incremental-marking',
  '--max-inlined-bytecode-size-cumulative=920',
  '--regexp-tier-up-ticks=1',
  '--regexp-peephole-optimization',
]

/** Done before V8 optimizes; to tell it anything loads Node's streams, which takes two milliseconds. */
const SHORT = ['help', 'info', 'other']

/** Those of the command that runs. */
let own: readonly string[] = USUAL

export function optimizeLate(command: string): void {
  if (SHORT.includes(command)) return
  own = command === 'symbolize' ? [...LATE, ...MANY_TIMES] : LATE
  setFlags(...own)
}

/** Takes from Node's own cache of compiled code, which was made with the usual flags. */
export function asUsual<Result>(take: () => Result): Result {
  if (own === USUAL) return take()
  setFlags(...USUAL)
  try {
    return take()
  } finally {
    setFlags(...own)
  }
}

/** Lets a thread boot with the usual flags. @param setFlag of node:v8, which a part of the program has late */
export function bootAsUsual(setFlag: (flag: string) => void, boot: () => void): void {
  if (isOld) for (const flag of USUAL) setFlag(flag)
  boot()
  if (isOld) for (const flag of LATE) setFlag(flag)
}

/**
 * The limit of a heap is taken from its flag when the heap is made, and stays; the flag is of no more use, and with it
 * V8 would take nothing from Node's cache of compiled code, nor from one that a run with another limit has made.
 * @param flags that Node was given
 */
export function forgetHeapLimit(flags: readonly string[]): void {
  if (!flags.some(flag => /max.old.space.size/.test(flag))) return
  const v8: {setFlagsFromString: typeof setFlagsFromString} = require('node:v8')
  v8.setFlagsFromString('--max-old-space-size=0')
}
