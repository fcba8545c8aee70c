import {NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress, readCString} from '../../base/memory-reader.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import {SymbolTable} from '../../elf/symtab.ts'
import type {CrashReport} from '../../report/core-report.ts'
import type {SourceFrame} from '../../symbolize/source-frame.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {CrashCause} from '../crash/crash-cause.ts'
import {sourceName} from '../frames/c-frames.ts'
import {isInsideLibc, isOfLanguage} from '../frames/first-party.ts'
import {cPlumbing, isDeathOfC, libcName} from '../frames/irrelevant-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {findCaughtExceptions} from './caught-exceptions.ts'
import {type CxxException, findException} from './cxx-exception.ts'
import {findGlibMessage, readGlibAssertion} from './glib-message.ts'
import {findRustPanic, type RustPanic} from './rust-panic.ts'

type Frame = UnwindFrame
type Cause = CrashReport['cause']

interface NamedFrame {
  frame: Frame
  source: SourceFrame
  /** Without what glibc puts before its own names. */
  name: string
}

/** Frames of C above the first Go frame that are looked at: dying does not take more. */
const DEPTH = 64
const MESSAGE_LIMIT = 4096

/** What C code said of its own end: abort, a failed assertion or check of libc, an exception of C++. */
export function findDeathCause(process: DeadProcess, {thread, signal}: CrashCause): Cause {
  if (!thread) return null
  const frames = nameFrames(process, thread.frames.slice(thread.base, thread.base + DEPTH))
  const ofGlib = ENDS.has(signal?.number ?? 0) ? describeGlibDeath(process, frames) : null
  if (ofGlib) return ofGlib
  const abort = frames.findIndex(({name}) => name === 'abort')
  const names = new Set(frames.map(({name}) => name))
  if (isTerminate(frames)) return describeTerminate(process, thread.thread, frames)
  const panic = findRustPanic(
    process,
    frames.map(({frame, source}) => ({frame, name: source.function ?? ''})),
  )
  if (panic) return describePanic(panic, frames)
  if (frames.some(({source}) => RUST_OOM.test(source.function ?? '')))
    return {kind: 'rust oom', text: `an allocation of memory failed${place(frames)}`}
  const checker = CHECKS.find(([functions]) => functions.some(name => names.has(name)))
  if (abort < 0 && !checker) return null
  const message = readAbortMessage(process)
  if (message !== undefined) {
    const kind = kindOfMessage(message, checker?.[1])
    // The text of an assertion names its place itself.
    return {kind, text: kind === 'assert' ? message : message + place(frames)}
  }
  if (checker) return {kind: checker[1], text: `${checker[2]}${place(frames)}`}
  return {kind: 'abort', text: `abort was called${place(frames)}`}
}

/** What Rust's library calls where there is no memory, in old and new releases. */
const RUST_OOM =
  /^(?:(?:__rustc::)?__rust_alloc_error_handler|__r(?:g|dl)_oom|(?:std|alloc)::alloc::(?:rust_oom|handle_alloc_error|default_alloc_error_hook))(?!\w)/

/** Functions that end the process when a check fails, and what to say where libc's own text is not in the core. */
const CHECKS: readonly (readonly [functions: readonly string[], kind: string, text: string])[] = [
  [['assert_fail', 'assert_fail_base', 'assert', 'assert_perror_fail'], 'assert', 'an assertion failed'],
  [['stack_chk_fail'], 'stack-smashing', 'stack smashing was detected'],
  [['fortify_fail', 'chk_fail'], 'fortify', 'a buffer overflow was detected'],
  [['malloc_printerr'], 'malloc', 'a check of malloc failed'],
]

function nameFrames({symbolizer}: DeadProcess, frames: readonly Frame[]): NamedFrame[] {
  const found: NamedFrame[] = []
  for (const frame of frames) {
    if (frame.kind === 'go') break
    if (frame.kind === 'signal') continue
    for (const source of symbolizer.locate(frame.pc, frame.lookupPc)) {
      const name = libcName(source.function)
      found.push({frame, source, name})
    }
  }
  return found
}

