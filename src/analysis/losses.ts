import {basename} from 'node:path'
import type {Address} from '../base/address.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {Module} from '../elf/module.ts'
import type {FrameReport, GoroutineReport, ModuleReport} from '../report/core-report.ts'
import type {MissingReason} from '../report/vocabulary.ts'
import {describeRange} from './process/core-memory.ts'
import type {DeadProcess} from './process/dead-process.ts'
import type {ThreadStack} from './stacks/thread-walk.ts'
import type {Blocking} from './waits/blocking.ts'

/** Of an answer that cannot be whole, whatever was walked. */
export const PARTIAL = 'a part of the process’s memory or of its lists is lost, or time was over'

/** Threads are a part of every whole report. */
export const LOST_THREAD = 'the stack of a thread was not walked to its end'
export const GUESSED_THREAD = 'the stack of a thread has frames that were guessed'

/** In words, what of the stacks of threads is missing that a report shows. */
export function lossesOfThreads(stacks: Iterable<Pick<ThreadStack, 'frames' | 'stop'>>): string[] {
  let isGuessed = false
  for (const {frames, stop} of stacks) {
    if (stop !== 'end-of-stack') return [LOST_THREAD]
    isGuessed ||= frames.some(({foundBy}) => foundBy === 'scan')
  }
  return isGuessed ? [GUESSED_THREAD] : []
}

/** Marks of calls that are over, by a panic or by longjmp: nothing of the stack is missing there. */
const OVER: ReadonlySet<MissingReason> = new Set(['abandoned', 'left', 'rejoined'])

/** Whether a stack was walked to its end, over no gap and by no guess. */
export function isWhole(stack: Shown): boolean {
  return isWalked(stack) && stack.frames.every(({foundBy}) => foundBy !== 'scan')
}

function isWalked({missing, stop}: Shown): boolean {
  return stop === 'end-of-stack' && missing.every(({reason}) => OVER.has(reason))
}

/** Where some stacks are not whole, or have no name for their Go frames: `2 of 5 …`. */
export const UNTOLD = 'stacks were not walked to their end with every Go frame named'

/** Without function tables a stack may be walked to its end and still tell no name. */
export function isTold(stack: Shown): boolean {
  return isWalked(stack) && !stack.frames.some(isUnnamedGo)
}

function isUnnamedGo({kind, function: name}: FrameReport): boolean {
  return name === null && (kind === 'go' || kind === 'unknown')
}

/** What is shown of a stack. */
export interface Shown {
  readonly frames: readonly FrameReport[]
  readonly missing: readonly GoroutineReport['missing'][number][]
  readonly stop: GoroutineReport['stop']
}

type ModuleLosses = NonNullable<ModuleReport['losses']>

/** Stacks that a diagnostic each is made for; all others are like them. */
const RANGES = 10

/** Code of the C library and the compiler that each program begins and ends in: no build has lines of it. */
const START_UP: ReadonlySet<string> = new Set([
  '_start', // crt1.o
  '_init', // crti.o
  '_fini',
  '__libc_csu_init', // libc_nonshared.a until glibc 2.33
  '__libc_csu_fini',
  'frame_dummy', // crtbegin.o
  '__do_global_dtors_aux',
])

/** What the stacks that are shown have lost: names and lines, by module, and memory that the walk needed. */
export class Losses {
  readonly #process: DeadProcess
  readonly #byModule = new Map<string, {unnamed: number; withoutLine: number}>()
  /** By the address where what is missing begins. */
  readonly #ranges = new Map<number, {who: string; text: string; hint: string}>()

  #stacks = 0
  #unfinished = 0
  #guessed = 0
  #isConcluded = false

  constructor(process: DeadProcess) {
    this.#process = process
  }

  add(stack: Shown, who: string): void {
    const {frames, missing} = stack
    this.#stacks++
    if (!isTold(stack)) this.#unfinished++
    else if (!isWhole(stack)) this.#guessed++
    for (const frame of frames) this.#addFrame(frame)
    for (const {after, reason} of missing) {
      const last = reason === 'unmapped' ? frames[after - 1] : undefined
      if (last) this.#addRange(last, who)
    }
  }

