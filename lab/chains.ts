import {readdirSync, readFileSync} from 'node:fs'
import {basename, join} from 'node:path'
import {programsDirectory} from './build.ts'
import type {Mode} from './programs.ts'

/** What a crash must show, as the program's own source says it. */
export interface ExpectedChain {
  readonly mode: string
  /** A signal's name, `panic` or `fatal`. */
  readonly what: string
  /**
   * Functions from the fault out; `?` has no name, `name...` is there once or more, `(reason)` is where frames are
   * missing.
   */
  readonly functions: readonly string[]
  /** Of another goroutine. */
  readonly also: readonly string[] | undefined
}

interface Stack {
  readonly frames: readonly Frame[]
  readonly missing: readonly {readonly after: number; readonly reason: string}[]
  readonly stop: string | null
}

interface Frame {
  readonly kind: string
  readonly function: string | null
  readonly module: string | null
  readonly pc: string
  readonly foundBy: string | null
}

/** What is read here of the JSON of `analyze`. */
export interface ReportToCheck {
  readonly crash: {
    readonly kind: string
    readonly signal: string | null
    readonly pc: string | null
    readonly thread: number | null
    readonly goroutine: number | null
  }
  readonly goroutines: readonly (Stack & {
    readonly id: number
    readonly thread: number | null
    readonly elided: {readonly count: number | null} | null
  })[]
  readonly threads: readonly (Stack & {
    readonly id: number
    readonly goroutine: number | null
    readonly handlerFrames: number
  })[]
}

/** The comments `chain MODE WHAT: …` and `also MODE: …` in a program's C and Go sources. */
export function readChains(program: string): Map<string, ExpectedChain> {
  const directory = join(programsDirectory, program)
  const text = readdirSync(directory)
    .filter(name => /\.(c|cc|go)$/.test(name))
    .map(name => readFileSync(join(directory, name), 'utf8'))
    .join('\n')
  const also = new Map<string, readonly string[]>()
  for (const [, mode = '', functions = ''] of text.matchAll(/\/\/ also (\S+): (.+)/g))
    also.set(mode, functions.split(' '))
  const chains = new Map<string, ExpectedChain>()
  for (const [, mode = '', what = '', functions = ''] of text.matchAll(/\/\/ chain (\S+) (\S+): (.+)/g)) {
    chains.set(mode, {mode, what, functions: functions.split(' '), also: also.get(mode)})
  }
  return chains
}

/** Whether a mode's crash is on a thread that was in no Go code: its name says so. */
function isOutsideGo(mode: Pick<Mode, 'name'>): boolean {
  return /^(stranger|returned|after-stranger|default-stranger|no-thread|deep-thread|goexit-thread)/.test(mode.name)
}

/** What is wrong with a report of a crash; nothing where all is as expected. */
export function checkChain(report: ReportToCheck, expected: ExpectedChain): string[] {
  const {crash, goroutines, threads} = report
  const wrong: string[] = []
  const what = crash.kind === 'signal' ? crash.signal : crash.kind
  if (what !== expected.what) wrong.push(`crash is ${what}, not ${expected.what}`)
  const thread = threads.find(({id}) => id === crash.thread)
  if (!thread) return [...wrong, `no thread ${crash.thread}`]
  wrong.push(...checkStack(`thread ${thread.id}`, thread, expected.functions, thread.handlerFrames))
  wrong.push(...checkGoroutine(report, expected, thread.id))
  const first = thread.frames[thread.handlerFrames]?.pc
  const isPlaceLost = expected.functions[0] === '(overwritten)'
  if (crash.kind === 'signal' && crash.pc !== (isPlaceLost ? null : first))
    wrong.push(`crash.pc ${crash.pc}, first ${first}`)
  const {also} = expected
  if (also && !goroutines.some(goroutine => checkStack('', goroutine, also).length === 0)) {
    const near = goroutines.map(goroutine => `  goroutine ${goroutine.id}: ${chainOf(goroutine, 0).join(' ')}`)
    wrong.push(`no goroutine is at ${also.join(' ')}:\n${near.join('\n')}`)
  }
  return wrong
}

