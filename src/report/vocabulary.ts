import {basename} from 'node:path'

/**
 * Words of the report that scripts match on, each with what it says: a word keeps its meaning and never goes; new ones
 * may come. docs/json-schema.md and the published schemas say the same. The codes of diagnostics and of errors are in
 * `base`.
 */

/** How a frame was found. */
export const FOUND_BY = {
  context: 'the registers of the thread',
  gobuf: 'where the Go runtime saved that the goroutine goes on',
  syscall: 'where the Go runtime saved that the goroutine entered a system call or C',
  cfi: 'unwind information of the frame that it called',
  pcsp: 'the frame size in the Go tables of the frame that it called',
  'frame-pointer': 'the frame pointer, checked against the code',
  code: 'the code of the function that it called directly, which says how much that had pushed',
  'signal-frame': 'what the kernel saved when a signal came',
  'stack-switch':
    'what the Go runtime saved when it changed stacks, between Go and C or between a goroutine and its thread',
  'saved-fault':
    'the place of the fault that the Go runtime kept (`g.sigpc`); what lies around it is lost, and where its frame was',
  'saved-cgo-callers': 'the list of C callers that the handler of the Go runtime had saved (`m.cgoCallers`)',
  hook: 'a function that the program gave to `runtime.SetCgoTraceback`, run over the core',
  'tail-call':
    'the call sites that DWARF lists: it left by a jump, and no other way leads from its caller to the frame it called',
  scan: 'guessed: read off the code or the stack, and checked by the call instruction before it alone',
} as const satisfies Readonly<Record<string, string>>

export type FoundBy = keyof typeof FOUND_BY

/** Why the walk of a stack ended; anything but the first means that outer frames are missing. */
export const STOP_REASONS = {
  'end-of-stack': 'the outermost frame was reached',
  unmapped: 'what should be the next frame is not in memory',
  'no-progress': 'the next frame is not above this one',
  overwritten: 'what should tell the next frame was written over',
  'no-unwind-info': 'nothing tells how to find the next frame',
  'frame-limit': 'the limit of frames (`--max-frames`) was reached',
  timeout: 'the time (`--timeout`) was over',
} as const satisfies Readonly<Record<string, string>>

export type StopReason = keyof typeof STOP_REASONS

/** Why frames are missing in a stack, at its end or further in. */
const {'end-of-stack': _, ...UNFINISHED} = STOP_REASONS
export const MISSING_REASONS = {
  abandoned: 'a panic or `runtime.Goexit` has left this callback, and its C stack was used anew',
  left: 'C has left the calls below by longjmp: the Go runtime lists them, but they are no part of the stack any more',
  rejoined: 'C has not left the calls below: here the stack goes on as it is',
  frameless: 'without the code, a function without a frame, or what older calls left, may hide a caller',
  ...UNFINISHED,
} as const satisfies Readonly<Record<string, string>>

export type MissingReason = keyof typeof MISSING_REASONS

/** What became of a variable. */
export const VARIABLE_STATES = {
  ok: 'the value is whole',
  'optimized-out': 'the compiler has kept no value at this place in the code',
  'not-saved': 'it was in a register that the called function may have changed, and that nobody has saved',
  unreadable: 'what holds it, or tells where it is, is not in memory, not in the core, or damaged',
  cut: 'parts were left out for the limits (`--value-depth`, `--value-elements`, `--value-bytes`)',
} as const satisfies Readonly<Record<string, string>>

export type VariableState = keyof typeof VARIABLE_STATES

/** Who waits for a lock or holds it: a thread, the goroutine on it, or both. */
export interface Party {
  readonly thread: number | null
  readonly goroutine: number | null
  /** Path of the program or library whose Go runtime the goroutine is of; null: there is one alone. */
  readonly image: string | null
}

export function nameParty({thread, goroutine, image}: Party): string {
  const name = `goroutine ${goroutine ?? '?'}${image === null ? '' : ` of ${basename(image)}`}`
  if (thread === null) return name
  return goroutine === null ? `thread ${thread}` : `thread ${thread} (${name})`
}

/** Where code lies in its file, which is what a symbolizer needs later: `libc.so.6+0x8a3c1`. */
export function placeInModule(place: {module: string | null; moduleOffset: string | null}): string | undefined {
  const {module, moduleOffset} = place
  return module === null || moduleOffset === null ? undefined : `${basename(module)}+${moduleOffset}`
}

/** What a user can say of a signature in a store. */
export const MARK_STATES = {
  known: 'somebody knows of it',
  fixed: 'a build has it mended',
  'wont-fix': 'it stays as it is',
  new: 'what was said before is taken back',
} as const satisfies Readonly<Record<string, string>>

/** How a signature in a store stands. */
export const SIGNATURE_STATES = {
  new: 'nothing was said of it',
  known: 'somebody knows of it',
  fixed: 'a build has it mended, and it was not seen since',
  regressed: 'it was seen in the build that has it mended, or in a later one',
  'wont-fix': 'it stays as it is',
} as const satisfies Readonly<Record<string, string>>

/** What tells that a build is not older than the one that has a bug mended, the surest first. */
export const REGRESSION_PROOFS = {
  'same-build': 'it is that build',
  'vcs-time': 'its commit is younger',
  version: 'its version is higher',
  'first-seen': 'its first core is younger than that of the other build, or, of a build not seen, than the mark',
} as const satisfies Readonly<Record<string, string>>

/** What became of a signature, or of goroutines with one stack, from one dump to another. */
export const CHANGES = {
  new: 'only in the second',
  gone: 'only in the first',
  grown: 'more in the second',
  shrunk: 'fewer in the second',
  same: 'as many in both',
} as const satisfies Readonly<Record<string, string>>

/** What a file serves as that is looked for by build ID (debuginfod(8)). */
export const ARTIFACTS = {
  executable: 'code: a program or a library',
  debuginfo: 'debug information: a debug file, or a program that has it inside',
} as const satisfies Readonly<Record<string, string>>

export const ARTIFACT_NAMES = Object.keys(ARTIFACTS) as Artifact[]

/** What became of a file of a symbol store. */
export const SYMBOL_FILE_STATES = {
  stored: 'it was put there',
  held: 'it was there already',
  missing: '`symbols pull`: nobody has it',
  'left-out': '`symbols push`: it cannot be kept by build ID',
} as const satisfies Readonly<Record<string, string>>

export type Artifact = keyof typeof ARTIFACTS
export type MarkState = keyof typeof MARK_STATES
export type SignatureState = keyof typeof SIGNATURE_STATES
export type RegressionProof = keyof typeof REGRESSION_PROOFS
export type Change = keyof typeof CHANGES
