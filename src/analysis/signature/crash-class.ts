import {SI_KERNEL, SI_TKILL, SI_USER} from '../../amd64/signal-numbers.ts'
import type {CrashReport} from '../../report/core-report.ts'
import type {PanicValue} from './panic-values.ts'

/** What kind of death it was. */
export interface CrashClass {
  /** Wide, for the family: `signal SIGSEGV`, `panic`, `fatal`. */
  readonly kind: string
  /** Which of that kind, for `exact`; empty: nothing more is known. */
  readonly detail: string
  /** Somebody else ended the process: no stack of it is to blame. */
  readonly isFromOutside: boolean
  /** A stack ran over: how deep it was, and in what, is chance. */
  readonly isOverflow: boolean
  /** Everything waits for everything. */
  readonly isDeadlock: boolean
}

const TEXT_LIMIT = 200

/**
 * @param panics those that were under way, the newest first
 * @param fault how memory was touched, where that ended it
 */
export function classifyCrash(
  crash: CrashReport,
  pid: number | null,
  panics: readonly PanicValue[] = [],
  fault = '',
): CrashClass {
  const {message} = crash
  const sender = outsider(crash, pid)
  const isOverflow = message === 'stack overflow'
  const isDeadlock = message?.startsWith('all goroutines are asleep') === true
  const kind = crash.kind === 'signal' ? `signal ${crash.signal ?? ''}`.trim() : crash.kind
  const traits = {kind, isFromOutside: sender !== undefined, isOverflow, isDeadlock}
  if (sender !== undefined) return {...traits, kind: `${kind} from ${sender}`, detail: ''}
  if (crash.kind === 'panic') return {...traits, detail: `${classOfPanics(message, panics)} ${fault}`.trim()}
  if (crash.kind === 'fatal')
    return {...traits, detail: [foldText(message ?? ''), crash.signal ?? '', fault].join(' ').trim()}
  if (crash.cause !== null) return {...traits, detail: classOfCause(crash.cause)}
  return {...traits, detail: isRaised(crash) ? 'raised' : fault}
}

/** The process sent a signal to itself that is else one of the processor; abort sends no other than its own. */
function isRaised({signal, code}: CrashReport): boolean {
  return signal !== 'SIGABRT' && code !== null && SENT.has(code)
}

/** What a process sends to itself, by abort or raise, has a stack that did it. */
function outsider({kind, code, signal, senderPid, cause}: CrashReport, pid: number | null): string | undefined {
  if (kind !== 'signal' || code === null || cause !== null) return undefined
  // The terminal's SIGQUIT, and limits of the processor's time, come from the kernel; a fault of memory does, too.
  if (code === SI_KERNEL) return SENT_BY_KERNEL.has(signal ?? '') ? 'the kernel' : undefined
  if (!SENT.has(code) || senderPid === pid) return undefined
  return senderPid === null && code === SI_TKILL ? undefined : 'outside'
}

/** By kill, sigqueue and tgkill (sigaction(2)): the sender is told. */
const SENT: ReadonlySet<number> = new Set([SI_USER, -1, SI_TKILL])

const SENT_BY_KERNEL: ReadonlySet<string> = new Set(['SIGQUIT', 'SIGXCPU', 'SIGABRT', 'SIGTERM', 'SIGINT', 'SIGHUP'])

/** Panics of one goroutine that are told apart. */
const PANICS_LIMIT = 8

/** A panic while another one was under way is another bug than the same alone; one that is raised again is not. */
function classOfPanics(message: string | null, panics: readonly PanicValue[]): string {
  const [{type} = {type: null}, ...older] = panics
  const classes = [classOfPanic(message ?? '', type)]
  for (const each of older.slice(0, PANICS_LIMIT)) {
    if (each.text === null || each.text === message) continue
    classes.push(classOfPanic(each.text, each.type))
  }
  return [...new Set(classes)].join(', during panic ')
}

