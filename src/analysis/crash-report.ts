import type {RegisterSet} from '../amd64/register-set.ts'
import {DWARF_REGISTER} from '../amd64/registers.ts'
import {type Flags, readFlags} from '../amd64/signal-context.ts'
import {SIGNALS_WITH_ADDRESS} from '../amd64/signal-numbers.ts'
import {USER_REGS} from '../amd64/user-regs.ts'
import {hex, type Word} from '../base/address.ts'
import type {CrashReport, FrameReport, InstructionReport} from '../report/core-report.ts'
import type {CrashCause} from './crash/crash-cause.ts'
import {type FaultSignal, signalPc} from './crash/first-fault.ts'
import type {TracebackLevel} from './crash/traceback-level.ts'
import {explainFault} from './evidence/fault-instruction.ts'
import {findDeathCause} from './evidence/native-cause.ts'
import type {DeadProcess} from './process/dead-process.ts'
import {imageName} from './process/process-facts.ts'
import {signalCodeName, signalName} from './process/signal-names.ts'
import type {GoroutineStacks} from './stacks/goroutine-stacks.ts'

/** runtime.dumpregs (signal_linux_amd64.go, defs_linux_amd64.go): order and names. */
const DUMPED = [
  'rax',
  'rbx',
  'rcx',
  'rdx',
  'rdi',
  'rsi',
  'rbp',
  'rsp',
  'r8',
  'r9',
  'r10',
  'r11',
  'r12',
  'r13',
  'r14',
  'r15',
  'rip',
] as const

/** `level`: at which the runtime's own stack is shown, and which of its frames. */
export function reportCrash(cause: CrashCause, stacks: GoroutineStacks, level: TracebackLevel): CrashReport {
  const {process} = stacks.threads
  const {signal, thread, machine, goroutine} = cause
  let instruction: {value: InstructionReport | null} | undefined
  return {
    kind: cause.kind,
    ...(signal ? reportSignal(process, signal) : NO_SIGNAL),
    pc: placeOfDeath(cause),
    message: cause.message,
    thread: thread?.thread.tid ?? null,
    image: machine ? imageName(process) : null,
    m: machine?.id ?? null,
    goroutine: goroutine && goroutine.id !== 0 ? goroutine.id : (cause.current?.id ?? null),
    duringCgo: cause.duringCgo,
    header: cause.header,
    runtimeStack: reportRuntimeStack(cause, stacks, level),
    registers: signal?.registers ? reportRegisters(process, cause, signal.registers) : null,
    // Decoded when first asked for: the text does not show it, and the decoder takes long to load.
    get instruction() {
      instruction ??= {value: explainFault(process, cause)}
      return instruction.value
    },
    cause: findDeathCause(process, cause),
  }
}

/** The frames under `runtime stack:`, where the crash was on a system stack. */
function reportRuntimeStack({runtimeStack}: CrashCause, stacks: GoroutineStacks, level: TracebackLevel): FrameReport[] {
  if (!runtimeStack || !level.runtimeStack) return []
  const {version} = stacks.threads.process
  const {g0, start} = runtimeStack
  return stacks.assemble({
    goroutine: g0,
    visibility: {version, level: level.level, whole: true},
    cgoFrames: 'none',
    start,
  }).frames
}

type SignalReport = Pick<CrashReport, 'signal' | 'signalNumber' | 'code' | 'codeName' | 'faultAddress' | 'senderPid'>

const NO_SIGNAL: SignalReport = {
  signal: null,
  signalNumber: null,
  code: null,
  codeName: null,
  faultAddress: null,
  senderPid: null,
}

function reportSignal(process: DeadProcess, fault: FaultSignal): SignalReport {
  const {number, code, address} = fault
  return {
    signal: signalName(number),
    signalNumber: number,
    code: code ?? null,
    codeName: code === undefined ? null : signalCodeName(number, code),
    faultAddress: hasAddress(number, code) ? hex(address) : null,
    senderPid: senderOf(process, fault),
  }
}

/** si_pid of what kill, tgkill or sigqueue sent (sigaction(2)): in a signal frame it lies where si_addr does. */
const SENT: ReadonlySet<number> = new Set([0, -1, -6])

function senderOf({core}: DeadProcess, {number, code, address}: FaultSignal): number | null {
  if (code === undefined || !SENT.has(code)) return null
  if (address !== 0n) return Number(BigInt.asUintN(32, address))
  const ofCore = core.signal
  return ofCore?.number === number && ofCore.code === code ? (ofCore.senderPid ?? null) : null
}

/** Where the signal was; without one, where the thread was. */
function placeOfDeath({kind, signal, thread}: CrashCause): string | null {
  if (signal) return signal.isPlaceLost ? null : hex(signalPc(signal))
  const frame = kind === 'signal' ? undefined : thread?.frames[thread.base]
  return frame ? hex(frame.pc) : null
}

/** si_addr has a meaning for faults that the kernel raised. */
function hasAddress(signal: number, code = 0): boolean {
  return SIGNALS_WITH_ADDRESS.has(signal) && code > 0
}

function reportRegisters(process: DeadProcess, cause: CrashCause, registers: RegisterSet): Record<string, string> {
  const out: Record<string, string> = {}
  for (const name of DUMPED) {
    const word = registers.word(DWARF_REGISTER[name])
    if (word !== undefined) out[name] = hex(word)
  }
  return Object.assign(out, flagsAndSegments(process, cause))
}

/** From the signal frame that holds the registers, else from the thread. */
function flagsAndSegments(process: DeadProcess, {thread, signal}: CrashCause): Record<string, string> {
  const frame = thread?.interruptions.findLast(interruption => interruption.signal?.pc === signal?.pc)
  // Up to 1.20 the frame of a fault in C is gone when the process dies.
  if (!frame?.signal && thread?.frames[0]?.pc !== signal?.pc) return {}
  if (frame?.signal) {
    const flags = readFlags(process.memory, frame.signal.ucontext)
    return flags ? nameFlags(flags) : {}
  }
  const registers = thread?.thread.registers
  if (!registers) return {}
  const word = (name: keyof typeof USER_REGS): Word => registers[USER_REGS[name]] ?? 0n
  return nameFlags({eflags: word('eflags'), cs: word('cs'), fs: word('fs'), gs: word('gs')})
}

function nameFlags({eflags, cs, fs, gs}: Flags): Record<string, string> {
  return {rflags: hex(eflags), cs: hex(cs), fs: hex(fs), gs: hex(gs)}
}
