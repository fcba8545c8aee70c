/** A function on a stack, as a text or a profile has it. */
export interface DumpedFrame {
  readonly function: string
  readonly file: string | null
  readonly line: number | null
  /** Of C: a traceback has it without arguments. */
  readonly isC: boolean
}

/** Goroutines with one stack, as a text or a profile has them. */
export interface DumpedStack {
  readonly count: number
  /** IDs; empty where a profile counts alone. */
  readonly goroutines: readonly number[]
  /** The first word of the brackets: a wait reason or a status; null where a profile tells none. */
  readonly state: string | null
  /** Innermost first. */
  readonly frames: readonly DumpedFrame[]
  /** The function of the `go` statement; null: none, or a profile tells none. */
  readonly createdBy: string | null
  /** Frames are missing: it may be one of the others. */
  readonly isPartial: boolean
  /** How many of the frames come before those that the dump leaves out of a deep stack; null: it leaves out none. */
  readonly cutAfter: number | null
}

/** The stacks of a dump, an array for one, by index; those that are read again are made again. */
export interface StackList extends Iterable<DumpedStack> {
  at(index: number): DumpedStack | undefined
  entries(): Iterable<[number, DumpedStack]>
}

/** Stacks of a profile end there: at 32 up to Go 1.22, then at 128 (runtime/pprof, maxProfStackDepth). */
export const PROFILE_DEPTH = 32

/** A wait reason or a status alone: without what the scheduler or a bubble adds, minutes, and labels. */
export function plainState(state: string): string {
  const [first = ''] = state.replace(/ labels:\{.*$/s, '').split(', ', 1)
  return first.replace(/(?: \((?:leaked|scan|durable)\))+$/, '')
}

/** What the runtime starts every goroutine with, below its first function. */
const OUTERMOST = 'runtime.goexit'

/** Whether a dump has frames of the runtime too, as the higher levels of GOTRACEBACK ask for: wrappers among them. */
export function isInFull(stacks: Iterable<DumpedStack>): boolean {
  for (const {frames} of stacks) if (frames.some(frame => frame.function === OUTERMOST)) return true
  return false
}

/**
 * Whether the runtime started it for itself: its first function is one of the runtime, and nothing of the program runs
 * on it, as a finalizer would.
 */
export function isSystemStack(frames: readonly DumpedFrame[]): boolean {
  const names = frames.filter(({isC}) => !isC).map(frame => frame.function)
  const start = names.filter(name => name !== OUTERMOST).at(-1)
  return start !== undefined && start !== 'runtime.main' && names.every(name => name.startsWith('runtime.'))
}

/** A function of Go as tracebacks name it: type arguments are cut out (runtime, printFuncName). */
export function withoutTypeArguments(name: string): string {
  let depth = 0
  let out = ''
  for (const char of name) {
    if (char === '[' && depth++ === 0) out += '[...]'
    if (depth === 0) out += char
    if (char === ']' && depth > 0) depth--
  }
  return out
}