/** SIGTRAP by G_BREAKPOINT, SIGABRT by abort. */
const ENDS: ReadonlySet<number> = new Set([5, 6])
const GLIB_ASSERTION = /^g_(assertion_message|assert_warning)/
const GLIB_LOG = /^_?g_(log|logv|log_\w+)$/
/** The functions of GLib that end the process stand on top, but for abort and raise. */
const GLIB_DEPTH = 6

function describeGlibDeath(process: DeadProcess, frames: readonly NamedFrame[]): Cause {
  const top = frames.slice(0, GLIB_DEPTH)
  if (top.some(({name}) => GLIB_ASSERTION.test(name))) {
    return {kind: 'assert', text: (readGlibAssertion(process) ?? 'an assertion of GLib failed') + place(frames)}
  }
  const first = top.findIndex(({name}) => GLIB_LOG.test(name))
  const isOnTop = first === 0 || top.slice(0, first).every(({source}) => isOfLanguage(source) || isPartOfDying(source))
  if (first < 0 || !isOnTop) return null
  const logging = frames.filter(({name}) => GLIB_LOG.test(name)).map(({frame}) => frame)
  const message = findGlibMessage(process, logging)
  return {kind: 'glib', text: `${message ?? 'a message of GLib that ends the process'}${place(frames)}`}
}

function describePanic({text, location}: RustPanic, frames: readonly NamedFrame[]): Cause {
  const at = location === undefined ? '' : ` at ${location}`
  return {kind: 'rust panic', text: `panicked${at}${text === undefined ? '' : `: ${text}`}${place(frames)}`}
}

/**
 * The first frame that is neither a language's library nor machinery: who asked for the end. Else the first that is no
 * machinery.
 */
function place(frames: readonly NamedFrame[]): string {
  const end = frames.findLastIndex(({source: {function: name}}) => name !== null && isDeathOfC(name))
  const candidates = frames.slice(end + 1).filter(({source}) => !isPartOfDying(source))
  const found = candidates.find(({source}) => !isOfLanguage(source)) ?? candidates[0]
  if (!found) return ''
  const {function: name, file, line} = found.source
  const at = file === null ? '' : ` (${line === null ? file : `${file}:${line}`})`
  return `, in ${sourceName(name ?? '')}${at}`
}

function isPartOfDying(source: SourceFrame): boolean {
  const {function: name, file, inlined} = source
  if (name === null || cPlumbing(name) !== undefined || isInsideLibc(source)) return true
  // glibc's checking strcpy and its like are inlined from its headers.
  return inlined && file !== null && /\/bits\/[^/]*$/.test(file)
}

/**
 * glibc keeps what it prints before it aborts: `__abort_msg` points to struct abort_msg_s, the size and then the text
 * (glibc, include/stdlib.h), for exactly this purpose.
 */
function readAbortMessage({modules, memory}: DeadProcess): string | undefined {
  for (const module of modules) {
    // A program that is linked statically has the C library in itself.
    if (!module.isExecutable && !/(^|\/)libc[.-]|ld-linux/.test(module.path)) continue
    const symbol = module.image && SymbolTable.of(module.image).lookup('__abort_msg')
    if (!symbol || symbol.address === NULL_ADDRESS) continue
    const message = readAddress(memory, module.toAddress(symbol.address)) ?? NULL_ADDRESS
    const text = message === NULL_ADDRESS ? undefined : readCString(memory, toAddress(message + 4), MESSAGE_LIMIT)
    if (text?.trimEnd()) return text.trimEnd()
  }
  return undefined
}

/** By glibc's last message; `libc` where that is of none of its checks. */
export function kindOfMessage(message: string, fallback: string | undefined): string {
  if (/Assertion .* failed\.|Unexpected error: /.test(message)) return 'assert'
  if (message.includes('stack smashing')) return 'stack-smashing'
  if (message.includes('buffer overflow') || message.includes('%n in')) return 'fortify'
  return fallback ?? (OF_MALLOC.test(message) ? 'malloc' : 'libc')
}

