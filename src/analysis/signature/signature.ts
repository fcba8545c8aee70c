import {basename} from 'node:path'
import {sha256} from '../../base/sha256.ts'
import type {KeptSignature} from '../../elf/minimal-core.ts'
import type {CrashReport, FrameReport, ModuleReport, SignatureReport} from '../../report/core-report.ts'
import type {CodeFacts} from './code-facts.ts'
import {type CrashClass, classifyCrash} from './crash-class.ts'
import {foldCycles, foldOverflow, foldRepeated} from './cycles.ts'
import {type ChosenFrames, chooseFrames, type SignedFrame} from './frame-choice.ts'
import {kindOfFault} from './fault-kind.ts'
import type {PanicValue} from './panic-values.ts'
import type {SignatureRules} from './rules.ts'

/** Frames of the crashing stack that a signature is made of, at most. */
const FRAME_LIMIT = 24
/** Frames that stand in where none is left. */
const STAND_INS = 3
/** A stack that a signal of the processor ended ran over only where so many frames are of functions met before. */
const DEEP = 50
/** Stacks of a deadlock that are told apart. */
const BLOCKED_LIMIT = 100

/** Functions that tell no program from another: of C, and of Go with its closures and what initializes it. */
const IN_EVERY_PROGRAM = /^(?:main|main\.(?:main|init)(?:\..*)?)$/

/** A stack that waits, of a process in which all do. */
export interface BlockedStack {
  readonly state: string
  readonly frames: readonly FrameReport[]
}

export interface SignatureFacts {
  readonly crash: CrashReport
  /** Of the stack that crashed, innermost first. */
  readonly frames: readonly FrameReport[]
  /** Those of any stack behind which others are missing. */
  readonly gaps: ReadonlySet<FrameReport>
  readonly modules: readonly ModuleReport[]
  readonly pid: number | null
  /** Those that were under way, the newest first. */
  readonly panics: readonly PanicValue[]
  /** What the program is called, whatever the name of the file that it was built to. */
  readonly program: string
  /** The same where nothing else tells the program from others; asked for when that is so. */
  readonly identity: () => string
  /** Asked for where everything waits for everything: the main goroutine first. */
  readonly blocked: () => Iterable<BlockedStack>
  readonly code: CodeFacts
}

/**
 * What makes two crashes the same bug: the class of the crash and the frames that matter, under names that another
 * machine, build or patch release has too.
 */
export function makeSignature(facts: SignatureFacts, rules: SignatureRules): SignatureReport {
  const {crash, pid, panics} = facts
  const {version} = rules
  if (crash.kind === 'none') {
    const why = 'the process had not crashed: there is nothing to sign'
    return {version, exact: null, family: null, frames: [], explain: [why]}
  }
  const signer = new Signer(facts, rules)
  const known = withoutOwnLibc(classifyCrash(crash, pid, panics, kindOfFault(facts)), facts, rules)
  if (known.isFromOutside) return signer.signKill(known)
  return known.isDeadlock ? signer.signDeadlock(known) : signer.signCrash(known)
}

/** What libc and C++ say of their end is known with symbols alone where the program has them in its own file. */
function withoutOwnLibc(known: CrashClass, {crash, modules}: SignatureFacts, rules: SignatureRules): CrashClass {
  const isOfSystem = ({path}: ModuleReport) =>
    !path.includes('vdso') && rules.reason('inside', 'module', basename(path)) !== undefined
  const isTold = crash.kind !== 'signal' || crash.cause === null || modules.some(isOfSystem)
  return isTold ? known : {...known, detail: ''}
}

/** The signature that a core had before its texts were blanked, as far as the same rules made it. */
export function asSigned(made: SignatureReport, signed: KeptSignature): SignatureReport {
  if (made.exact === null || made.exact === signed.exact) return made
  if (made.version === signed.version) {
    const why = 'signed as the core was before its texts were blanked'
    return {...made, exact: signed.exact, family: signed.family, explain: [...made.explain, why]}
  }
  const why = `not the signature that the core had before its texts were blanked: that is of rules ${signed.version}`
  return {...made, explain: [...made.explain, why]}
}

