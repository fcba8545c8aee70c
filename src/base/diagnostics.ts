import {FormatError, GotraceError, messageOf, TruncatedFileError} from './errors.ts'

export type Severity = 'info' | 'warning' | 'error'

/**
 * Every code that a diagnostic can have, and what it says. Scripts match on them: a code keeps its meaning and never
 * goes.
 */
export const DIAGNOSTIC_CODES = {
  'allgs-unreadable':
    'the list of goroutines (`runtime.allgs`) is missing or damaged, or a part of it is not in the core',
  'bad-cfi': 'unwind information (`.eh_frame`, `.debug_frame`) is damaged; frames there are found by other means',
  'bad-core-note': 'one note of the core is damaged and was left out',
  'bad-core-notes': 'the notes of the core are damaged from some point on; threads or mappings may be missing',
  'bad-file': 'a file that should have been a debug file is damaged and was not used',
  'bad-image': 'an image that the kernel maps into every process (the vDSO) is damaged in the core',
  'bad-moduledata': 'the description of the Go code (`runtime.firstmoduledata`) is damaged, or of no known release',
  'bad-section': 'one section of a file is damaged and was left out',
  'bad-section-headers': 'the section headers of a file are damaged; its program headers alone are used',
  'bad-split-package': 'a file of split DWARF (`.dwp`) is damaged and was left out',
  'blocked-chain': 'a lock of C whose owner waits in Go: a deadlock, if a waiter holds what that waits for',
  'build-id-mismatch': 'a file is another build than the one that ran, and was not used',
  'cause-lost': 'the Go runtime ended the process itself, and nothing tells why',
  'cgo-hook-refused':
    'a function of the program that was run over the core (`--cgo-frames hooks`) asked for what it did not get: a file, a system call',
  'cgo-hook-stopped':
    'a function of the program that was run over the core (`--cgo-frames hooks`) did not return; the usual symbolizer answers in its place',
  'cgo-hooks-unknown': 'what `runtime.SetCgoTraceback` was given cannot be found out',
  'core-truncated': 'the core ends before what it promises',
  deadlock: 'threads or goroutines that wait for one another, by the owners that the locks name',
  'debug-file-mismatch': 'a debug file is of another build than its module, and was not used',
  'debuginfod-failed': 'a debuginfod server did not answer as it should',
  'dwarf-aranges': '`.debug_aranges` is damaged; units are found by their own ranges',
  'dwarf-unit': 'a unit of DWARF is damaged or of an unknown version; names and lines of its code may be missing',
  'exe-is-debug-file': 'the file given with `--exe` holds debug information alone, not the program',
  'file-changed': 'a file was changed while it was read: what the report says of it may be of no one state',
  'go-version-unknown': 'nothing names the Go release; it was taken from what the data look like',
  'go-version-unsupported': 'there is no table of runtime structures for this Go release; the nearest one was used',
  'goroutine-unreadable': 'a goroutine of the list is not in the core',
  'goroutines-searched': 'without a list goroutines were searched for in memory; some may be missing',
  'layout-doubtful': 'structures of the Go runtime look damaged, or are of an unknown layout',
  'layout-mismatch': 'the layouts that were to be expected do not fit the process; others do and were used',
  'machine-doubtful': 'a thread’s storage tells of another M than its ID and its stack do, which were believed',
  'machine-list-cycle': 'the list of Ms (`runtime.allm`) runs in a circle or does not end',
  'machine-unreadable': 'an M of the list is not in the core; those behind it are missing',
  'memory-hole': 'zeros stand where a thread had its stack or its storage: the core’s writer could not read them',
  'memory-left-out': 'the core was made without most of the memory that the process wrote to (`coredump_filter`)',
  'module-not-found': 'the file of the program or of a library was not found',
  'module-unverified': 'a file was used though nothing proves that it is the build that ran',
  'modules-left-out':
    'the core tells of more executables and libraries than are looked at; the others are not in the report',
  'no-such-goroutine': 'a goroutine that was asked for is not alive in this core',
  'no-supplementary-file': 'the file that dwz moved shared debug information to was not found',
  'no-text-start': 'the function table of a Go file is relative to an address that nothing tells',
  'page-not-kept': 'a minimised core (`minimise`) holds nothing of some memory that this command and its flags need',
  redacted:
    'arguments, environment, texts out of the memory of the process, registers and home folders were left out (`--redact`)',
  'runtime-not-found': 'the roots of the Go runtime cannot be found: there are no goroutines in the report',
  'section-too-large':
    'a section is larger than is read, all sections of one process together (`--section-memory`): names and lines that it holds are missing',
  'signal-frame-overwritten':
    'what the kernel saved when a signal came was written over; the place or registers of that moment may be lost',
  'source-not-found': 'the source of a frame that was to be shown (`--source`) is not here, or not as it was',
  'split-dwarf-missing': 'a `.dwo` or `.dwp` file was not found',
  'stack-not-in-core': 'a part of a stack that the walk needed was cut off or left out of the core',
  'symbols-failed': 'a symbol store did not answer as it should',
  'symbols-missing': 'frames of a module have no name or no line: its symbols or its file are not here',
  'symbols-unreadable': 'the symbols of a module are damaged; some frames of it have no name or no line',
  'thread-gone':
    'a goroutine runs on a thread that the core does not have: it ended behind the runtime’s back, or is lost',
  timeout: 'the time (`--timeout`) was over: what `where` names was not finished, and a part of the report is missing',
  'too-many-files': 'this process may have no more files open (`ulimit -n`): further ones were not used',
  'too-many-stacks':
    'more different stacks or labels than can be held: the inner frames of some, or their labels, were left out',
  'unpacking-failed': 'the compressed core could be unpacked in part alone; that part was used',
} as const satisfies Readonly<Record<string, string>>