/**
 * What malloc's checks say, by the function that found it or by what is broken; up to 2.25 behind the program's name
 * (glibc, malloc/malloc.c, malloc/mcheck.c).
 */
const OF_MALLOC =
  /^(?:\*\*\* Error in `.*': )?(?:(?:free|malloc|calloc|realloc|memalign|_int_\w+|\w+_chunk|malloc_\w+|tcache_\w+)\(\)|double free|corrupted |invalid fastbin|malloc: top chunk|break adjusted|memory clobbered|block freed)/

/**
 * Where libstdc++ is stripped its own terminate has no name, but throwing does: an abort above it is nothing else. The
 * unwinder alone says nothing: it calls functions of a program too (_Unwind_Backtrace, _Unwind_ForcedUnwind), and it
 * comes to terminate by the personality of C++ only.
 */
function isTerminate(frames: readonly NamedFrame[]): boolean {
  const isNamed = (pattern: RegExp) => (frame: NamedFrame) => pattern.test(frame.source.function ?? '')
  if (frames.some(isNamed(TERMINATE)) || frames.some(({name}) => /^cxa_(?:pure|deleted)_virtual$/.test(name)))
    return true
  const abort = frames.findIndex(({name}) => name === 'abort')
  return abort >= 0 && frames.slice(abort).some(isNamed(ENDS_IN_TERMINATE))
}

const TERMINATE =
  /^(std::terminate\(\)|__cxxabiv1::__terminate|__cxa_call_terminate|__gnu_cxx::__verbose_terminate_handler)/
const ENDS_IN_TERMINATE =
  /^(__cxa_(throw|rethrow|call_terminate)|__clang_call_terminate|std::rethrow_exception|__gxx_personality|__cxxabiv1::__cxa)/
const RAISES = new RegExp(`${ENDS_IN_TERMINATE.source}|^_Unwind_`)

function describeTerminate(process: DeadProcess, thread: CoreThread, frames: readonly NamedFrame[]): Cause {
  const where = placeOfThrow(frames)
  const caught = findCaughtExceptions(process, thread, new Set(frames.map(({source}) => source.module ?? '')))
  const raising = frames.filter(({source: {function: name}}) => name !== null && RAISES.test(name))
  if (raising.length > 0) {
    const uncaught =
      caught?.[0] ??
      findException(
        process,
        raising.map(({frame}) => frame),
      )
    if (uncaught) return {kind: 'c++ exception', text: `uncaught ${spell(uncaught)}${where}`}
  }
  const reason = reasonOfTerminate(frames)
  if (caught?.[0]) return {kind: 'c++ terminate', text: `${reason} in a handler of ${spell(caught[0])}${where}`}
  const isAlone = caught !== undefined && reason === TERMINATED
  return {kind: 'c++ terminate', text: `${reason}${isAlone ? ' without an exception' : ''}${where}`}
}

function spell({type, what, held}: CxxException): string {
  if (what !== undefined) return `${type}: ${what}`
  return held === undefined ? type : `${type} (its what() is not known; it holds the text: ${held})`
}

const TERMINATED = 'std::terminate was called'

function reasonOfTerminate(frames: readonly NamedFrame[]): string {
  if (frames.some(({name}) => name === 'cxa_pure_virtual')) return 'a pure virtual function was called'
  if (frames.some(({name}) => name === 'cxa_deleted_virtual')) return 'a deleted virtual function was called'
  return TERMINATED
}

/** Below the last frame of the C++ runtime stands who threw. */
function placeOfThrow(frames: readonly NamedFrame[]): string {
  const last = frames.findLastIndex(
    ({source: {function: name}}) => name !== null && (TERMINATE.test(name) || RAISES.test(name)),
  )
  return place(frames.slice(last + 1))
}
