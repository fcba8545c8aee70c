import {SIGBUS, SIGFPE, SIGILL, SIGSEGV} from '../../amd64/signal-numbers.ts'
import {hex, type Word} from '../../base/address.ts'
import type {GoVersion} from '../../gosym/version.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {signalCodeWord, signalTitle} from '../process/signal-names.ts'

/** The lines that the runtime prints before the stacks (runtime/panic.go, signal_unix.go), from the facts they tell. */

export interface SignalFacts {
  signal: number
  /** undefined where the core does not tell; the runtime always knows. */
  code: number | undefined
  /** undefined where nobody printed it, and it is lost. */
  pc: number | bigint | undefined
  faultAddress: Word
  /** m.id; null where no M took the signal. */
  m: number | null
  duringCgo: boolean
  /** Up to 16 bytes at pc, not beyond its page. */
  instruction: Uint8Array | undefined
}

/** What a release may not have printed is not said to be printed; the facts are in the report all the same. */
export type HeaderRelease = Pick<DeadProcess, 'version' | 'oldestVersion'>

/** runtime.fatalsignal (1.21+), runtime.sighandler (before; its code since 1.8). */
export function signalHeader(facts: SignalFacts, {version, oldestVersion}: HeaderRelease): string[] {
  const {signal, code, pc, faultAddress, m} = facts
  let place = `PC=${pc === undefined ? '?' : hex(pc)} m=${m ?? '?'}`
  if (oldestVersion.atLeast(8) && code !== undefined) place += ` sigcode=${signalCodeWord(code)}`
  if (version.atLeast(22) && code !== undefined && (signal === SIGSEGV || signal === SIGBUS))
    place += ` addr=${hex(faultAddress)}`
  const lines = [signalTitle(signal) ?? `Signal ${signal}`, place]
  if (facts.duringCgo) lines.push('signal arrived during cgo execution')
  const showsBytes = (signal === SIGILL && version.atLeast(15)) || (signal === SIGFPE && version.atLeast(16))
  if (showsBytes && facts.instruction) {
    lines.push(`instruction bytes: ${[...facts.instruction].map(byte => hex(byte)).join(' ')}`)
  }
  return lines
}

/** `g.sig` and what came with it. */
export interface GoroutineSignal {
  signal: number
  code0: Word
  code1: Word
  pc: Word
}

/** `[signal SIGSEGV: … code=0x1 addr=0x0 pc=0x…]` (runtime.dopanic_m). */
export function signalLine({signal, code0, code1, pc}: GoroutineSignal): string {
  return `[signal ${signalTitle(signal) ?? hex(signal)} code=${hex(code0)} addr=${hex(code1)} pc=${hex(pc)}]`
}

export interface PanicFacts {
  text: string
  recovered: boolean
  repanicked: boolean
  goexit: boolean
}

/** runtime.printpanics, oldest first. `panics`: as the chain has them, newest first. */
export function panicLines(panics: readonly PanicFacts[], version: GoVersion): string[] {
  let out = ''
  let older: PanicFacts | undefined
  for (const panic of [...panics].reverse()) {
    // From 1.25 on a value that was recovered and raised again is printed once.
    const isRepeated = version.atLeast(25) && older?.repanicked === true
    if (!isRepeated) {
      if (older && !(version.atLeast(14) && older.goexit)) out += '\t'
      if (!panic.goexit) out += `panic: ${indent(panic.text, version)}${panicSuffix(panic, version)}\n`
    }
    older = panic
  }
  return out === '' ? [] : out.replace(/\n$/, '').split('\n')
}

function panicSuffix({recovered, repanicked}: PanicFacts, version: GoVersion): string {
  const isRaisedAgain = version.atLeast(26) ? recovered && repanicked : version.atLeast(25) && repanicked
  if (isRaisedAgain) return ' [recovered, repanicked]'
  return recovered ? ' [recovered]' : ''
}

/**
 * `fatal error: …` (runtime.throw, runtime.fatal). `pending`: the panics whose deferred functions ran when `fatal` was
 * called, newest first, which it prints before its own line from 1.26 on (printPreFatalDeferPanic).
 */
export function fatalLines(text: string, version: GoVersion, pending: readonly PanicFacts[] = []): string[] {
  const before = version.atLeast(26) && pending.length > 0 ? `${panicLines(pending, version).join('\n')}\n\t` : ''
  return `${before}fatal error: ${indent(text, version)}`.split('\n')
}

/** From 1.23 on lines after the first are indented (runtime.printindented). */
function indent(text: string, version: GoVersion): string {
  return version.atLeast(23) ? text.replaceAll('\n', '\n\t') : text
}
