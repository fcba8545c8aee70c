import {libcName} from '../frames/irrelevant-frames.ts'
import {type Choice, irrelevance, placeOf} from './choice.ts'
import type {CodeFacts} from './code-facts.ts'
import {stableCName} from './frame-names.ts'
import type {SignatureRules} from './rules.ts'

// C by what its callers call: what lies behind that has names in some builds, and none in others.

interface Stack {
  readonly rules: SignatureRules
  readonly code: CodeFacts
}

/**
 * Frames inside of a library, one behind the other, are one call of that library, by the name that its caller knows:
 * libraries without their symbols and variants of a function for a processor make no difference.
 */
export function joinInsides(choices: readonly Choice[], stack: Stack): void {
  const left = choices.filter(({out}) => out === undefined)
  const isAlone = left.every(({inside}) => inside !== undefined)
  for (let start = 0; start < left.length; start++) {
    const first = left[start] as Choice
    if (first.inside === undefined) continue
    let end = start + 1
    while (left[end]?.inside !== undefined && isOneCall(left[end] as Choice, first)) end++
    const run = left.slice(start, end)
    // Nothing of the program is left: then the insides are all there is to tell one bug from another.
    if (!isAlone || first.kind !== 'go') joinRun(run, choices, stack)
    start = end - 1
  }
}

/** A template that the program has in its own file has no name without the symbols of that. */
function isOneCall(choice: Choice, first: Choice): boolean {
  return choice.kind === first.kind && choice.isOfSystem === first.isOfSystem
}

function joinRun(run: readonly Choice[], choices: readonly Choice[], stack: Stack): void {
  const outer = run[run.length - 1] as Choice
  if (outer.kind === 'c') nameByCaller(run, choices, stack)
  const named = run.findLast(({name, out}) => name !== undefined && out === undefined)
  for (const choice of run) {
    if (choice !== named) choice.out ??= `inside: ${choice.inside}`
    else choice.prefix ??= choice.inside
  }
  if (named?.isOfSystem) named.isCalledByName = true
}

function nameByCaller(run: readonly Choice[], choices: readonly Choice[], {rules, code}: Stack): void {
  const outer = run[run.length - 1] as Choice
  const caller = callerOf(outer, choices)
  // A template's instance, and what is inlined in the caller, is in the caller's module and named by itself.
  const isNamed = outer.name !== undefined && outer.frame.module === caller?.frame.module
  const called = isNamed ? undefined : calledBy(caller, code)
  const name = called ?? run.findLast(choice => choice.name !== undefined)?.name
  if (name === undefined) return
  const {name: folded} = rules.fold('c', stableCName(name))
  const plain = /::/.test(folded) ? folded : libcName(folded) || folded
  outer.folded =
    plain === outer.frame.function ? outer.folded : called === undefined ? outer.folded : 'named by its caller'
  outer.name = plain
  outer.out ??= irrelevance('c', name, plain, rules)
  outer.prefix ??= rules.reason('prefix', 'c', plain)
}

/** A function that left by a jump has no call of its own. */
function callerOf(choice: Choice, choices: readonly Choice[]): Choice | undefined {
  const below = choices.slice(choices.indexOf(choice) + 1)
  return below.find(({frame}) => frame.foundBy !== 'tail-call')
}

/** The call before the return address in the caller names the function, where that is in another module. */
function calledBy(caller: Choice | undefined, code: CodeFacts): string | undefined {
  const pc = caller?.kind === 'c' && caller.frame.kind === 'c' ? placeOf(caller.frame.pc) : undefined
  return pc === undefined ? undefined : code.calledBefore(pc)
}

/**
 * The signature has by name those functions of C that were called by Go or from another file: builds without symbols
 * know no other names, and compilers put such functions into their callers as they like.
 * @param isMixed there are frames of Go that count; without any, functions whose code is not known keep their names
 */
export function hideInnerC(choices: readonly Choice[], stack: Stack, isMixed: boolean): void {
  const left = choices.filter(({out, name}) => out === undefined && name !== undefined)
  for (let start = 0; start < left.length; start++) {
    if (left[start]?.kind !== 'c') continue
    let end = start + 1
    while (left[end]?.kind === 'c') end++
    const segment = left.slice(start, end)
    for (const choice of segment) nameByOtherFile(choice, choices, stack)
    // What called Go is told by what it called.
    if (end === left.length || segment.at(-1)?.isCalledByName) hideNames(segment, isMixed)
    start = end
  }
}

function hideNames(segment: readonly Choice[], isMixed: boolean): void {
  for (const choice of segment) {
    if (choice.isCalledByName || !(isMixed || choice.isOfCode)) continue
    choice.hidden = 'only builds with symbols know the name'
  }
}

function nameByOtherFile(choice: Choice, choices: readonly Choice[], {rules, code}: Stack): void {
  if (choice.isCalledByName) return
  const caller = callerOf(choice, choices)
  const called = caller?.frame.module === choice.frame.module ? undefined : calledBy(caller, code)
  if (called === undefined) return
  choice.name = rules.fold('c', stableCName(called)).name
  choice.isCalledByName = true
}
