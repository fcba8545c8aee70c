import {basename} from 'node:path'
import type {FrameReport} from '../../report/core-report.ts'
import {placeInModule} from '../../report/vocabulary.ts'
import {isDeathOfC} from '../frames/irrelevant-frames.ts'
import {hideInnerC, joinInsides} from './c-calls.ts'
import {leaveOutRuntimeC, nameCgoEntries} from './cgo-entries.ts'
import {type Choice, irrelevance, placeOf, startOf} from './choice.ts'
import type {CodeFacts} from './code-facts.ts'
import {placeOfLastCall, tellByCode} from './code-path.ts'
import {stableCName, stableGoName} from './frame-names.ts'
import type {SignatureRules} from './rules.ts'

/** A frame that a signature is made of. */
export interface SignedFrame {
  readonly name: string
  readonly kind: 'go' | 'c'
  /** Of a closure its own name: several of one function have the same one here, and may call each other. */
  readonly closure?: string | undefined
  /** It counts, but does not name the family. */
  readonly isPrefix: boolean
  /** Builds without symbols know it too; else it is shown, and the signature is not made of it. */
  readonly isSigned: boolean
  /** The code of a function that is shown by its name: it is signed, and not shown. */
  readonly isCode: boolean
}

export interface ChosenFrames {
  /** Innermost first. */
  readonly frames: readonly SignedFrame[]
  /** Names of those that were left out but say where the process was. */
  readonly standIns: readonly string[]
  /** Where code of C that has no name in all builds called what ended the process; undefined: nowhere. */
  readonly lastCall: string | undefined
  /** Frames are missing further in than one of them. */
  readonly isBroken: boolean
  /** For each frame what became of it, and by which rule. */
  readonly explain: readonly string[]
}

export interface ChoiceFacts {
  readonly rules: SignatureRules
  readonly code: CodeFacts
  /** Frames behind which others are missing. */
  readonly gaps: ReadonlySet<FrameReport>
  readonly buildIdOf: (module: string) => string | null
  /** A deferred function recovered a panic and raised it again. */
  readonly isRaisedAgain: boolean
  /** An exception of C++ ended it: the class of the crash names that. */
  readonly isThrown: boolean
  /** Where the processor met a fault. */
  readonly faultPc: string | null
}

/** Decides for each frame of the crashing stack whether it is a part of the signature, and under which name. */
export function chooseFrames(
  frames: readonly FrameReport[],
  {rules, code, gaps, buildIdOf, isRaisedAgain, isThrown, faultPc}: ChoiceFacts,
): ChosenFrames {
  const choices = frames.map(frame => nameFrame(frame, {rules, code, faultPc}))
  leaveOutPlumbing(choices)
  if (isRaisedAgain) leaveOutHandlers(choices)
  leaveOutNamelessRuntime(choices, code)
  leaveOutRuntimeC(choices)
  nameCgoEntries(choices, code)
  for (const choice of choices) judge(choice, rules)
  nameUnnamed(choices, code, buildIdOf)
  tellByCode(choices, {rules, code})
  cutAtBounds(choices, rules)
  if (isThrown) leaveOutThrower(choices)
  joinInsides(choices, {rules, code})
  const isMixed = choices.some(({kind, name, out}) => kind === 'go' && name !== undefined && out === undefined)
  hideInnerC(choices, {rules, code}, isMixed)
  const last = choices.findLastIndex(choice => signedAs(choice).length > 0)
  return {
    frames: choices.flatMap(signedAs),
    standIns: choices.filter(({standsIn, name}) => standsIn && name !== undefined).map(({name = ''}) => name),
    lastCall: placeOfLastCall(choices, code),
    isBroken: choices.slice(0, last).some(({frame}) => gaps.has(frame)),
    explain: choices.flatMap(each => [explain(each), ...(gaps.has(each.frame) ? ['frames are missing here'] : [])]),
  }
}

function signedAs({frame, name, code, kind, out, prefix, hidden}: Choice): SignedFrame[] {
  const isPrefix = prefix !== undefined
  const shown = out === undefined && name !== undefined
  const closure = kind === 'go' && name?.endsWith('.func') ? (frame.function ?? name) : undefined
  const byName = shown ? [{name, kind, closure, isPrefix, isSigned: hidden === undefined, isCode: false}] : []
  return code === undefined ? byName : [...byName, {name: code, kind, isPrefix: true, isSigned: true, isCode: true}]
}