export type DiagnosticCode = keyof typeof DIAGNOSTIC_CODES

/** A thing that lowered the detail of the report, and what would help. */
export interface Diagnostic {
  code: DiagnosticCode
  severity: Severity
  message: string
  /** File, section and offset, thread or goroutine; null where it concerns the whole run. */
  where: string | null
  /** How often the same code was raised at the same place. */
  count: number
  /** The next command or step to try; null where nothing helps. */
  hint: string | null
}

export interface DiagnosticDetails {
  severity?: Severity
  where?: string
  hint?: string
}

/** Of what another counted: it may be anything. */
const COUNT_MAX = 1_000_000

/** Different places of one code that are kept; further ones only count on the last. */
const PLACES_PER_CODE = 20

/** Append-only list; repeats of one code at one place are counted, not kept. */
export class Diagnostics {
  readonly #byKey = new Map<string, Diagnostic>()
  readonly #placesOfCode = new Map<string, number>()
  readonly #checks: (() => void)[] = []
  #told = 0

  /** What can only be told when all is read: `check` runs before each listing. */
  beforeList(check: () => void): void {
    this.#checks.push(check)
  }

  add(code: DiagnosticCode, message: string, details: DiagnosticDetails = {}): void {
    this.#told++
    const places = this.#placesOfCode.get(code) ?? 0
    const key = places >= PLACES_PER_CODE ? code : `${code}\0${details.where ?? ''}`
    const known = this.#byKey.get(key) ?? this.#byKey.get(`${code}\0${details.where ?? ''}`)
    if (known) {
      known.count++
      return
    }
    this.#placesOfCode.set(code, places + 1)
    this.#byKey.set(key, {
      code,
      severity: details.severity ?? 'warning',
      message,
      where: details.where ?? null,
      count: 1,
      hint: details.hint ?? null,
    })
  }

  /**
   * Records a typed error at its unit of loss. Anything else is a bug of ours and is thrown on.
   * @throws whatever is not a GotraceError
   */
  addError(code: DiagnosticCode, error: unknown, details: DiagnosticDetails = {}): void {
    if (!(error instanceof GotraceError)) throw error
    const where =
      details.where ?? (error instanceof FormatError || error instanceof TruncatedFileError ? error.where : undefined)
    this.add(code, messageOf(error), where === undefined ? details : {...details, where})
  }

  /** Takes over what was noted elsewhere, each with its count. */
  addAll(others: Diagnostics): void {
    for (const each of others.list()) this.addKnown(each)
  }

  /** Takes over one that was noted elsewhere, with its count. */
  addKnown({code, message, severity, where, count, hint}: Diagnostic): void {
    const details = {severity, ...(where === null ? {} : {where}), ...(hint === null ? {} : {hint})}
    for (let time = 0; time < Math.min(count, COUNT_MAX); time++) this.add(code, message, details)
  }

  /** How often something was told by now. */
  get told(): number {
    return this.#told
  }

  list(): Diagnostic[] {
    for (const check of this.#checks) check()
    return [...this.#byKey.values()]
  }
}

/** What outlives one report tells the report that is being made. */
export class ForwardedDiagnostics extends Diagnostics {
  #to: Diagnostics | undefined
  #hasTold = false

  /** Something was told since `forwardTo`. */
  get hasTold(): boolean {
    return this.#hasTold
  }

  override get told(): number {
    return this.#to?.told ?? 0
  }

  forwardTo(to: Diagnostics): void {
    this.#to = to
    this.#hasTold = false
  }

  override add(code: DiagnosticCode, message: string, details: DiagnosticDetails = {}): void {
    this.#hasTold = true
    this.#to?.add(code, message, details)
  }
}
