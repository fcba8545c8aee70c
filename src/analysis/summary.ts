import {SIGTRAP} from '../amd64/signal-numbers.ts'
import {toAddress} from '../base/address.ts'
import type {Diagnostic, DiagnosticCode} from '../base/diagnostics.ts'
import type {
  BlockingReport,
  CoreReport,
  CrashReport,
  FrameReport,
  GoroutineReport,
  PlaceReport,
  SignatureReport,
  SummaryReport,
} from '../report/core-report.ts'
import {nameParty} from '../report/vocabulary.ts'
import {describeCrash} from './death-sentence.ts'
import {findOwnFrame, type Program} from './frames/first-party.ts'
import type {GoroutineCensus} from './goroutines/goroutine-census.ts'
import {joinLinks} from './waits/deadlocks.ts'

type Wait = NonNullable<GoroutineReport['waitingFor']>

/** What the summary is made of. */
export interface SummaryFacts extends Pick<CoreReport, 'core' | 'go' | 'crash'> {
  /** The code at the crash's pc is Go's, whether a frame of it is shown or not. */
  isInGo: boolean
  isRuntimeCode: Program['isRuntimeCode']
  /** Of the stack that crashed, innermost first. */
  frames: readonly FrameReport[]
  /** Of goroutine 1; asked for only where the process stood still. */
  framesOfMain: () => readonly FrameReport[]
  census: GoroutineCensus | undefined
  /** The list of goroutines may not be whole. */
  isListIncomplete: boolean
  blocking: BlockingReport
  /** Of goroutine 1. */
  waitOfMain: Wait | null
  signature: SignatureReport
  missing: SummaryReport['missing']
}

export function summarize(facts: SummaryFacts): SummaryReport {
  const {core, go, crash, census, isListIncomplete, signature, missing} = facts
  const {settings} = go
  return {
    what: describeCrash(crash, {pid: core.pid, language: languageOf(facts)}),
    where: findWhere(facts),
    who: {
      program: core.executable,
      version: go.mainVersion === '(devel)' ? null : go.mainVersion,
      revision: settings['vcs.revision'] ?? null,
      modified: settings['vcs.modified'] === undefined ? null : settings['vcs.modified'] === 'true',
      goVersion: go.images.find(({path}) => path !== null && path === crash.image)?.version ?? go.version,
      crashedAt: core.origin?.time ?? null,
      thread: crash.thread,
      image: crash.image,
      goroutine: crash.goroutine,
      threads: core.threadCount,
      goroutines: census?.count ?? null,
      inC: census?.inC ?? null,
      systemAmong: census?.systemAmong ?? false,
      atLeast: isListIncomplete,
    },
    waits: describeWaits(facts),
    missing,
    signature: {exact: signature.exact, family: signature.family},
  }
}

/** Frames that are of some code. */
const CODE: ReadonlySet<FrameReport['kind']> = new Set(['go', 'c', 'unknown'])

/**
 * Whether the innermost code of the crash is Go's or C's. Where its place is lost, or nothing tells what it is of, no
 * frame further out does either, but the runtime knows whether it was in a call of C.
 */
function languageOf({crash, isInGo, frames}: SummaryFacts): 'go' | 'c' | undefined {
  const {kind, pc, duringCgo, signalNumber} = crash
  if (isInGo) return 'go'
  const isLost = kind === 'signal' && pc === null
  const innermost = isLost ? undefined : frames.find(frame => CODE.has(frame.kind))?.kind
  if (innermost === 'go' || innermost === 'c') return innermost
  // Code of the runtime that traps (runtime.abort) may do so under a callback, which counts as a call of C too.
  return duringCgo && signalNumber !== SIGTRAP && (isLost || innermost === 'unknown') ? 'c' : undefined
}

/** A process that stood still was hit where it happened to be: who waits is told by goroutine 1. */
function findWhere(facts: SummaryFacts): PlaceReport[] {
  const {core, go, crash, frames, framesOfMain, isRuntimeCode} = facts
  const program = {executable: core.executable, go, isRuntimeCode}
  const ofCrash = [...findNameless(facts), ...findPlaces(frames, crash.goroutine, program)]
  if (!stoodStill(crash, core) || ofCrash.some(({firstParty}) => firstParty)) return ofCrash
  const ofMain = findPlaces(framesOfMain(), 1, program)
  return ofMain.some(({firstParty}) => firstParty) ? ofMain : ofCrash
}

