import {basename} from 'node:path'
import {type Address, toAddress} from '../../base/address.ts'
import type {FrameReport} from '../../report/core-report.ts'
import {placeInModule} from '../../report/vocabulary.ts'
import {cgoWrapperTarget, cPlumbing, goPlumbing, isDeathOfC, libcName} from '../frames/irrelevant-frames.ts'
import type {CodeFacts} from './code-facts.ts'
import {stableCName, stableGoName} from './frame-names.ts'
import type {SignatureRules} from './rules.ts'

/** A frame that a signature is made of. */
export interface SignedFrame {
  readonly name: string
  readonly kind: 'go' | 'c'
  /** It counts, but does not name the family. */
  readonly isPrefix: boolean
}

/** What became of a frame of the stack. */
interface Choice {
  readonly frame: FrameReport
  readonly kind: 'go' | 'c'
  /** As the signature has it; undefined: nothing names it. */
  name: string | undefined
  /** Why it is written in another way. */
  folded: string | undefined
  /** Why it is left out. */
  out: string | undefined
  /** Why it does not name the family. */
  prefix: string | undefined
  /** Part of a library that counts as one frame. */
  inside: string | undefined
  /** It may stand in where no other is left: it says where the process was, not how it died. */
  standsIn: boolean
}

export interface ChosenFrames {
  /** Innermost first. */
  readonly frames: readonly SignedFrame[]
  /** Names of those that were left out but say where the process was. */
  readonly standIns: readonly string[]
  /** For each frame what became of it, and by which rule. */
  readonly explain: readonly string[]
}

export interface ChoiceFacts {
  readonly rules: SignatureRules
  readonly code: CodeFacts
  readonly buildIdOf: (module: string) => string | null
  /** A deferred function recovered a panic and raised it again. */
  readonly isRaisedAgain: boolean
  /** An exception of C++ ended it: the class of the crash names that. */
  readonly isThrown: boolean
}

/** Decides for each frame of the crashing stack whether it is a part of the signature, and under which name. */
export function chooseFrames(
  frames: readonly FrameReport[],
  {rules, code, buildIdOf, isRaisedAgain, isThrown}: ChoiceFacts,
): ChosenFrames {
  const choices = frames.map(frame => nameFrame(frame, rules, code))
  leaveOutPlumbing(choices)
  if (isRaisedAgain) leaveOutHandlers(choices)
  leaveOutRuntimeC(choices)
  nameCgoEntries(choices, code)
  for (const choice of choices) judge(choice, rules)
  nameUnnamed(choices, code, buildIdOf)
  cutAtBounds(choices, rules)
  if (isThrown) leaveOutThrower(choices)
  joinInsides(choices, rules, code)
  const used = choices.filter(({out, name}) => out === undefined && name !== undefined)
  return {
    frames: used.map(({name = '', kind, prefix}) => ({name, kind, isPrefix: prefix !== undefined})),
    standIns: choices.filter(({standsIn, name}) => standsIn && name !== undefined).map(({name = ''}) => name),
    explain: choices.map(explain),
  }
}

function nameFrame(frame: FrameReport, rules: SignatureRules, code: CodeFacts): Choice {
  const kind = frame.kind === 'go' || frame.language === 'Go' ? 'go' : 'c'
  const choice: Choice = {
    frame,
    kind,
    name: undefined,
    folded: undefined,
    out: undefined,
    prefix: undefined,
    inside: undefined,
    standsIn: false,
  }
  if (frame.function === null) return choice
  const stable =
    kind === 'go' ? stableGoName(frame.function, name => code.isGoFunction(name)) : stableCName(frame.function)
  const {name, reason} = rules.fold(kind, stable)
  return {...choice, name, folded: reason ?? (stable === frame.function ? undefined : 'what compilers add')}
}