/** A stack without what it went round. */
interface FoldedFrames {
  readonly signed: readonly SignedFrame[]
  /** With those that builds without symbols do not know. */
  readonly shown: readonly SignedFrame[]
}

const NO_FRAMES: FoldedFrames = {signed: [], shown: []}

function foldFrames(frames: readonly SignedFrame[], fold: typeof foldCycles): FoldedFrames {
  const signed = fold(frames.filter(({isSigned}) => isSigned))
  return {signed: signed.slice(0, FRAME_LIMIT), shown: fold(frames.filter(({isCode}) => !isCode)).slice(0, FRAME_LIMIT)}
}

class Signer {
  readonly #facts: SignatureFacts
  readonly #rules: SignatureRules

  constructor(facts: SignatureFacts, rules: SignatureRules) {
    this.#facts = facts
    this.#rules = rules
  }

  /** Whose stack the signal met is chance. */
  signKill(known: CrashClass): SignatureReport {
    const program = this.#facts.identity()
    const why = `signed by sender, signal and program (${program}): the signal came from outside, to any thread`
    return this.#report(known, {parts: [program], family: program, frames: [], explain: [why]})
  }

  signCrash(known: CrashClass): SignatureReport {
    const chosen = this.#choose(this.#facts.frames)
    const shown = chosen.frames.filter(({isCode}) => !isCode)
    const isOverflow = known.isOverflow || this.#ranOver(shown)
    const folded = foldFrames(chosen.frames, isOverflow ? foldOverflow : foldCycles)
    // What of a stack that ran over met the guard is chance.
    const place = chosen.lastCall === undefined || isOverflow ? [] : [chosen.lastCall]
    const called = place.map(each => `signed with the place of the last call of the program's C: ${each}`)
    const broken = chosen.isBroken ? [BROKEN] : []
    const explain = [...chosen.explain, ...explainFolding(shown, folded.shown), ...called, ...broken]
    const described = isOverflow ? {...known, detail: 'stack overflow'} : known
    return folded.shown.length === 0
      ? this.#signByStandIns(described, {...chosen, explain})
      : this.#signByFrames(described, folded, explain, {place: [...place, ...broken]})
  }

  /** The stacks that wait, as a set: which of them the runtime names is the order of their start. */
  signDeadlock(known: CrashClass): SignatureReport {
    let main: {folded: FoldedFrames; explain: readonly string[]} | undefined
    const stacks = new Set<string>()
    for (const {state, frames} of this.#facts.blocked()) {
      const chosen = this.#choose(frames)
      const folded = foldFrames(chosen.frames, foldCycles)
      main ??= {folded, explain: chosen.explain}
      const reason = state.replace(/^sync\.(?:RW)?Mutex\..*/, 'semacquire')
      if (stacks.size < BLOCKED_LIMIT) stacks.add([reason, ...folded.signed.map(({name}) => name)].join('\n'))
    }
    const explain = [...(main?.explain ?? []), `signed with all ${stacks.size} different stacks that wait`]
    return this.#signByFrames(known, main?.folded ?? NO_FRAMES, explain, {stacks: [...stacks].sort()})
  }