/** As the kernel saw it. */
const EXACT: ReadonlySet<FrameReport['foundBy']> = new Set(['context', 'signal-frame'])

function nameFrame(
  frame: FrameReport,
  {rules, code, faultPc}: Pick<ChoiceFacts, 'rules' | 'code' | 'faultPc'>,
): Choice {
  const kind = frame.kind === 'go' || frame.language === 'Go' ? 'go' : 'c'
  const choice: Choice = {
    frame,
    kind,
    isExact: EXACT.has(frame.foundBy) || frame.pc === faultPc,
    name: undefined,
    folded: undefined,
    out: undefined,
    prefix: undefined,
    inside: undefined,
    isOfSystem: false,
    isCalledByName: false,
    hidden: undefined,
    code: undefined,
    isOfCode: false,
    isOfProgram: false,
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

/** Functions of the runtime that a panic or the start of a goroutine goes through, whatever they are called. */
function leaveOutNamelessRuntime(choices: readonly Choice[], code: CodeFacts): void {
  for (const choice of choices) {
    const {kind, name, frame} = choice
    const place = kind === 'go' && name === undefined ? placeOf(frame.pc) : undefined
    if (place !== undefined && code.isRuntimeCode(place)) choice.out ??= 'runtime'
  }
}

/** What the rules say of a frame by its name, or by the file that it is in. */
function judge(choice: Choice, rules: SignatureRules): void {
  const {kind, name, frame} = choice
  const module = kind === 'c' && frame.module !== null ? basename(frame.module) : undefined
  const ofModule = module === undefined ? undefined : rules.reason('inside', 'module', module)
  choice.isOfSystem = ofModule !== undefined
  if (choice.out !== undefined) return
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

/** The end of a process that the Go runtime makes is no place where anything happened. */
const DEATH_OF_GO =
  /^runtime\.(?:throw|fatal|fatalthrow|fatalpanic|dopanic|gopanic|sigpanic|panic|goPanic|crash|raise|dieFromSignal|sighandler|sigtramp|cgoSigtramp|systemstack|mcall|morestack|newstack|asmcgocall|cgocall|goexit|mstart|rt0_go|main)/

/**
 * Code without a name is told by the code of its function, which another build by the same compiler has too, else by
 * its place in the build; inside of a library it tells nothing.
 */
function nameUnnamed(choices: readonly Choice[], code: CodeFacts, buildIdOf: ChoiceFacts['buildIdOf']): void {
  for (const choice of choices) {
    const {frame, out, name, inside} = choice
    if (out !== undefined || name !== undefined || inside !== undefined) continue
    if (frame.module === null || frame.moduleOffset === null) {
      choice.out = 'neither name nor module'
      continue
    }
    const start = startOf(choice, code)
    const print = start === undefined ? undefined : code.fingerprint(start)
    choice.name = print === undefined ? placeInBuild(choice, code, buildIdOf) : `${libraryName(frame.module)}~${print}`
    choice.folded = `no name: the ${print === undefined ? 'place of its function in this build' : 'code of its function'}`
  }
}

function placeInBuild(choice: Choice, code: CodeFacts, buildIdOf: ChoiceFacts['buildIdOf']): string {
  const {module, moduleOffset, pc} = choice.frame
  const build = module === null ? null : buildIdOf(module)
  const [start, place] = [startOf(choice, code), placeOf(pc)]
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
    choice.code = undefined
    choice.isOfProgram = false
  }
  const last = choices.findIndex(choice => choice.frame.kind !== 'signal' && matches('last', choice) !== undefined)
  if (last < 0) return
  for (const choice of choices.slice(last + 1)) {
    choice.out = `below the last: ${matches('last', choices[last] as Choice) ?? ''}`
    choice.standsIn = false
    choice.code = undefined
    choice.isOfProgram = false
  }
}

function explain({frame, name, out, folded, prefix, hidden, code}: Choice): string {
  const given = frame.function ?? placeInModule(frame) ?? frame.pc ?? '?'
  const byCode = code === undefined ? '' : `; signed by the code of its function, ${code}`
  if (out !== undefined) return `left out ${given}: ${out}${byCode}`
  const what = name === undefined || name === given ? given : `${name} for ${given}`
  if (hidden !== undefined) return `shown ${what}: ${hidden}${byCode}`
  const why = [prefix && `prefix, ${prefix}`, folded && name !== given && `folded, ${folded}`].filter(Boolean)
  return `used ${what}${why.length > 0 ? `: ${why.join('; ')}` : ''}${byCode}`
}
