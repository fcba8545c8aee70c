import type {Address} from '../../base/address.ts'
import {cgoWrapperTarget, goPlumbing} from '../frames/irrelevant-frames.ts'
import {type Choice, placeOf, startOf} from './choice.ts'
import type {CodeFacts} from './code-facts.ts'

// Where Go went into C: what was called there, whether the file has symbols or not.

/** Code of C that no wrapper of cgo called is runtime/cgo's, for the runtime itself called it: a thread's start. */
export function leaveOutRuntimeC(choices: readonly Choice[]): void {
  for (const [index, choice] of choices.entries()) {
    const isCalledByGo = choice.kind === 'c' && choice.frame.kind === 'c' && isSeam(choices[index + 1])
    if (!isCalledByGo) continue
    const caller = choices.slice(index + 1).find(below => !isSeam(below))
    if (cgoWrapperTarget(caller?.frame.function ?? '') !== undefined) continue
    for (const above of segmentAbove(choices, index + 1)) {
      if (above.name === undefined && above.frame.module === choice.frame.module) above.out ??= 'part of runtime/cgo'
    }
  }
}

/**
 * Of a call from Go the function of C is named by the wrapper on the Go side, which is never stripped. On C's side cgo
 * has a wrapper too, the outermost frame there: in it the function may be inlined, or have left by a jump.
 */
export function nameCgoEntries(choices: Choice[], code: CodeFacts): void {
  for (let index = choices.length - 1; index >= 0; index--) {
    const choice = choices[index] as Choice
    const target = choice.kind === 'go' ? cgoWrapperTarget(choice.frame.function ?? '') : undefined
    if (target === undefined) continue
    choice.out = 'cgo glue'
    leaveOutCheck(choices[index + 1], choices[index + 2])
    if (nameSegment(segmentAbove(choices, index), choices.slice(0, index), target, code)) continue
    // It stands in the place of the Go side's wrapper, directly below the frames of C.
    const folded = 'named by its caller in Go'
    choices.splice(index, 0, {...choice, kind: 'c', name: target, folded, out: undefined, isCalledByName: true})
  }
}

/** False where none of its frames can be told to be of the function that was called. */
function nameSegment(segment: readonly Choice[], above: readonly Choice[], target: string, code: CodeFacts): boolean {
  const [outermost] = segment
  if (outermost === undefined) return true
  const wrapper = wrapperOf(above, outermost, code)
  if (wrapper.isOutermost) outermost.out ??= 'cgo glue'
  const isNamed = segment.some(({name, out}) => name === target && out === undefined)
  if (!isNamed && !nameOutermost(segment, wrapper, target, code)) return false
  for (const each of segment) if (each.name === target) each.isCalledByName = true
  return true
}

/**
 * Starts of the functions by which Go entered a run of C, whether they have names or not: cgo's wrapper, and the one
 * function that it calls.
 */
export function enteredByGo(run: readonly Choice[], above: readonly Choice[], code: CodeFacts): Set<Address> {
  const outermost = run.at(-1)
  const start = outermost && wrapperOf(above, outermost, code).start
  if (start === undefined) return new Set()
  const callees = code.calleesOf(start)
  return new Set([start, ...(callees.size === 1 ? (callees as ReadonlySet<Address>) : [])])
}

/** Around a call that passes pointers cgo writes a closure that checks them (cmd/cgo, gcc.go: rewriteCall). */
function leaveOutCheck(closure: Choice | undefined, caller: Choice | undefined): void {
  if (closure?.name !== undefined && closure.name === `${caller?.name}.func`) closure.out = 'cgo glue'
}

/** The frames of C that a wrapper on the Go side called, the outermost first. */
function segmentAbove(choices: readonly Choice[], below: number): Choice[] {
  let index = below - 1
  while (index >= 0 && isSeam(choices[index])) index--
  const segment: Choice[] = []
  for (; index >= 0; index--) {
    const choice = choices[index] as Choice
    if (choice.kind === 'go' || choice.frame.kind === 'switch') break
    segment.push(choice)
  }
  return segment
}

export function isSeam(choice: Choice | undefined): boolean {
  return (
    choice !== undefined && (choice.frame.kind === 'switch' || goPlumbing(choice.frame.function ?? '') === 'runtime')
  )
}

/** cgo's wrapper on C's side. */
interface Wrapper {
  /** Where it starts; undefined: not known. */
  readonly start: Address | undefined
  /** The outermost frame of C is its own, and has no name; else it has left by a jump, or has a name. */
  readonly isOutermost: boolean
}

/** The first argument of runtime.cgocall is the wrapper (runtime/cgocall.go). */
function wrapperOf(above: readonly Choice[], outermost: Choice, code: CodeFacts): Wrapper {
  const call = above.findLast(choice => choice.frame.function === 'runtime.cgocall')
  const argument = /^(0x[0-9a-f]+)/.exec(call?.frame.args ?? '')?.[1] ?? null
  const start = placeOf(argument) ?? startOf(outermost, code)
  return {
    start,
    isOutermost: outermost.name === undefined && (start === undefined || startOf(outermost, code) === start),
  }
}

/** The one function that a wrapper calls is the one that was meant, with all its frames. */
function nameOutermost(segment: readonly Choice[], wrapper: Wrapper, target: string, code: CodeFacts): boolean {
  const [outermost] = segment
  const next = wrapper.isOutermost
    ? segment.find(({out, frame}) => out === undefined && frame.pc !== outermost?.frame.pc)
    : outermost
  if (!outermost || !next || next.name !== undefined || next.out !== undefined) return false
  if (next.frame.module === null || next.frame.module !== outermost.frame.module) return false
  const start = startOf(next, code)
  if (start === undefined || (wrapper.start !== undefined && !mayBeOnlyCallee(start, code.calleesOf(wrapper.start))))
    return false
  for (const choice of segment) {
    if (choice.name !== undefined || startOf(choice, code) !== start) continue
    choice.name = target
    choice.folded = 'named by its caller in Go'
  }
  return true
}

/**
 * A wrapper that calls several functions has the one that is meant inlined in it; one that calls a single other one
 * meant that, which has left by a jump.
 */
function mayBeOnlyCallee(start: Address, callees: ReadonlySet<number>): boolean {
  return callees.size === 0 || (callees.size === 1 && callees.has(start))
}
