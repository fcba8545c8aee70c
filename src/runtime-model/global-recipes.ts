import type {CodeAccess} from '../amd64/code-accesses.ts'
import {type Address, toAddress} from '../base/address.ts'
import type {GlobalName} from './runtime-globals.ts'

export type Accesses = readonly CodeAccess[]

/** Places where a variable may be by the code of one function, the likeliest first. */
export type Candidates = Partial<Record<GlobalName, readonly Address[]>>

/** Offset of prof.hz (src/runtime/proc.go). */
export const PROF_HZ = 4
/** sched.lock is the third to fifth word of sched (1.7 to 1.13, 1.14 to 1.24, 1.25+). */
const MAX_SCHED_LOCK = 64

/**
 * Function, and what its operands are. Checked on 1.7 to 1.27 against the symbols of the same binaries, plain and PIE
 * from 1.15 on. What a recipe names is believed only where it points at what it should (global-checks).
 */
export const RECIPES: readonly (readonly [functionName: string, recipe: (accesses: Accesses) => Candidates])[] = [
  ['runtime.allgadd', accesses => ({'runtime.allgs': findSlices(accesses)})],
  ['runtime.mcommoninit', accesses => ({'runtime.allm': findListHeads(accesses)})],
  // Up to 1.9 an array, whose address is taken.
  [
    'runtime.procresize',
    accesses => ({'runtime.allp': [...findSlices(accesses), ...targets(accesses, ['address'], 0)]}),
  ],
  ['runtime.startpanic_m', accesses => ({'runtime.panicking': findAtomicAdds(accesses, 4)})],
  [
    'runtime.dopanic_m',
    accesses => ({
      'runtime.traceback_cache': targets(accesses, ['load'], 4),
      'runtime.didothers': targets(accesses, ['store'], 1),
    }),
  ],
  ['runtime.cgocall', accesses => ({'runtime.iscgo': targets(accesses, ['compare', 'load'], 1)})],
  [
    'runtime.isSystemGoroutine',
    accesses => ({
      'runtime.fingRunning': targets(accesses, ['load', 'compare'], 1),
      'runtime.fingStatus': targets(accesses, ['load'], 4),
    }),
  ],
  // Up to 1.10 the function above is inlined everywhere: this one alone sets the flag and clears it.
  ['runtime.runfinq', accesses => ({'runtime.fingRunning': findToggled(accesses)})],
  [
    'runtime.gotraceback',
    accesses => ({
      'runtime.traceback_cache': [...targets(accesses, ['load'], 4), ...targets(accesses, ['address'], 0)],
    }),
  ],
  ['runtime.sigprof', accesses => ({'runtime.prof': findProfile(accesses)})],
  ['runtime.SetCgoTraceback', findHooks],
  ['runtime.printCgoTraceback', accesses => ({'runtime.cgoSymbolizer': targets(accesses, ['compare', 'load'], 8)})],
  ['runtime.goroutineheader', findTracebackLabels],
]

/** The RIP-relative operands of some kinds and one width, in code order. */
function targets(accesses: Accesses, kinds: readonly CodeAccess['kind'][], width: number): Address[] {
  const found = new Set<Address>()
  for (const access of accesses) {
    if (kinds.includes(access.kind) && access.width === width && access.target !== undefined) found.add(access.target)
  }
  return [...found]
}

/** Three neighbouring words that are loaded or stored: a slice header's pointer, length and capacity. */
function findSlices(accesses: Accesses): Address[] {
  const words = new Set(targets(accesses, ['load', 'store'], 8) as number[])
  return [...words].filter(word => words.has(word + 8) && words.has(word + 16) && !words.has(word - 8)) as Address[]
}

/**
 * A pointer that is loaded, and whose address is taken for the store after it: `mp.alllink = allm; atomicstorep(&allm,
 * mp)`, or stored by an exchange. From 1.10 to 1.14 `sched.mnext++` comes first: a word that is loaded and incremented
 * in place, but not atomically.
 */
function findListHeads(accesses: Accesses): Address[] {
  const taken = new Set(targets(accesses, ['address'], 0))
  for (const {kind, width, target, locked} of accesses) {
    if (kind === 'update' && width === 8 && locked && target !== undefined) taken.add(target)
  }
  return targets(accesses, ['load'], 8).filter(target => taken.has(target))
}

/** The operands of locked adds, which the compiler addresses through a register. */
function findAtomicAdds(accesses: Accesses, width: number): Address[] {
  const found: Address[] = []
  for (const [index, access] of accesses.entries()) {
    if (access.kind !== 'update' || !access.locked || access.width !== width || access.displacement !== 0) continue
    const taken = accesses.slice(0, index).findLast(earlier => earlier.register === access.base)
    const target = access.target ?? (taken?.kind === 'address' ? taken.target : undefined)
    if (target !== undefined) found.push(target)
  }
  return found
}

/** Bytes that are stored to more than once. */
function findToggled(accesses: Accesses): Address[] {
  const stored = accesses.flatMap(({kind, width, target}) =>
    kind === 'store' && width === 1 && target !== undefined ? [target] : [],
  )
  return [...new Set(stored)].filter(target => stored.indexOf(target) !== stored.lastIndexOf(target))
}

/**
 * sched begins with goidgen, to which newproc1 adds; sched.lock, which mcommoninit takes, lies a few words after it.
 */
export function findSched(newproc: Accesses, mcommoninit: Accesses): Address[] {
  const locks = targets(mcommoninit, ['address'], 0)
  // 1.7 takes its address for a function that adds.
  return [...findAtomicAdds(newproc, 8), ...targets(newproc, ['address'], 0)].filter(goidgen =>
    locks.some(lock => lock > goidgen && lock - goidgen <= MAX_SCHED_LOCK),
  )
}

/**
 * main sets the two limits of stacks, and newstack compares with them: maxstacksize and, since 1.17, maxstackceiling
 * after it (src/runtime/proc.go, stack.go).
 */
export function findMaxStackSize(main: Accesses, newstack: Accesses): Address[] {
  const compared = new Set(targets(newstack, ['load', 'compare'], 8))
  return targets(main, ['store'], 8).filter(target => compared.has(target))
}

/** SetCgoTraceback stores its three arguments in order (src/runtime/traceback.go). */
function findHooks(accesses: Accesses): Candidates {
  const [traceback, context, symbolizer] = targets(accesses, ['store'], 8)
  return {
    'runtime.cgoTraceback': one(traceback),
    'runtime.cgoContext': one(context),
    'runtime.cgoSymbolizer': one(symbolizer),
  }
}

/** sigprof begins with `if prof.hz == 0`, the second field of prof (src/runtime/proc.go). */
function findProfile(accesses: Accesses): Address[] {
  const [hz] = [...targets(accesses, ['compare'], 4), ...targets(accesses, ['load'], 4)]
  return hz === undefined ? [] : [toAddress(hz - PROF_HZ)]
}

/** From 1.26 the header reads two words of 4 bytes: first traceback_cache, for the level, then the labels setting. */
function findTracebackLabels(accesses: Accesses): Candidates {
  const [cache, ...others] = targets(accesses, ['load'], 4)
  return {
    'runtime.traceback_cache': one(cache),
    'runtime.debug.tracebacklabels': others.length === 1 ? others : [],
  }
}

function one(address: Address | undefined): Address[] {
  return address === undefined ? [] : [address]
}