  /** A stack that has lost nothing. */
  addWhole(): void {
    this.#stacks++
  }

  #addFrame({kind, function: name, line, module}: FrameReport): void {
    if (module === null || kind === 'signal' || kind === 'switch' || module.startsWith('[')) return
    if (name !== null && (line !== null || START_UP.has(name))) return
    const losses = this.#byModule.get(module) ?? {unnamed: 0, withoutLine: 0}
    if (name === null) losses.unnamed++
    else losses.withoutLine++
    this.#byModule.set(module, losses)
  }

  /** The caller's frame begins at the canonical frame address: what of it the core does not hold. */
  #addRange({fp, sp}: FrameReport, who: string): void {
    const address = Number(fp ?? sp ?? Number.NaN)
    if (!Number.isSafeInteger(address) || this.#ranges.size >= RANGES) return
    const range = describeRange(this.#process.core, address as Address)
    if (range) this.#ranges.set(range.start, {who, ...range})
  }

  /** null: no frame that is shown lost anything by this module. */
  of(path: string): ModuleLosses | null {
    const losses = this.#byModule.get(path)
    const module = this.#process.modules.find(each => each.path === path)
    return losses && module ? {...losses, remedies: [...this.#process.remediesFor(module)]} : null
  }

  /** The module that cost most names, with the step that helps. */
  get greatest(): {what: string; command: string | null} | null {
    const worst = [...this.#byModule]
      .filter(([, {unnamed}]) => unnamed > 0)
      .sort(([, a], [, b]) => b.unnamed - a.unnamed)
    const [path] = worst[0] ?? []
    if (path === undefined) return null
    return {what: `${basename(path)}: ${this.#describe(path)}`, command: this.of(path)?.remedies[0] ?? null}
  }

  /** In words, what of the walk of these stacks is missing. */
  whyUnfinished(): string[] {
    const reasons: string[] = []
    if (this.#unfinished > 0) reasons.push(`${this.#unfinished} of ${this.#stacks} ${UNTOLD}`)
    if (this.#guessed > 0) reasons.push(`${this.#guessed} of ${this.#stacks} stacks have frames that were guessed`)
    if (this.#process.isPartial()) reasons.push(PARTIAL)
    return reasons
  }

  /** Told once, when all stacks have been read. */
  conclude(blocking: Blocking): void {
    if (this.#isConcluded) return
    this.#isConcluded = true
    blocking.addDiagnostics(this.#process.diagnostics)
    this.#addTo(this.#process.diagnostics)
  }

  #addTo(diagnostics: Diagnostics): void {
    for (const [path, {unnamed}] of this.#byModule) {
      const severity = unnamed > 0 ? 'warning' : 'info'
      const remedies = this.of(path)?.remedies ?? []
      const hint = remedies.length > 0 ? {hint: remedies.join('; or: ')} : {}
      diagnostics.add('symbols-missing', `${this.#describe(path)}${this.#buildIdOf(path)}`, {
        severity,
        where: path,
        ...hint,
      })
    }
    for (const {who, text, hint} of this.#ranges.values()) {
      diagnostics.add('stack-not-in-core', `the stack of ${who} goes on in ${text}`, {where: who, hint})
    }
  }

  #describe(path: string): string {
    const {unnamed, withoutLine} = this.#byModule.get(path) ?? {unnamed: 0, withoutLine: 0}
    const module = this.#process.modules.find(each => each.path === path)
    const parts = [
      ...(unnamed > 0 ? [`${unnamed} ${unnamed === 1 ? 'frame has' : 'frames have'} no name`] : []),
      ...(withoutLine > 0 ? [`${withoutLine} ${withoutLine === 1 ? 'has' : 'have'} no line`] : []),
    ]
    return `${parts.join(', ')}: ${module ? whyUntold(module) : 'the file was not found'}`
  }

  #buildIdOf(path: string): string {
    const id = this.#process.modules.find(each => each.path === path)?.buildId
    return id === undefined ? ', and it has no build ID' : ` (build ID ${id})`
  }
}

function whyUntold({imageOrigin, debug}: Module): string {
  if (imageOrigin !== 'file') return 'the file was not found'
  return debug.hasInfo ? 'the debug information that was found does not say' : 'no debug information was found'
}
