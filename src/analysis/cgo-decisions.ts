import type {Goroutine} from '../runtime-model/goroutine.ts'
import type {Machine} from '../runtime-model/machine.ts'
import type {CgoThreadReport} from './core-report.ts'
import type {DeadProcess} from './dead-process.ts'

type Handler = CgoThreadReport['handler']
type Printing = CgoThreadReport['traceback']

/** What of a thread the runtime's decisions depend on. */
export interface DecisionFacts {
  /** undefined: the thread has no g. */
  machine: Machine | undefined
  /** false: no thread of the core runs this M. */
  hasThread: boolean
  /** The C function that the goroutine called. */
  entry: string | null
  /** m.curg, else the goroutine that is parked in a callback of this M. */
  goroutine: Goroutine | undefined
}

/** Whether a signal now would make runtime.cgoSigtramp (src/runtime/sys_linux_amd64.s) collect a C traceback, in its own order. */
export function decideCollecting({runtime}: DeadProcess, facts: DecisionFacts): Handler {
  const {machine, hasThread} = facts
  if (!hasThread) return refuse('thread', 'no thread of this core runs this M')
  if (!runtime?.state.cgoTraceback) return refuse('cgoTraceback', EXPLANATIONS.cgoTraceback)
  if (!runtime.state.cgoCallers) return refuse('_cgo_callers', EXPLANATIONS._cgo_callers)
  if (!machine) return refuse('g', EXPLANATIONS.g)
  const {failedCondition} = runtime.handlerDecision(machine)
  if (failedCondition !== null) return refuse(failedCondition, explain(failedCondition, machine, facts))
  const what = facts.entry === null ? 'the C stack' : `the C stack below C.${facts.entry}`
  return {
    wouldCollect: true,
    failedCondition: null,
    explanation: `a signal now would make the runtime collect ${what} into m.cgoCallers`,
  }
}

function refuse(failedCondition: string, reason: string): Handler {
  return {wouldCollect: false, failedCondition, explanation: `a signal now would collect no C stack: ${reason}`}
}

const EXPLANATIONS = {
  cgoTraceback: 'the program has not registered a traceback function with runtime.SetCgoTraceback',
  _cgo_callers: 'runtime/cgo is not linked into the program (_cgo_callers is nil)',
  g: 'the thread has no g: it belongs to C, and no call from C into Go is in progress on it',
} as const

function explain(condition: string, machine: Machine, {goroutine}: DecisionFacts): string {
  const who = goroutine ? `goroutine ${goroutine.id}` : 'its goroutine'
  switch (condition) {
    case 'm.ncgo':
      return 'the M is in no call from Go into C (m.ncgo is 0)'
    case 'm.curg':
      return `the M runs no goroutine (m.curg is nil)${goroutine ? `: ${who} is parked inside of a callback` : ''}`
    case 'm.curg.syscallsp':
      return `${who} is in Go code, called back from C (g.syscallsp is 0)`
    case 'm.cgoCallers':
      return 'the M has no array for the C stack (m.cgoCallers is nil)'
    case 'm.cgoCallersUse':
      return `the M's list is being read (m.cgoCallersUse is ${machine.cgoCallersUse})`
    default:
      return EXPLANATIONS[condition as keyof typeof EXPLANATIONS] ?? `${condition} does not hold`
  }
}

/** Whether runtime.traceback1 (src/runtime/traceback.go) would print saved C frames for the goroutine, in its own order. */
export function decidePrinting(process: DeadProcess, {machine, goroutine}: DecisionFacts): Printing {
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

function findUnprintable(
  {runtime}: DeadProcess,
  machine: Machine | undefined,
  goroutine: Goroutine | undefined,
): [condition: string, reason: string] | undefined {
  if (runtime?.state.iscgo === false) return ['iscgo', 'the program does not use cgo (runtime.iscgo is false)']
  if (!goroutine || goroutine.isDead) return ['g', 'there is no goroutine to print']
  const {id} = goroutine
  if (!machine || goroutine.m !== machine.address) return ['g.m', `goroutine ${id} is parked (g.m is nil)`]
  if (machine.ncgo <= 0) return ['m.ncgo', `goroutine ${id} is in no call from Go into C (m.ncgo is 0)`]
  if (goroutine.syscall.sp === 0) return ['g.syscallsp', `goroutine ${id} is in Go code (g.syscallsp is 0)`]
  if (machine.cgoCallers === 0) return ['m.cgoCallers', 'the M has no array for the C stack']
  const state = runtime?.savedCallers(machine).state
  if (state !== 'saved' && state !== 'busy') {
    return ['m.cgoCallers[0]', 'none was collected in this call, or it was printed already (m.cgoCallers[0] is 0)']
  }
  return undefined
}
