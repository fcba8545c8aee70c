import {isUserAddress} from '../../amd64/canonical-address.ts'
import type {RegisterSet} from '../../amd64/register-set.ts'
import {BUS_ADRERR, SEGV_ACCERR, SIGBUS, SIGSEGV} from '../../amd64/signal-numbers.ts'
import {type Address, addressOfWord, hex, type Word} from '../../base/address.ts'
import {readString, readWord} from '../../base/memory-reader.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {type DeadProcess, isNamelessImage} from '../process/dead-process.ts'
import type {ThreadStack} from '../stacks/thread-walk.ts'
import type {CrashCause} from './crash-cause.ts'
import {fatalLines, type PanicFacts, panicLines, signalLine} from './crash-header.ts'
import {savedSignal} from './first-fault.ts'
import type {Death} from './runtime-death.ts'
import type {Throwing} from './traceback-level.ts'

const MESSAGE_LIMIT = 64 * 1024
/** runtime.maxstackceiling (1.17+) on 64-bit systems: whatever debug.SetMaxStack was given (runtime/proc.go: main). */
const STACK_CEILING = 2_000_000_000n

/** Pointers below are taken for nil (runtime.sigpanic). */
const NIL_END = 0x1000n

type Description = Pick<CrashCause, 'kind' | 'signal' | 'duringCgo' | 'message' | 'header'>

export function describeDeath(
  process: DeadProcess,
  goroutine: Goroutine,
  current: Goroutine | undefined,
  death: Death,
  systemThread: ThreadStack | undefined,
): Description {
  if (death.caller === 'runtime.gopanic' || death.caller === 'runtime.goexit' || death.by === 'runtime.fatalpanic') {
    return describePanic(process, goroutine)
  }
  // A user's error alone looks at the panics of the goroutine: a throw is the runtime's own.
  const pending = death.caller === 'runtime.fatal' ? panicFacts(process, goroutine) : []
  const described = describeThrow(process, goroutine, current, readThrowText(process, death), pending)
  const {signal} = described
  const registers = signal && systemThread && registersAt(systemThread, signal.pc)
  return registers ? {...described, signal: {...signal, registers}} : described
}

export function describePanic(process: DeadProcess, goroutine: Goroutine): Description {
  const panics = panicFacts(process, goroutine)
  const signal = savedSignal(goroutine)
  const lines = savedSignalLines(goroutine)
  const header = [...panicLines(panics, process.version), ...lines]
  // Of one that was raised again the older record alone is printed, and made a string (preprintpanics, 1.25+).
  const printed = panics.find((_, at) => !panics[at + 1]?.repanicked)
  return {kind: 'panic', signal, duringCgo: false, message: printed?.text ?? null, header}
}

function panicFacts(process: DeadProcess, goroutine: Goroutine): PanicFacts[] {
  return goroutine.panics.map(({value, recovered, repanicked, goexit}) => ({
    text: value.text ?? textWithoutType(process, value) ?? `(${value.typeName ?? '?'}) ${hex(value.data)}`,
    recovered,
    repanicked,
    goexit,
  }))
}

/**
 * Types are gone with the executable; but before printing the runtime makes errors and Stringers strings
 * (preprintpanics).
 */
function textWithoutType(process: DeadProcess, value: {data: Word}): string | null {
  const header = process.tables ? undefined : addressOfWord(value.data)
  return header === undefined ? null : readText(process, header)
}

/** @param likely what the text of a throw can be that nothing tells */
export function describeThrow(
  process: DeadProcess,
  goroutine: Goroutine,
  current: Goroutine | undefined,
  message: string | null,
  pending: readonly PanicFacts[] = [],
  likely: readonly string[] = [],
): Description {
  const signal = savedSignal(goroutine)
  const lines = savedSignalLines(goroutine)
  const before = message === null ? [] : linesBeforeThrow(process, message, goroutine.signal, current)
  const lost = `(its text is not in the core${likely.length === 0 ? '' : `: ${likely.join(', or ')}`})`
  const text = fatalLines(message ?? lost, process.version, pending)
  // A fault in the runtime becomes this throw, up to 1.20 one in C too: the fault is the cause.
  const isFault = signal !== undefined && message === THROWN_IN_RUNTIME
  const duringCgo = isFault && isCodeOfC(process, signal.pc)
  return {kind: isFault ? 'signal' : 'fatal', signal, duringCgo, message, header: [...before, ...text, ...lines]}
}