/** What faulted, where nothing tells whose code that is: frames further out, which have a name, did not. */
function findNameless(facts: SummaryFacts): PlaceReport[] {
  const {crash, frames, isRuntimeCode} = facts
  const {kind, code, pc, goroutine} = crash
  const frame = frames.find(each => CODE.has(each.kind))
  const isFault = kind === 'signal' && code !== null && code > 0 && pc !== null && frame?.pc === pc
  if (!isFault || frame.kind !== 'unknown' || frame.module === null || isRuntimeCode(toAddress(Number(pc)))) return []
  return [placeOf(frame, languageOf(facts) ?? 'unknown', false, goroutine)]
}

function findPlaces(frames: readonly FrameReport[], goroutine: number | null, program: Program): PlaceReport[] {
  let found = (['go', 'c'] as const).flatMap(kind => findOwnFrame(frames, kind, program) ?? [])
  const telling = found.filter(({isPlumbing}) => !isPlumbing)
  if (telling.length > 0) found = telling
  found.sort((a, b) => frames.indexOf(a.frame) - frames.indexOf(b.frame))
  return found.map(({frame, isOwn}) => placeOf(frame, frame.kind === 'go' ? 'go' : 'c', isOwn, goroutine))
}

function placeOf(
  {function: name, file, line, module, moduleOffset, foundBy}: FrameReport,
  kind: PlaceReport['kind'],
  firstParty: boolean,
  goroutine: number | null,
): PlaceReport {
  return {kind, function: name, file, line, module, moduleOffset, firstParty, goroutine, guessed: foundBy === 'scan'}
}

/** States of goroutines that the summary names. */
const STATES = 4

/** Proven deadlocks and those on a condition always; all else where the process stood still. */
function describeWaits({core, crash, census, blocking, waitOfMain}: SummaryFacts): string[] {
  const waits = [...blocking.cycles.map(links => `deadlock: ${joinLinks(links)}`), ...blocking.chains]
  if (!stoodStill(crash, core)) return waits
  if (waitOfMain) waits.push(`goroutine 1 waits: ${describeWait(waitOfMain)}`)
  const locks = waits.length === 0 ? blocking.locks.filter(({owner}) => owner !== null).map(describeLock) : []
  return [...waits, ...locks, ...(census && census.count > 0 ? [describeStates(census)] : [])]
}

/** A living process, one that was killed from outside, and one in which all goroutines were asleep. */
function stoodStill({kind, code, cause, message, senderPid}: CrashReport, {pid}: SummaryFacts['core']): boolean {
  if (kind === 'fatal') return message?.includes('deadlock') ?? false
  if (kind === 'none') return true
  return kind === 'signal' && code !== null && code <= 0 && cause === null && (senderPid === null || senderPid !== pid)
}

function describeWait({kind, address, owner}: Wait): string {
  return `${kind}${address === null ? '' : ` ${address}`}${owner === null ? '' : `, held by ${owner}`}`
}

function describeLock({kind, address, owner, waiterCount}: BlockingReport['locks'][number]): string {
  const who = waiterCount === 1 ? '1 waits' : `${waiterCount} wait`
  return `${who} for ${kind}${address === null ? '' : ` ${address}`}${owner === null ? '' : `, held by ${nameParty(owner)}`}`
}

function describeStates({count, states}: GoroutineCensus): string {
  const named = states.slice(0, STATES).map(([state, many]) => `${many} ${state}`)
  const more = states.length > STATES ? ', …' : ''
  return `${count === 1 ? '1 goroutine' : `${count} goroutines`}: ${named.join(', ')}${more}`
}

/** What lowers the detail of a report most, first. */
const LOSSES: readonly DiagnosticCode[] = [
  'exe-is-debug-file',
  'core-truncated',
  'unpacking-failed',
  'memory-left-out',
  'runtime-not-found',
  'build-id-mismatch',
  'module-not-found',
  'debug-file-mismatch',
  'no-supplementary-file',
  'split-dwarf-missing',
  'stack-not-in-core',
  'timeout',
]

/** The one of many losses whose remedy helps most: the program's own file before all. */
export function findGreatestLoss(diagnostics: readonly Diagnostic[]): SummaryReport['missing'] {
  const rank = ({code, severity}: Diagnostic): number =>
    LOSSES.indexOf(code) - (severity === 'error' ? LOSSES.length : 0)
  const losses = diagnostics.filter(({code}) => LOSSES.includes(code)).sort((a, b) => rank(a) - rank(b))
  const [first] = losses
  return first ? {what: first.message, command: first.hint} : null
}
