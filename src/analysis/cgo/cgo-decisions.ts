import type {Finding} from '../../base/finding.ts'
import type {CgoThreadReport} from '../../report/core-report.ts'
import type {HandlerCondition} from '../../runtime-model/cgo-call.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../runtime-model/goroutine-status.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import type {DeadProcess} from '../process/dead-process.ts'

type Handler = CgoThreadReport['handler']
type Printing = CgoThreadReport['traceback']

/** What of a thread the runtime's decisions depend on. */
export interface DecisionFacts {
  /** null: the thread has no g. undefined: not known. */
  machine: Finding<Machine>
  /** false: no thread of the core runs this M. */
  hasThread: boolean
  /** The C function that the goroutine called. */
  entry: string | null
  /** C has called back into Go and waits. */
  inCallback: boolean
  /** What the thread's stack leads through: m.curg, else the goroutine that is parked inside of a callback. */
  goroutine: Goroutine | undefined
}

/**
 * Whether a signal now would make runtime.cgoSigtramp (src/runtime/sys_linux_amd64.s) collect a C traceback, in its own
 * order.
 */
export function decideCollecting({runtime}: DeadProcess, facts: DecisionFacts): Handler {
  if (!facts.hasThread) return refuseCollecting('thread', 'no thread of this core runs this M')
  if (!runtime) return {wouldCollect: null, failedCondition: null, explanation: `${UNSURE}: ${NO_RUNTIME}`}
  const {fails, unknown} = runtime.handlerDecision(facts.machine)
  const missing = unknown && UNKNOWN[unknown]
  if (fails !== null) {
    const isBorrowed = facts.goroutine !== undefined && runtime.isBorrowedBySignal(facts.goroutine)
    const reason = explain(fails, facts, isBorrowed)
    return missing ? refuseCollecting(null, `${reason}; ${missing}`) : refuseCollecting(fails, reason)
  }
  if (missing) return {wouldCollect: null, failedCondition: null, explanation: `${UNSURE}: ${missing}`}
  return {wouldCollect: true, failedCondition: null, explanation: explainCollecting(facts)}
}

const UNSURE = 'whether a signal now would collect a C stack is not known'
const NO_RUNTIME = 'no Go runtime was found in this core'

const NO_GOROUTINE = 'its goroutine (m.curg) cannot be read'
const NO_MACHINE = 'which M the thread runs, if any, cannot be found out'

const UNKNOWN: Partial<Record<HandlerCondition, string>> = {
  g: NO_MACHINE,
  cgoTraceback: 'whether a traceback function is registered cannot be found out',
  _cgo_callers: 'whether runtime/cgo is linked into the program cannot be found out',
  'm.curg.syscallsp': NO_GOROUTINE,
}

function refuseCollecting(failedCondition: string | null, reason: string): Handler {
  return {wouldCollect: false, failedCondition, explanation: `a signal now would collect no C stack: ${reason}`}
}

function explainCollecting({entry, inCallback, goroutine}: DecisionFacts): string {
  const called = entry === null ? 'C' : `C.${entry}`
  if (inCallback) {
    const who = goroutine ? `goroutine ${goroutine.id}` : 'the goroutine'
    return `a signal now would make the runtime call the traceback function and keep what it gives in m.cgoCallers, though ${who} is in Go: in a system call, called back from ${called}`
  }
  const what = entry === null ? 'the C stack' : `the C stack below ${called}`
  return `a signal now would make the runtime collect ${what} into m.cgoCallers`
}

function explain(condition: HandlerCondition, {machine, goroutine}: DecisionFacts, isBorrowed: boolean): string {
  const who = goroutine ? `goroutine ${goroutine.id}` : 'its goroutine'
  switch (condition) {
    case 'cgoTraceback':
      return 'the program has not registered a traceback function with runtime.SetCgoTraceback'
    case '_cgo_callers':
      return 'runtime/cgo is not linked into the program (_cgo_callers is nil)'
    case 'g':
      return 'the thread has no g: it belongs to C, and no call from C into Go is in progress on it (of SIGPROF, into sigprofCallers, for the profiler)'
    case 'm.ncgo':
      return isBorrowed
        ? 'the thread belongs to C, its M was taken for a signal and counts no call from Go into C (m.ncgo is 0)'
        : 'the M counts no call from Go into C (m.ncgo is 0)'
    case 'm.curg':
      return `the M runs no goroutine (m.curg is nil)${goroutine ? `: ${who} is inside of a callback and ${absence(goroutine)}` : ''}`
    case 'm.curg.syscallsp':
      return `${who} is in Go code, called back from C (g.syscallsp is 0)`
    case 'm.cgoCallers':
      return 'the M has no array for the C stack (m.cgoCallers is nil)'
    case 'm.cgoCallersUse':
      return `the M's list is being read (m.cgoCallersUse is ${machine?.cgoCallersUse})`
  }
}

/** Why a goroutine has no M. */
function absence({status}: Goroutine): string {
  return status.number === GOROUTINE_STATUS._Gwaiting ? 'is parked' : 'waits for its turn'
}

/**
 * Whether runtime.traceback1 (src/runtime/traceback.go) would print saved C frames for the goroutine, in its own order.
 */
export function decidePrinting(process: DeadProcess, {machine, goroutine}: DecisionFacts): Printing {
  const unknown = findUnknown(process, machine)
  if (unknown !== undefined) {
    const explanation = `whether a traceback would print saved C frames is not known: ${unknown}`
    return {wouldPrint: null, failedCondition: null, explanation}
  }
  const failed = findUnprintable(process, machine, goroutine)
  if (!failed) {
    const id = goroutine?.id ?? 0
    return {
      wouldPrint: true,
      failedCondition: null,
      explanation: `a traceback of goroutine ${id} would begin with the C frames in m.cgoCallers`,
    }
  }
  const [failedCondition, reason] = failed
  return {wouldPrint: false, failedCondition, explanation: `a traceback would print no saved C frames: ${reason}`}
}

function findUnknown({runtime}: DeadProcess, machine: Finding<Machine>): string | undefined {
  if (!runtime) return NO_RUNTIME
  if (machine === undefined && runtime.usesCgo !== false) return NO_MACHINE
  if (machine && machine.curg !== 0 && !runtime.goroutineAt(machine.curg)) return NO_GOROUTINE
  const isMissing = machine && machine.ncgo > 0 && runtime.savedCallers(machine).state === null
  return isMissing ? 'the list (m.cgoCallers) is not in the core' : undefined
}

function findUnprintable(
  {runtime}: DeadProcess,
  machine: Finding<Machine>,
  goroutine: Goroutine | undefined,
): [condition: string, reason: string] | undefined {
  if (runtime?.usesCgo === false) return ['iscgo', 'the program does not use cgo (runtime.iscgo is false)']
  if (!goroutine || goroutine.isDead) return ['g', 'there is no goroutine to print']
  const {id} = goroutine
  if (!machine || goroutine.m !== machine.address) return ['g.m', `goroutine ${id} ${absence(goroutine)} (g.m is nil)`]
  if (machine.ncgo <= 0) return ['m.ncgo', 'the M counts no call from Go into C (m.ncgo is 0)']
  if (goroutine.syscall.sp === 0) return ['g.syscallsp', `goroutine ${id} is in Go code (g.syscallsp is 0)`]
  if (machine.cgoCallers === 0) return ['m.cgoCallers', 'the M has no array for the C stack']
  if (runtime?.savedCallers(machine).hasFirst !== true) {
    return ['m.cgoCallers[0]', 'none was collected in this call, or it was read already (m.cgoCallers[0] is 0)']
  }
  return undefined
}