/** Whether a place is proven to be no Go: without function tables nothing tells in the module that holds both. */
function isCodeOfC(process: DeadProcess, pc: Address): boolean {
  if (process.tables) return process.tables.functionAt(pc) === undefined
  return process.goModule !== undefined && !isNamelessImage(process, pc)
}

export const THROWN_IN_RUNTIME = 'unexpected signal during runtime execution'

/**
 * What sigpanic throws: of a fault at what is no nil pointer, or of any signal where the goroutine must not panic
 * (canpanic), which nothing tells (src/runtime/signal_unix.go). Of a signal that only the latter explains nothing.
 */
export function textsOfFault({signal: {number, code0, code1}}: Pick<Goroutine, 'signal'>): readonly string[] {
  const isOfAddress = number === SIGSEGV ? code0 <= SEGV_ACCERR : code0 === BigInt(BUS_ADRERR)
  const isNil = isOfAddress && code1 < NIL_END
  return (number === SIGSEGV || number === SIGBUS) && !isNil ? ['fault', THROWN_IN_RUNTIME] : []
}

/** The line that the signal which the goroutine keeps is printed as. */
function savedSignalLines({signal: {number, code0, code1, pc}}: Goroutine): string[] {
  return number === 0 ? [] : [signalLine({signal: number, code0, code1, pc})]
}

/** What is known of the registers where a call of sigpanic was injected: pc and sp. */
function registersAt({frames, interruptions}: ThreadStack, pc: Address): RegisterSet | undefined {
  const index = interruptions.findLast(({signal}) => signal === undefined)?.index
  const frame = index === undefined ? undefined : frames[index]
  return frame?.pc === pc ? frame.registers : undefined
}

/** What the runtime prints before some throws (runtime.sigpanic, runtime.newstack). */
function linesBeforeThrow(
  {runtime, version}: DeadProcess,
  message: string,
  saved: Goroutine['signal'],
  current: Goroutine | undefined,
): string[] {
  if (message === 'fault' && saved.number !== 0) return [`unexpected fault address ${hex(saved.code1)}`]
  if (message !== 'stack overflow' || !current) return []
  const {stack, sched} = current
  const exceeded = `runtime: goroutine stack exceeds ${stackLimit(runtime?.state.maxStackSize, version)}`
  if (!version.atLeast(14)) return [exceeded]
  // The call of morestack cost a word.
  return [exceeded, `runtime: sp=${hex(sched.sp - 8)} stack=[${hex(stack.lo)}, ${hex(stack.hi)}]`]
}

function stackLimit(size: bigint | undefined, version: DeadProcess['version']): string {
  if (size === undefined) return 'its limit (how many bytes is not in the core)'
  return `${version.atLeast(17) && size > STACK_CEILING ? STACK_CEILING : size}-byte limit`
}

/**
 * The argument of throw or fatal: a string whose two words are in the closure that prints it, or in the argument's
 * slots. Found as the first pair of words in the frame that is a pointer to text and its length.
 */
function readThrowText(process: DeadProcess, {frame}: Death): string | null {
  const {memory, version} = process
  const argument = readText(process, frame.fp)
  if (!version.atLeast(17)) return argument
  for (let at = frame.sp; at < frame.fp; at = (at + 8) as Address) {
    const text = readText(process, at)
    if (text !== null) return text
  }
  return memory.read(frame.fp, 16) ? argument : null
}

function readText({memory}: DeadProcess, at: Address): string | null {
  const pointer = readWord(memory, at)
  const length = readWord(memory, (at + 8) as Address)
  if (pointer === undefined || length === undefined || length < 1n || length > MESSAGE_LIMIT) return null
  if (pointer < NIL_END || !isUserAddress(pointer)) return null
  const text = readString(memory, Number(pointer) as Address, Number(length))
  // biome-ignore lint/suspicious/noControlCharactersInRegex: text of a throw has none but line ends and tabs
  return text !== undefined && !/[\u0000-\u0008\u000b-\u001f\ufffd]/.test(text) ? text : null
}

/** m.throwing in the words of 1.19+: before, any throw was one of the runtime's. */
export function throwingOf({version}: DeadProcess, {throwing}: Machine): Throwing {
  if (version.atLeast(19)) return throwing >= 2 ? 2 : throwing === 1 ? 1 : 0
  return throwing > 0 ? 2 : 0
}
