import type {Address} from '../../base/address.ts'
import {cgoWrapperTarget} from '../frames/irrelevant-frames.ts'
import {enteredByGo, isSeam} from './cgo-entries.ts'
import {type Choice, placeOf, startOf} from './choice.ts'
import type {CodeFacts} from './code-facts.ts'
import type {SignatureRules} from './rules.ts'

// Functions of C that no other file calls by name are told by their code: builds without symbols have that too.

interface Facts {
  readonly rules: SignatureRules
  readonly code: CodeFacts
}

/** Frames of C that called each other, innermost first, and who called them. */
interface Run {
  readonly frames: readonly Choice[]
  readonly inlined: readonly Choice[]
  /** The Go side's wrapper; undefined: there is no Go on the stack. */
  readonly caller: Choice | undefined
  /** Starts of the functions that Go has called by name. */
  readonly entries: ReadonlySet<Address>
}

/**
 * Notes the code of each function of C on the way to the crash, from what Go or another file called by name. No name
 * and no debug information plays a part in it, so that builds with and without them note the same.
 */
export function tellByCode(choices: readonly Choice[], facts: Facts): void {
  const run = runOf(choices, facts.code)
  if (!run) return
  for (const [depth, choice] of run.frames.entries()) {
    const caller = run.frames[depth + 1]
    if (!isOfProgram(choice, run, facts.rules)) continue
    if (isVariant(choice, caller, facts.code)) choice.isOfSystem = true
    else choice.isOfProgram = true
    if (!countsByCode(choice, caller, run, facts.code)) continue
    const start = startOf(choice, facts.code)
    const print = start === undefined ? undefined : facts.code.fingerprint(start)
    if (print === undefined) continue
    if (choice.isOfProgram) choice.code = `~${print}`
    for (const each of [choice, ...run.inlined]) if (each.frame.pc === choice.frame.pc) each.isOfCode = true
  }
}

/**
 * Where the innermost function of the program's C called what ended the process, or what of the system's libraries met
 * the fault: two such calls in one function are two bugs. Of code that is signed the place in it, which is as stable;
 * of a function that is signed by its name which of the calls that lead there, for compilers lay out code as they like.
 * Code that is inlined in it is at the same place.
 * @returns `~CODE+OFFSET`, the offset of the return address, or `call N`; undefined where nothing more is told
 */
export function placeOfLastCall(choices: readonly Choice[], code: CodeFacts): string | undefined {
  const depth = choices.findIndex(({isOfProgram, frame}) => isOfProgram && !frame.inlined)
  const innermost = choices[depth]
  if (!innermost || innermost.isExact) return undefined
  const called = choices.slice(0, depth).filter(({frame}) => !frame.inlined)
  if (called.length === 0 || called.some(({out, isOfSystem}) => out === undefined && !isOfSystem)) return undefined
  const [start, place] = [startOf(innermost, code), placeOf(innermost.frame.pc)]
  if (start === undefined || place === undefined) return undefined
  if (innermost.code !== undefined) return `${innermost.code}+0x${(place - start).toString(16)}`
  const ordinal = code.ordinalOfCall(place)
  return ordinal > 1 ? `call ${ordinal}` : undefined
}

/** In a program that has libc in it: which function the call leads to is up to the processor. */
function isVariant({frame}: Choice, caller: Choice | undefined, code: CodeFacts): boolean {
  const pc = caller?.frame.module === frame.module ? placeOf(caller.frame.pc) : undefined
  return pc !== undefined && code.calledBefore(pc) === undefined && code.callsThroughSlot(pc)
}

/** undefined where it was Go that crashed, or where the runtime called C for its own ends. */
function runOf(choices: readonly Choice[], code: CodeFacts): Run | undefined {
  const start = choices.findIndex(isOfC)
  if (start < 0 || choices.slice(0, start).some(({kind, out}) => kind === 'go' && out === undefined)) return undefined
  const rest = choices.slice(start)
  const length = rest.findIndex(choice => choice.frame.kind !== 'signal' && !isOfC(choice))
  const all = length < 0 ? rest : rest.slice(0, length)
  const own = all.filter(choice => isOfC(choice) && !GUESSED.has(choice.frame.foundBy ?? ''))
  const frames = own.filter(({frame}) => !frame.inlined)
  const inlined = own.filter(({frame}) => frame.inlined)
  const callers = rest.slice(all.length)
  const depth = callers.findIndex(choice => !isSeam(choice))
  const caller = callers[depth]
  if (!caller) return {frames, inlined, caller, entries: new Set()}
  if (cgoWrapperTarget(caller.frame.function ?? '') === undefined) return undefined
  return {frames, inlined, caller, entries: enteredByGo(all, choices.slice(0, start + all.length + depth), code)}
}

function isOfC({kind, frame}: Choice): boolean {
  return kind === 'c' && frame.kind === 'c'
}

/** Of the second the frame is not on the stack; which frames a scan finds is chance. */
const GUESSED: ReadonlySet<string> = new Set(['scan', 'tail-call'])

/** Where a distribution installs its libraries: another host has another release of them. */
const INSTALLED = /^\/(?:usr\/)?lib(?:32|64|x32)?\//

function isOfProgram({frame, isOfSystem, name = ''}: Choice, {caller}: Run, rules: SignatureRules): boolean {
  if (frame.module === null || isOfSystem) return false
  const isOwn = !caller || caller.frame.module === frame.module
  if (!isOwn && INSTALLED.test(frame.module)) return false
  const isLeftOut = (each: string) => rules.reason('irrelevant', 'c', each) !== undefined
  return !isLeftOut(frame.function ?? '') && !isLeftOut(name)
}

/** What no other file called by name. */
function countsByCode(choice: Choice, caller: Choice | undefined, run: Run, code: CodeFacts): boolean {
  const {frame} = choice
  const start = startOf(choice, code)
  if (start !== undefined && run.entries.has(start)) return false
  // cgo's wrapper may have left by a jump into another file.
  if (!caller) return !run.caller || run.caller.frame.module === frame.module
  const pc = caller.frame.module === frame.module ? undefined : placeOf(caller.frame.pc)
  return pc === undefined || code.calledBefore(pc) === undefined
}
