import {RegisterSet} from '../../amd64/register-set.ts'
import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import {nameForTraceback} from '../../gosym/func-name.ts'
import type {FrameReport} from '../../report/core-report.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import {switchFrameSize} from '../../unwind/stack-switch.ts'
import type {Seed, StopReason, UnwindFrame} from '../../unwind/unwind-frame.ts'
import {reportNativeFrame} from '../frames/c-frames.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {findFrameRecord, findRecordOfCgocall, RECORD_SEARCH} from './frame-record.ts'
import {type FoundStart, isElsewhere, type PlaceOfThread} from './goroutine-start.ts'
import {holdsReturn, mayHideCaller} from './hidden-caller.ts'
import {seedOfThrow} from './nameless-throw.ts'
import {framelessCallers, isOutermost, isOutsideOfC, type WalkEnd} from './outermost-frames.ts'

/** A frame without its registers, and without what only function tables tell. */
export interface BareFrame extends Pick<UnwindFrame, 'pc' | 'lookupPc' | 'sp' | 'cfa' | 'foundBy' | 'kind'> {
  /** Its function may have had no frame, and the frame pointer, of its caller, leads over that. */
  readonly mayHideCaller?: boolean
  /** Frames further in are missing. */
  readonly isBehindGap?: boolean
}

/** asmcgocall's own frame pointer and its caller's: no more records lie between. */
const SWITCH_RECORDS = 2

/**
 * The Go frames of a goroutine whose function tables are gone with the executable: by frame pointers, which all Go code
 * keeps on amd64 (cmd/compile, since 1.7). Raw pcs, unless separate debug information names them.
 */
export function* walkBareStack(
  process: DeadProcess,
  placeOf: PlaceOfThread,
  goroutine: Goroutine,
  start?: FoundStart,
): Generator<BareFrame, StopReason> {
  const isBeside = start?.foundBy === 'signal-frame' && !isOnStack(goroutine.stack, start.sp)
  if (start && isBeside) return yield* walkBeside(process, placeOf, goroutine, start)
  return yield* walkOwnStack(process, placeOf, goroutine, start)
}

function* walkOwnStack(
  process: DeadProcess,
  placeOf: PlaceOfThread,
  goroutine: Goroutine,
  start: FoundStart | undefined,
): Generator<BareFrame, StopReason> {
  const seed = yield* start ? seedOfDeath(process, placeOf, goroutine, start) : findSeed(process, placeOf, goroutine)
  if (!seed) return 'unmapped'
  return yield* walkBehind(process, goroutine, yield* walkFrom(process, goroutine, seed, seed))
}

/**
 * Out of where frame pointers end on a goroutine's stack. That of the last frame was C's own, which had called back:
 * further out the goroutine called that, and what of C lies between no function tells.
 */
export function* walkBehind(
  process: DeadProcess,
  goroutine: Goroutine,
  inner: WalkEnd,
): Generator<BareFrame, StopReason> {
  const seen = new Set<Address>()
  let end = inner
  while (end.last && !isOutermost(process, goroutine, end)) {
    const {sp} = end.last
    const callers = end.stop === 'end-of-stack' ? framelessCallers(process, goroutine, sp) : []
    if (callers.length > 0) {
      yield* callers
      return 'end-of-stack'
    }
    if (seen.has(sp)) return 'no-progress'
    seen.add(sp)
    if (isOutsideOfC(goroutine)) return 'no-unwind-info'
    const call = findCallOfC(process, goroutine, sp)
    if (!call) return 'no-unwind-info'
    const {frameless, seed, isAmbiguous} = call
    if (frameless) yield {...frameless, foundBy: 'scan', kind: 'native', isBehindGap: true}
    end = yield* walkFrom(process, goroutine, seed, {isAmbiguous, isBehindGap: !frameless})
  }
  return end.stop
}