/** Frames of the kernel, of the seam between stacks, and those that nothing proves. */
function leaveOutPlumbing(choices: readonly Choice[]): void {
  const firstGo = choices.findIndex(({frame}) => frame.kind === 'go')
  const native = firstGo < 0 ? choices : choices.slice(0, firstGo)
  const death = native.findLastIndex(({frame}) => frame.kind === 'c' && isDeathOfC(frame.function ?? ''))
  const callsOfNothing = callersOfWildPcs(choices)
  for (const [depth, choice] of choices.entries()) {
    const {frame} = choice
    if (depth <= death) choice.out = 'the end of the process'
    else if (frame.kind === 'signal' || frame.kind === 'switch') choice.out = 'signal or stack switch'
    else if (frame.foundBy === 'scan' && !callsOfNothing.has(frame.pc)) choice.out = 'guessed by a scan of the stack'
    else if (frame.foundBy === 'tail-call') choice.out = 'left by a jump, which other builds may not have'
  }
}

/**
 * Where a call through a null or wild pointer met the fault the return address had just been pushed: it is no guess of
 * a scan. That frame may have others inlined, which have the same pc.
 */
function callersOfWildPcs(choices: readonly Choice[]): ReadonlySet<string | null> {
  const callers = new Set<string | null>()
  for (const [index, {frame}] of choices.entries()) {
    const caller = choices[index + 1]?.frame
    if (frame.module === null && STARTS.has(frame.foundBy) && caller?.foundBy === 'scan') callers.add(caller.pc)
  }
  return callers
}

/** Places that were saved as they were: by the kernel, or by the runtime on its way to print them. */
const STARTS: ReadonlySet<FrameReport['foundBy']> = new Set(['context', 'signal-frame', 'gobuf'])

/** Above the outermost panic stands what recovered it and raised the same value again. */
function leaveOutHandlers(choices: readonly Choice[]): void {
  const first = choices.findLastIndex(({frame}) => frame.kind === 'go' && frame.function === 'panic')
  for (const choice of choices.slice(0, Math.max(first, 0))) choice.out ??= 'raised again what it had recovered'
}

/** Which function of a library threw is up to what the compiler put into its callers; the exception tells as much. */
function leaveOutThrower(choices: readonly Choice[]): void {
  const left = choices.filter(({out}) => out === undefined)
  const end = left.findIndex(({kind, inside}) => kind !== 'c' || inside === undefined)
  for (const choice of left.slice(0, Math.max(end, 0))) choice.out = `threw: ${choice.inside}`
}