  #signByFrames(
    crash: CrashClass,
    {signed, shown}: FoldedFrames,
    explain: readonly string[],
    {stacks = [], place = []}: {readonly stacks?: readonly string[]; readonly place?: readonly string[]},
  ): SignatureReport {
    const names = signed.map(({name}) => name)
    const known = signed.filter(({isCode}) => !isCode)
    const isCodeAlone = signed.length > known.length && known.every(({isPrefix}) => isPrefix)
    // `main` is in every program, and short functions of C are alike in many.
    const isEverywhere = isCodeAlone || known.every(({name}) => IN_EVERY_PROGRAM.test(name))
    const isAmbiguous = isEverywhere || names.some(name => name.startsWith('main.'))
    const program = isEverywhere || stacks.length > 0 ? this.#facts.identity() : this.#facts.program
    const top = (kind: 'go' | 'c'): string =>
      (known.find(frame => frame.kind === kind && !frame.isPrefix) ?? known.find(frame => frame.kind === kind))?.name ??
      '-'
    return this.#report(crash, {
      parts: [isAmbiguous ? program : '', ...(stacks.length > 0 ? stacks : names), ...place],
      family: `${top('go')} ${isCodeAlone ? program : top('c')}`,
      frames: shown.map(({name}) => name),
      explain,
    })
  }

  /** Nothing that matters is left. */
  #signByStandIns(known: CrashClass, {standIns, explain}: ChosenFrames): SignatureReport {
    const {crash} = this.#facts
    const program = this.#facts.identity()
    const names = [...new Set(standIns)].slice(0, STAND_INS)
    const why = `no frame of the program is left: signed by program (${program}), message and ${names.length} others`
    return this.#report(known, {
      parts: [program, crash.signal ?? '', ...names],
      family: `${program} ${names[0] ?? '-'}`,
      frames: names,
      explain: [...explain, why],
    })
  }

  #report(
    {kind, detail}: CrashClass,
    {
      parts,
      family,
      frames,
      explain,
    }: {
      parts: readonly string[]
      family: string
      frames: string[]
      explain: readonly string[]
    },
  ): SignatureReport {
    const {version} = this.#rules
    return {
      version,
      exact: sha256([version, kind, detail, ...parts].join('\n')).slice(0, 16),
      family: `${kind} ${family}`,
      frames,
      explain: [`class: ${kind}${detail === '' ? '' : `, ${detail}`}`, ...explain],
    }
  }

  #choose(frames: readonly FrameReport[]): ChosenFrames {
    const {code, modules, crash, gaps} = this.#facts
    const buildIdOf = (path: string) => modules.find(module => module.path === path)?.buildId ?? null
    const isThrown = crash.cause?.kind === 'c++ exception'
    const isAgain = isRaisedAgain(crash)
    const facts = {code, gaps, buildIdOf, isRaisedAgain: isAgain, isThrown, faultPc: crash.pc ?? null}
    const chosen = chooseFrames(frames, {...facts, rules: this.#rules})
    return {...chosen, explain: foldRepeated(chosen.explain)}
  }

  /** The instruction is looked at only where the stack is deep: that takes the decoder. */
  #ranOver(frames: readonly SignedFrame[]): boolean {
    const {crash} = this.#facts
    if (crash.kind !== 'signal' || (crash.signal !== 'SIGSEGV' && crash.signal !== 'SIGBUS')) return false
    const repeated = frames.length - new Set(frames.map(({name}) => name)).size
    if (repeated < DEEP) return false
    return crash.instruction?.addressKind?.includes('stack') === true
  }
}

/** `panic: TEXT [recovered]`, then the same text once more (runtime.printpanics); from Go 1.25 on it is said once. */
function isRaisedAgain({kind, header}: CrashReport): boolean {
  if (kind !== 'panic') return false
  const panics = header.flatMap(line => /^\t?panic: (.*)$/.exec(line)?.[1] ?? [])
  const texts = new Set(panics.map(text => text.replace(/ \[recovered(?:, repanicked)?\]$/, '')))
  return texts.size === 1 && (panics.length > 1 || panics[0]?.endsWith(' repanicked]') === true)
}

function explainFolding(all: readonly SignedFrame[], kept: readonly SignedFrame[]): string[] {
  const difference = all.length - kept.length
  return difference > 0 ? [`${difference} of the frames used are folded: recursion, or beyond ${FRAME_LIMIT}`] : []
}

/**
 * Two bugs may differ in what is missing alone, so that nothing of the kind is signed as a whole stack is. The words
 * are a part of the signature: other ones make another.
 */
const BROKEN = 'signed as a stack in which frames are missing: no whole one has this signature'