/** What a signal found on g0 while the thread was on another stack: at the end of a handler, on the runtime's own. */
function* walkBeside(
  process: DeadProcess,
  placeOf: PlaceOfThread,
  {m}: Goroutine,
  {pc, sp, foundBy}: FoundStart,
): Generator<BareFrame, StopReason> {
  const machine = process.runtime?.machineAt(m)
  const gsignal = machine && process.runtime?.goroutineAt(machine.gsignal)
  if (!gsignal || !isOnStack(gsignal.stack, sp)) {
    yield {pc, lookupPc: pc, sp, cfa: undefined, foundBy, kind: 'native'}
    return 'no-unwind-info'
  }
  const place = placeOf(machine)
  const registers = place?.pc === pc && place.sp === sp ? place.registers : RegisterSet.ofPosition(pc, sp)
  const {stop} = yield* walkFrom(process, gsignal, {registers, foundBy, exactPc: true})
  return stop
}

/** The frames of one walk as far as frame pointers lead on the goroutine's stack. */
function* walkFrom(
  process: DeadProcess,
  goroutine: Goroutine,
  seed: Seed,
  {isAmbiguous = false, isBehindGap = false}: {isAmbiguous?: boolean | undefined; isBehindGap?: boolean} = {},
): Generator<BareFrame, WalkEnd> {
  const started = yield* walkFrameless(process, goroutine, seed)
  const walk = process.unwinder.frames(started)
  const isSuspect = suspectOf(goroutine, seed)
  let index = 0
  let last: UnwindFrame | undefined
  let next = walk.next()
  for (; !next.done; next = walk.next()) {
    const frame = next.value
    // The caller of a function without a frame is a guess among Go's own.
    const isGuess = last !== undefined && !last.interrupted && frame.foundBy === 'scan'
    if (isGuess || !isOnStack(goroutine.stack, frame.sp)) return {stop: 'no-unwind-info', last}
    if (isFaultOf(goroutine, frame)) {
      const {registers, foundBy} = frame
      return yield* walkFrom(process, goroutine, {registers, foundBy, exactPc: true})
    }
    const isFirst = index === 0
    const mayHide = isSuspect(index++) ? holdsReturn(process, frame) : mayHideCaller(process, frame)
    last = endingOn(goroutine, frame)
    yield marked(last, isFirst && isAmbiguous ? true : mayHide, isFirst && isBehindGap)
  }
  return {stop: next.value, last}
}

/** The frame pointer of cgocallback leads to C's own stack: where its frame ends is not known. */
function endingOn({stack}: Goroutine, frame: UnwindFrame): UnwindFrame {
  return frame.cfa !== undefined && isOnStack(stack, frame.cfa) ? frame : {...frame, cfa: undefined}
}

function marked(frame: UnwindFrame, mayHide: boolean, isBehindGap: boolean): BareFrame {
  const shown = isBehindGap ? {...frame, isBehindGap} : frame
  return mayHide ? {...shown, cfa: undefined, mayHideCaller: true} : shown
}

/** What asyncPreempt2 and asyncPreempt stand on. */
const FRAMES_OF_PREEMPTION = 2

/**
 * Which frames may be of a function that has no frame, or none yet: what a signal had interrupted before asyncPreempt
 * stood on it, and a prologue that found no room and gave way (runtime.newstack). All others had called something.
 */
function suspectOf({asyncSafePoint, startpc, status}: Goroutine, {foundBy, registers}: Seed) {
  const mayGiveWay = status.text !== 'waiting' && registers.pc !== startpc
  return (index: number): boolean => {
    if (foundBy !== 'gobuf') return false
    return asyncSafePoint ? index === FRAMES_OF_PREEMPTION : index === 0 && mayGiveWay
  }
}

/**
 * A frame that the runtime made seem to have called sigpanic, for it had faulted: its pc is exact
 * (runtime.sigctxt.preparePanic, signal_amd64.go).
 */
export function isFaultOf(goroutine: Goroutine, {pc, interrupted}: UnwindFrame): boolean {
  return !interrupted && faultOf(goroutine) === pc
}

/** undefined where the goroutine has not faulted. */
export function faultOf({signal}: Goroutine): Address | undefined {
  return signal.number === 0 ? undefined : addressOfWord(signal.pc)
}