/**
 * The goroutine that crashed: none where the thread was in no Go code, else the one of that thread with the expected
 * frames.
 */
function checkGoroutine({crash, goroutines}: ReportToCheck, expected: ExpectedChain, thread: number): string[] {
  if (isOutsideGo({name: expected.mode})) {
    return crash.goroutine === null ? [] : [`goroutine ${crash.goroutine} has nothing to do with it`]
  }
  if (expected.mode === 'mcall') return []
  const goroutine = goroutines.find(({id}) => id === crash.goroutine)
  if (!goroutine) return [`no goroutine ${crash.goroutine}`]
  const wrong = goroutine.thread === thread ? [] : [`goroutine ${goroutine.id} is on thread ${goroutine.thread}`]
  // Up to 1.20 the runtime shows no more than 100 frames.
  if (goroutine.elided?.count === null) return wrong
  return [...wrong, ...checkStack(`goroutine ${goroutine.id}`, goroutine, expected.functions)]
}

/** Calls that are over are no part of the stack. */
const LEFT: ReadonlySet<string> = new Set(['abandoned', 'left', 'rejoined'])

function checkStack(where: string, stack: Stack, functions: readonly string[], from = 0): string[] {
  const wrong: string[] = []
  const chain = chainOf(stack, from)
  if (!isChain(chain, functions)) wrong.push(`${where}: ${chain.join(' ')}\n  instead of ${functions.join(' ')}`)
  for (const {function: name, foundBy, kind} of stack.frames) {
    if (foundBy === null) wrong.push(`${where}: ${name} (${kind}) does not say how it was found`)
  }
  const reasons = stack.missing.map(({reason}) => reason).filter(reason => !LEFT.has(reason))
  const isWhole = stack.stop === 'end-of-stack'
  if (isWhole !== (reasons.length === 0)) wrong.push(`${where}: stop ${stack.stop}, but missing ${reasons.join(' ')}`)
  return wrong
}

function isChain(chain: readonly string[], functions: readonly string[]): boolean {
  let at = 0
  for (const name of functions) {
    const repeated = name.endsWith('...')
    const wanted = repeated ? name.slice(0, -3) : name
    if (chain[at] !== wanted) return false
    at++
    while (repeated && chain[at] === wanted) at++
  }
  return at === chain.length
}

/** The program's own functions, without the runtime's, cgo's and the C library's; and where frames are missing. */
function chainOf({frames, missing}: Stack, from: number): string[] {
  const chain: string[] = []
  let isLeft = false
  for (let index = from; index <= frames.length; index++) {
    // Of a stack above the limit both ends are there, and look like the whole.
    const reasons = missing.flatMap(({after, reason}) => (after === index && reason !== 'frame-limit' ? [reason] : []))
    if (reasons.includes('left')) isLeft = true
    if (reasons.includes('rejoined')) isLeft = false
    chain.push(...reasons.filter(reason => reason !== 'left' && reason !== 'rejoined').map(reason => `(${reason})`))
    const frame = frames[index]
    if (frame && !isLeft && isOwn(frame)) chain.push(frame.function ?? '?')
  }
  return chain
}

function isOwn({kind, function: name, module}: Frame): boolean {
  if (kind === 'signal' || kind === 'switch') return false
  if (module !== null && /^(libc|libpthread|ld-linux|libstdc\+\+|libgcc_s)\b.*\.so/.test(basename(module))) return false
  if (name === null) return true
  return !/^(runtime\.|runtime\/|internal\/|panic$|_cgo|crosscall|threadentry$|_start$|x_cgo_)|\._Cfunc_|\._cgoexpwrap_/.test(
    name,
  )
}