/** A string tells all by its text, and an error of the runtime too. */
const TOLD_BY_TEXT = /^(?:string$|runtime\.|\*runtime\.)/

function classOfPanic(message: string, type: string | null): string {
  const text = classOfText(message)
  return type === null || TOLD_BY_TEXT.test(type) ? text : `${stableTypeName(type)}: ${text}`
}

/** Without the arguments of generic types; what io/fs took over from os in Go 1.16 is called as it is since. */
function stableTypeName(type: string): string {
  if (type === '*os.PathError') return '*fs.PathError'
  const [first, last] = [type.indexOf('['), type.lastIndexOf(']')]
  return first < 0 || last < first ? type : `${type.slice(0, first)}[...]${type.slice(last + 1)}`
}

/** Of an error of the runtime its kind alone: which index, which length, which bound of a slice is the data's. */
function classOfText(message: string): string {
  const text = message.replace(/^runtime error: /, '')
  const known =
    /^(?:index out of range|slice bounds out of range|slice length too short|makeslice: |hash of unhashable)/
  const kind = known.exec(text)?.[0].trim()
  if (kind !== undefined) return kind === 'hash of unhashable' ? foldText(text) : kind
  const conversion = /^interface conversion: (?:.*? is .*?, not (.*)|.* is not (.*?): (missing method \S+))$/.exec(text)
  if (conversion)
    return `interface conversion: not ${[conversion[1], conversion[2], conversion[3]].filter(Boolean).join(': ')}`
  const pointer = CGO_CHECK.exec(text)
  return pointer ? `Go pointer in ${pointer[1] ? 'an argument' : 'a result'} of cgo` : foldText(text)
}

/** Of a pointer that C must not have; said otherwise up to 1.20, since 1.21 and since 1.26 (runtime/cgocall.go). */
const CGO_CHECK =
  /^(?:(cgo argument|argument of cgo function)|cgo result|result of Go function \S+ called from cgo) .*Go/

/** What C code said of its own end: without the place, which frames tell, and without what the data were. */
function classOfCause({kind, text}: NonNullable<CrashReport['cause']>): string {
  if (kind === 'assert')
    return `assert ${/Assertion [`'‘](.*)['’] failed/.exec(text)?.[1] ?? foldText(withoutPlace(text))}`
  // What only builds with symbols tell, of a library in the program's own file, is left to the code of its functions.
  if (kind === 'abort' || kind === 'rust panic' || kind === 'rust oom') return ''
  if (kind === 'malloc') return `malloc ${/double free|invalid pointer|invalid size/.exec(text)?.[0] ?? 'corruption'}`
  const isSaid = kind === 'glib' || kind === 'libc' || kind === 'c++ exception' || kind === 'c++ terminate'
  return isSaid ? `${kind} ${foldText(withoutPlace(text))}` : kind
}

/** native-cause.ts puts the place last. */
function withoutPlace(text: string): string {
  const place = text.lastIndexOf(', in ')
  return place < 0 ? text : text.slice(0, place)
}

/**
 * The first line of a text, without what changes from one crash to the next: numbers, addresses, times, identifiers,
 * quoted parts.
 */
function foldText(text: string): string {
  const line =
    text
      .slice(0, 4096)
      .split('\n')
      .find(each => each.trim() !== '') ?? ''
  return line
    .trim()
    .replace(/"(?:[^"\\]|\\.)*"|`[^`]*`|(?<!\w)'[^']*'(?!\w)|‘[^’]*’|“[^”]*”/g, '""')
    .replace(/\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/gi, '#')
    .replace(/\b0x[0-9a-f]+\b/gi, '#')
    .replace(/(?<![\w.])(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+(?!\w)/g, '#')
    .replace(/\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{8,}\b/gi, '#')
    .replace(/\d+/g, '#')
    .replace(/(?<![\w#])[-+]#/g, '#')
    .replace(/#(?:[\s.,:;/T-]{1,3}[-+]?#)+/g, '#')
    .slice(0, TEXT_LIMIT)
}