/**
 * An innermost function without a frame: that of a goroutine that never ran, at its entry, and syscall.Syscall while it
 * was assembly (up to 1.18). Nothing but the return address is on the stack, and rbp is the caller's.
 */
function* walkFrameless(process: DeadProcess, goroutine: Goroutine, seed: Seed): Generator<BareFrame, Seed> {
  const {pc, sp, bp} = seed.registers
  if (pc === undefined || sp === undefined) return seed
  const isUnstarted = seed.foundBy === 'gobuf' && pc === goroutine.startpc
  const isAssembly = seed.foundBy === 'syscall' && !process.version.atLeast(19) && !hasSwitched(goroutine)
  const returnPc = isUnstarted || isAssembly ? readAddress(process.memory, sp) : undefined
  if (returnPc === undefined || !process.isExecutable(returnPc)) return seed
  const cfa = toAddress(sp + 8)
  const {foundBy} = seed
  yield {pc, lookupPc: isUnstarted ? pc : toAddress(pc - 1), sp, cfa, foundBy, kind: 'native'}
  return {registers: RegisterSet.ofPosition(returnPc, cfa, bp), foundBy: 'frame-pointer', exactPc: false}
}

/** @param names functions that are known all the same, by the stack pointer of their frames */
export function reportBareFrame(
  process: DeadProcess,
  frame: BareFrame,
  names?: ReadonlyMap<Address, string>,
): FrameReport[] {
  const known = names?.get(frame.sp)
  const name = known === undefined ? null : nameForTraceback(known, process.version)
  return reportNativeFrame(process, frame).map(report => ({...asGo(report), function: report.function ?? name}))
}

/** What lies on a goroutine's stack is Go code, whoever names it. */
function asGo(frame: FrameReport): FrameReport {
  if (frame.kind === 'signal' || (frame.function !== null && frame.language !== 'Go')) return frame
  return {...frame, kind: 'go', args: frame.inlined ? null : '...', language: 'Go'}
}

/**
 * Where the runtime begins to print what died: in throw, or where the goroutine had left for the system stack that
 * died, whose planted caller is then printed too.
 */
function* seedOfDeath(
  process: DeadProcess,
  placeOf: PlaceOfThread,
  goroutine: Goroutine,
  start: FoundStart,
): Generator<BareFrame, BareSeed | undefined> {
  if (start.foundBy === 'frame-pointer') return seedOfThrow(process, start)
  if (start.foundBy === 'signal-frame') return seedOnThread(process, placeOf, goroutine)
  const {pc, sp, foundBy} = start
  const behind = behindSystemStack(process, goroutine)
  if (behind) yield {pc, lookupPc: pc, sp, cfa: behind.registers.sp, foundBy, kind: 'native'}
  return behind ?? seedAt(process, goroutine, 'gobuf', pc, sp, goroutine.sched.bp)
}

/**
 * As `findStart`, with a frame pointer: the thread's registers on the goroutine's stack, what entersyscall kept, or the
 * gobuf.
 */
function* findSeed(
  process: DeadProcess,
  placeOf: PlaceOfThread,
  goroutine: Goroutine,
): Generator<BareFrame, BareSeed | undefined> {
  const {syscall, sched, status} = goroutine
  // What a g0 keeps in its gobuf is where it was left long ago; a thread on it is not idle, whatever its status says.
  const mayRun = status.text === 'running' || goroutine.id === 0
  const running = mayRun ? seedOnThread(process, placeOf, goroutine) : undefined
  if (running) return running
  if (syscall.sp !== NULL_ADDRESS) {
    const known = isOnStack(goroutine.stack, syscall.bp) ? syscall.bp : callerOfSwitch(process, goroutine)
    const bp = known ?? pointerOnThread(process, placeOf, goroutine)
    return seedAt(process, goroutine, 'syscall', syscall.pc, syscall.sp, bp)
  }
  if (sched.sp === NULL_ADDRESS || isElsewhere(process, placeOf, goroutine)) return undefined
  const mayBeLeft = status.text === 'running' || isOnMachine(process, goroutine)
  const planted = mayBeLeft ? behindSystemStack(process, goroutine) : undefined
  if (!planted) return seedOfGobuf(process, goroutine)
  const {pc, sp} = sched
  // Of one that is said to wait meanwhile, as workers of the collector are, the runtime prints the planted frame too.
  const isShown = status.text !== 'running'
  if (isShown) yield {pc, lookupPc: pc, sp, cfa: planted.registers.sp, foundBy: 'gobuf', kind: 'native'}
  return planted
}