/** Code of C that no wrapper of cgo called is runtime/cgo's, for the runtime itself called it: a thread's start. */
function leaveOutRuntimeC(choices: readonly Choice[]): void {
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
function nameCgoEntries(choices: Choice[], code: CodeFacts): void {
  for (let index = choices.length - 1; index >= 0; index--) {
    const choice = choices[index] as Choice
    const target = choice.kind === 'go' ? cgoWrapperTarget(choice.frame.function ?? '') : undefined
    if (target === undefined) continue
    choice.out = 'cgo glue'
    leaveOutCheck(choices[index + 1], choices[index + 2])
    const segment = segmentAbove(choices, index)
    const outermost = segment[0]
    if (outermost === undefined) continue
    const wrapper = wrapperOf(choices.slice(0, index), outermost, code)
    if (wrapper.isOutermost) outermost.out ??= 'cgo glue'
    const isNamed = segment.some(({name, out}) => name === target && out === undefined)
    if (isNamed || nameOutermost(segment, wrapper, target, code)) continue
    // It stands in the place of the Go side's wrapper, directly below the frames of C.
    choices.splice(index, 0, {...choice, kind: 'c', name: target, folded: 'named by its caller in Go', out: undefined})
  }
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

function isSeam(choice: Choice | undefined): boolean {
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
function wrapperOf(above: readonly Choice[], {name, frame}: Choice, code: CodeFacts): Wrapper {
  const call = above.findLast(choice => choice.frame.function === 'runtime.cgocall')
  const argument = /^(0x[0-9a-f]+)/.exec(call?.frame.args ?? '')?.[1] ?? null
  const start = placeOf(argument) ?? startOf(frame, code)
  return {start, isOutermost: name === undefined && (start === undefined || startOf(frame, code) === start)}
}

/** The one function that a wrapper calls is the one that was meant, with all its frames. */
function nameOutermost(segment: readonly Choice[], wrapper: Wrapper, target: string, code: CodeFacts): boolean {
  const [outermost] = segment
  const next = wrapper.isOutermost
    ? segment.find(({out, frame}) => out === undefined && frame.pc !== outermost?.frame.pc)
    : outermost
  if (!outermost || !next || next.name !== undefined || next.out !== undefined) return false
  if (next.frame.module === null || next.frame.module !== outermost.frame.module) return false
  const start = startOf(next.frame, code)
  if (start === undefined || (wrapper.start !== undefined && !mayBeOnlyCallee(start, code.calleesOf(wrapper.start))))
    return false
  for (const choice of segment) {
    if (choice.name !== undefined || startOf(choice.frame, code) !== start) continue
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

function startOf({pc, foundBy}: FrameReport, code: CodeFacts): Address | undefined {
  const place = placeOf(pc)
  if (place === undefined) return undefined
  const isExact = foundBy === 'context' || foundBy === 'signal-frame'
  return code.functionStart(isExact ? place : toAddress(place - 1))
}

function placeOf(pc: string | null): Address | undefined {
  const number = pc === null ? Number.NaN : Number(pc)
  return Number.isSafeInteger(number) && number > 0 ? toAddress(number) : undefined
}

/** What the rules say of a frame by its name, or by the file that it is in. */
function judge(choice: Choice, rules: SignatureRules): void {
  if (choice.out !== undefined) return
  const {kind, name, frame} = choice
  const module = kind === 'c' && frame.module !== null ? basename(frame.module) : undefined
  const ofModule = module === undefined ? undefined : rules.reason('inside', 'module', module)
  choice.inside = ofModule ?? (name === undefined ? undefined : rules.reason('inside', kind, name))
  const left = module === undefined ? wrapperReason(frame) : rules.reason('irrelevant', 'module', module)
  choice.out = left ?? (name === undefined ? undefined : irrelevance(kind, frame.function ?? name, name, rules))
  choice.standsIn = choice.out === 'runtime' && !DEATH_OF_GO.test(name ?? '')
  choice.prefix = name === undefined ? undefined : rules.reason('prefix', kind, name)
}

/** Methods of embedded types and of values behind pointers: the linker has those that are used. */
function wrapperReason({file}: FrameReport): string | undefined {
  return file === '<autogenerated>' ? 'made by the compiler' : undefined
}

function irrelevance(kind: 'go' | 'c', given: string, name: string, rules: SignatureRules): string | undefined {
  const plumbing = kind === 'go' ? goPlumbing(given) : (cPlumbing(given) ?? cPlumbing(name))
  return plumbing ?? rules.reason('irrelevant', kind, given) ?? rules.reason('irrelevant', kind, name)
}

/** The end of a process that the Go runtime makes is no place where anything happened. */
const DEATH_OF_GO =
  /^runtime\.(?:throw|fatal|fatalthrow|fatalpanic|dopanic|gopanic|sigpanic|panic|goPanic|crash|raise|dieFromSignal|sighandler|sigtramp|cgoSigtramp|systemstack|mcall|morestack|newstack|asmcgocall|cgocall|goexit|mstart|rt0_go|main)/

/**
 * Code without a name is told by the code of its function, which another build by the same compiler has too, else by
 * its place in the build; inside of a library it tells nothing.
 */
function nameUnnamed(choices: readonly Choice[], code: CodeFacts, buildIdOf: (module: string) => string | null): void {
  for (const choice of choices) {
    const {frame, out, name, inside} = choice
    if (out !== undefined || name !== undefined || inside !== undefined) continue
    if (frame.module === null || frame.moduleOffset === null) {
      choice.out = 'neither name nor module'
      continue
    }
    const start = startOf(frame, code)
    const print = start === undefined ? undefined : code.fingerprint(start)
    if (print === undefined) {
      choice.name = placeInBuild(frame, start, buildIdOf(frame.module))
      choice.folded = 'no name: the place of its function in this build'
    } else {
      choice.name = `${libraryName(frame.module)}~${print}`
      choice.folded = 'no name: the code of its function'
    }
  }
}

function placeInBuild(
  {module, moduleOffset, pc}: FrameReport,
  start: Address | undefined,
  build: string | null,
): string {
  const place = placeOf(pc)
  const back = start === undefined || place === undefined ? 0 : place - start
  const offset = (Number(moduleOffset) - back).toString(16)
  return `${basename(module ?? '')}${build === null ? '' : `@${build.slice(0, 8)}`}+0x${offset}`
}

/** A program is the same under any name of its file. */
function libraryName(module: string): string {
  return /\.so(?:\.|$)/.test(module) ? basename(module) : 'code'
}

/** What lies above the outermost sentinel, and below the innermost frame that is the last, is no part of it. */
function cutAtBounds(choices: readonly Choice[], rules: SignatureRules): void {
  const matches = (kind: 'sentinel' | 'last', {kind: subject, name, frame}: Choice): string | undefined =>
    rules.reason(kind, subject, frame.function ?? '') ?? rules.reason(kind, subject, name ?? '')
  const first = choices.findLastIndex(choice => matches('sentinel', choice) !== undefined)
  for (const choice of choices.slice(0, Math.max(first, 0))) {
    choice.out = `above a sentinel: ${matches('sentinel', choices[first] as Choice) ?? ''}`
    choice.standsIn = false
  }
  const last = choices.findIndex(choice => choice.frame.kind !== 'signal' && matches('last', choice) !== undefined)
  if (last < 0) return
  for (const choice of choices.slice(last + 1)) {
    choice.out = `below the last: ${matches('last', choices[last] as Choice) ?? ''}`
    choice.standsIn = false
  }
}

/**
 * Frames inside of a library, one behind the other, are one call of that library, by the name that its caller knows:
 * libraries without their symbols and variants of a function for a processor make no difference.
 */
function joinInsides(choices: readonly Choice[], rules: SignatureRules, code: CodeFacts): void {
  const left = choices.filter(({out}) => out === undefined)
  const isAlone = left.every(({inside}) => inside !== undefined)
  for (let start = 0; start < left.length; start++) {
    const first = left[start] as Choice
    if (first.inside === undefined) continue
    let end = start + 1
    while (left[end]?.inside !== undefined && left[end]?.kind === first.kind) end++
    joinRun(left.slice(start, end), {choices, rules, code, isAlone})
    start = end - 1
  }
}

function joinRun(
  run: readonly Choice[],
  {
    choices,
    rules,
    code,
    isAlone,
  }: {
    choices: readonly Choice[]
    rules: SignatureRules
    code: CodeFacts
    isAlone: boolean
  },
): void {
  const outer = run[run.length - 1] as Choice
  // Nothing of the program is left: then the insides are all there is to tell one bug from another.
  if (isAlone && outer.kind === 'go') return
  if (outer.kind === 'c') nameByCaller(run, choices, rules, code)
  const named = run.findLast(({name, out}) => name !== undefined && out === undefined)
  for (const choice of run) {
    if (choice !== named) choice.out ??= `inside: ${choice.inside}`
    else choice.prefix ??= choice.inside
  }
}

/** The call before the return address in the caller names the function, where that is in another module. */
function nameByCaller(
  run: readonly Choice[],
  choices: readonly Choice[],
  rules: SignatureRules,
  code: CodeFacts,
): void {
  const outer = run[run.length - 1] as Choice
  const below = choices.slice(choices.indexOf(outer) + 1)
  // A function that left by a jump has no call of its own.
  const caller = below.find(({frame}) => frame.foundBy !== 'tail-call')
  const pc = caller?.kind === 'c' && caller.frame.kind === 'c' ? placeOf(caller.frame.pc) : undefined
  // A template's instance, and what is inlined in the caller, is in the caller's module and named by itself.
  const isNamed = outer.name !== undefined && outer.frame.module === caller?.frame.module
  const called = pc === undefined || isNamed ? undefined : code.calledBefore(pc)
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

function explain({frame, name, out, folded, prefix}: Choice): string {
  const given = frame.function ?? placeInModule(frame) ?? frame.pc ?? '?'
  if (out !== undefined) return `left out ${given}: ${out}`
  const what = name === undefined || name === given ? given : `${name} for ${given}`
  const why = [prefix && `prefix, ${prefix}`, folded && name !== given && `folded, ${folded}`].filter(Boolean)
  return `used ${what}${why.length > 0 ? `: ${why.join('; ')}` : ''}`
}