/** Whether an M still runs the goroutine; what parks one takes it off its M. */
function isOnMachine({runtime}: DeadProcess, {m, address}: Goroutine): boolean {
  return m !== NULL_ADDRESS && runtime?.machineAt(m)?.curg === address
}

function seedOfGobuf(process: DeadProcess, goroutine: Goroutine): BareSeed {
  const {sched, stack} = goroutine
  const {pc, sp, bp} = sched
  const isPlausible = bp === NULL_ADDRESS || (isOnStack(stack, bp) && bp >= sp)
  return seedAt(process, goroutine, 'gobuf', pc, sp, isPlausible ? bp : undefined)
}

/**
 * A goroutine that runs, but on another stack than its own, was left by systemstack, which plants the entry of
 * systemstack_switch in the gobuf: its caller’s return address is on top of the stack, since 1.21 behind a record.
 * What mcall leaves is a frame that has words of its own there (src/runtime/asm_amd64.s).
 */
function behindSystemStack({memory, isExecutable, version}: DeadProcess, {sched, stack}: Goroutine): Seed | undefined {
  const hasRecord = switchFrameSize(version) > 0
  if (!isOnStack(stack, sched.bp) || (hasRecord ? sched.bp !== sched.sp : sched.bp < sched.sp)) return undefined
  const slot = toAddress(sched.sp + switchFrameSize(version))
  const bp = hasRecord ? readAddress(memory, sched.sp) : sched.bp
  const returnPc = readAddress(memory, slot)
  if (returnPc === undefined || !isExecutable(returnPc)) return undefined
  const registers = RegisterSet.ofPosition(returnPc, toAddress(slot + 8), bp)
  return {registers, foundBy: 'stack-switch', exactPc: false}
}

function seedAt(
  process: DeadProcess,
  goroutine: Goroutine,
  foundBy: 'gobuf' | 'syscall',
  pc: Address,
  sp: Address,
  known: Address | undefined,
): BareSeed {
  const bp = known ?? findFrameRecord(process, goroutine, sp)
  return {
    registers: RegisterSet.ofPosition(pc, sp, bp),
    foundBy,
    exactPc: false,
    isAmbiguous: known === undefined && bp !== undefined,
  }
}

function seedOnThread(process: DeadProcess, placeOf: PlaceOfThread, goroutine: Goroutine): Seed | undefined {
  const machine = goroutine.m === NULL_ADDRESS ? undefined : process.runtime?.machineAt(goroutine.m)
  const isOnMachine = machine?.curg === goroutine.address || machine?.g0 === goroutine.address
  const first = machine && isOnMachine ? placeOf(machine) : undefined
  if (!first || !isOnStack(goroutine.stack, first.sp)) return undefined
  return {
    registers: first.registers,
    foundBy: first.foundBy,
    exactPc: first.interrupted,
  }
}

/**
 * The frame pointer where entersyscall was called, as the thread has it that is on the goroutine's own stack further
 * in.
 */
function pointerOnThread(process: DeadProcess, placeOf: PlaceOfThread, goroutine: Goroutine): Address | undefined {
  const {syscall} = goroutine
  const seed = seedOnThread(process, placeOf, goroutine)
  if (!seed) return undefined
  for (const {sp, registers} of process.unwinder.frames(seed)) {
    if (sp === syscall.sp) return registers.bp
    if (sp > syscall.sp || !isOnStack(goroutine.stack, sp)) return undefined
  }
  return undefined
}

/**
 * cgocall's frame pointer where entersyscall did not keep it (before 1.23): asmcgocall saves rbp in the gobuf, its own
 * from 1.21 on, whose record leads to cgocall's; before, cgocall's itself (go-runtime facts on asmcgocall;
 * src/runtime/asm_amd64.s).
 */
function callerOfSwitch({memory}: DeadProcess, goroutine: Goroutine): Address | undefined {
  const {sched, syscall} = goroutine
  if (!hasSwitched(goroutine)) return undefined
  let bp: Address | undefined = sched.bp
  for (let steps = 0; steps < SWITCH_RECORDS && bp !== undefined && bp < syscall.sp; steps++) {
    bp = isOnStack(goroutine.stack, bp) ? readAddress(memory, bp) : undefined
  }
  return bp !== undefined && isOnStack(goroutine.stack, bp) && bp >= syscall.sp ? bp : undefined
}

/** Whether asmcgocall has left the stack since entersyscall: it saves its own position in the gobuf, below. */
function hasSwitched({sched, syscall}: Goroutine): boolean {
  return sched.sp < syscall.sp
}

/**
 * Where the goroutine called the C code that called back, above the frame of cgocallback, whose saved frame pointer is
 * C's own. cgocallback pushes g.sched.pc where asmcgocall left the stack, as a return address; above it stand its frame
 * record (1.21+) or at once the return address into cgocall (src/runtime/asm_amd64.s).
 */
function findCallOfC(process: DeadProcess, goroutine: Goroutine, above: Address): CallOfC | undefined {
  const {memory, isExecutable, version} = process
  const hasRecord = switchFrameSize(version) > 0
  const word = (index: number) => readAddress(memory, toAddress(above + index * 8))
  const isCode = (value: Address | undefined) => value !== undefined && isExecutable(value)
  let likely: CallOfC | undefined
  for (let index = 1; index < RECORD_SEARCH; index++) {
    const sp = toAddress(above + index * 8)
    if (sp + 16 > goroutine.stack.hi) break
    const pc = word(index - 1)
    const next = word(index)
    if (pc === undefined || next === undefined || !isCode(pc)) continue
    if (hasRecord && next > sp && isOnStack(goroutine.stack, next) && isCode(word(index + 1))) {
      return {sp, seed: {registers: RegisterSet.ofPosition(pc, sp, sp), foundBy: 'scan', exactPc: false}}
    }
    const found = hasRecord || !isCode(next) ? undefined : callOfCgocall(process, goroutine, {pc, sp, next})
    if (found && !found.isAmbiguous) return found
    likely ??= found
  }
  return likely
}

/**
 * A call of asmcgocall as releases before 1.21 leave it: its return address into cgocall follows at once. The record is
 * that of cgocall where its arguments stand above it, else the first of several may be what older calls left.
 */
function callOfCgocall(
  process: DeadProcess,
  goroutine: Goroutine,
  {pc, sp, next}: {pc: Address; sp: Address; next: Address},
): CallOfC | undefined {
  const cfa = toAddress(sp + 8)
  const proven = findRecordOfCgocall(process, goroutine, cfa)
  const record = proven ?? findFrameRecord(process, goroutine, cfa)
  if (record === undefined) return undefined
  const frameless = {pc, lookupPc: toAddress(pc - 1), sp, cfa}
  const seed: Seed = {registers: RegisterSet.ofPosition(next, cfa, record), foundBy: 'scan', exactPc: false}
  return {sp, frameless, seed, isAmbiguous: proven === undefined}
}

interface BareSeed extends Seed {
  /** The frame record may be another than that of the seed's function. */
  readonly isAmbiguous?: boolean
}

interface CallOfC {
  /** Above what cgocallback had pushed. */
  readonly sp: Address
  readonly seed: Seed
  /** The frame record may be another than that of the seed's function. */
  readonly isAmbiguous?: boolean
  /** asmcgocall or systemstack_switch, where it has no frame record of its own. */
  readonly frameless?: Pick<UnwindFrame, 'pc' | 'lookupPc' | 'sp' | 'cfa'>
}
