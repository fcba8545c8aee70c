import {type Address, hex, type Word} from '../../base/address.ts'
import type {Finding} from '../../base/finding.ts'
import type {CgoCallReport, CgoReport, CgoThreadReport} from '../../report/core-report.ts'
import type {Goroutine} from '../../runtime-model/goroutine.ts'
import type {Machine} from '../../runtime-model/machine.ts'
import {reportNativeFrame, reportSavedPcs} from '../frames/c-frames.ts'
import {reportUnknownHooks} from '../process/cgo-hooks.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {imageName} from '../process/process-facts.ts'
import {checkSavedCallers} from '../stacks/saved-callers-check.ts'
import type {ThreadStacks} from '../stacks/thread-stacks.ts'
import {type CgoCall, type CgoCalls, findCgoCalls} from './cgo-calls.ts'
import {decideCollecting, decidePrinting} from './cgo-decisions.ts'

/** Goroutines that a group names; the count is whole. */
const GOROUTINES_PER_GROUP = 20
/** As a deadline names them. */
const CALLS_OF_C = 'the list of calls of C'
const NO_CALL: CgoCall = {entry: null, caller: null, segment: {frames: [], leftOut: 0, missing: 'unmapped'}}
const NO_CALLS: CgoCalls = {calls: [], callbacks: [], inCallback: false, isReturning: false, missing: null}

/**
 * Every call from Go into C that is in progress, and what each thread's M knows of it. Costs what its threads cost.
 * `images`: the threads as each Go runtime of the process sees them.
 */
export function reportCgo(images: readonly ThreadStacks[]): CgoReport {
  const [program] = images as [ThreadStacks]
  const calls: CgoCallReport[] = []
  const reports: CgoThreadReport[] = []
  let callsKnown = true
  for (const {threads, machine, tid} of listMachines(images)) {
    const {process} = threads
    if (process.deadline.isOver(CALLS_OF_C)) {
      callsKnown = false
      break
    }
    const goroutine = machine && threads.goroutineOf(machine)
    const found = goroutine ? findCgoCalls(process, threads, goroutine) : NO_CALLS
    callsKnown &&= threads.knowsGoroutine(tid, machine) && found.missing === null
    const report = reportThread(process, threads, {machine, tid, goroutine, found})
    reports.push(report)
    if (machine && isInCall(machine, found)) calls.push(reportCall(process, report, found))
  }
  const enabled = images.some(({process: {runtime}}) => runtime?.usesCgo) || (program.process.runtime?.usesCgo ?? null)
  return {
    enabled,
    ...reportHooks((images.find(hasHooks) ?? program).process),
    groups: groupCalls(calls),
    calls,
    callsKnown: callsKnown || enabled === false,
    threads: reports,
  }
}

/** A panic takes ncgo back before the traceback, though the calls are still on the stack. */
function isInCall({ncgo}: Machine, {calls, isReturning}: CgoCalls): boolean {
  return calls.length > 0 || (ncgo > 0 && !isReturning)
}

interface ThreadOfImage extends Pick<ThreadFacts, 'machine' | 'tid'> {
  threads: ThreadStacks
}

/** Every thread, with the M that it runs; then the Ms that no thread runs. */
function* listMachines(images: readonly ThreadStacks[]): Generator<ThreadOfImage> {
  const [program] = images as [ThreadStacks]
  for (const {tid} of program.process.core.threads) {
    // A thread runs Ms of several runtimes where Go has called C that called another Go.
    const having = images.filter(threads => threads.machineOf(tid))
    for (const threads of having.length > 0 ? having : [program]) yield {threads, machine: threads.machineOf(tid), tid}
  }
  for (const threads of images) {
    for (const machine of threads.process.runtime?.machines ?? []) {
      if (threads.threadOf(machine) === undefined) yield {threads, machine, tid: null}
    }
  }
}

function hasHooks({process: {runtime}}: ThreadStacks): boolean {
  const {cgoTraceback = null, cgoContext = null, cgoSymbolizer = null} = runtime?.state ?? {}
  return cgoTraceback !== null || cgoContext !== null || cgoSymbolizer !== null
}

interface ThreadFacts {
  machine: Machine | undefined
  tid: number | null
  goroutine: Goroutine | undefined
  found: CgoCalls
}

/** null: more calls than can have been, so the word is no count. */
function countOf(word: bigint): number | null {
  return word <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(word) : null
}

function reportThread(
  process: DeadProcess,
  threads: ThreadStacks,
  {machine, tid, goroutine, found}: ThreadFacts,
): CgoThreadReport {
  const known = machine ?? (tid !== null && threads.isWithoutG(tid) ? null : undefined)
  const {inCallback} = found
  const facts = {machine: known, hasThread: tid !== null, goroutine, inCallback, entry: found.calls[0]?.entry ?? null}
  const saved = checkSavedCallers(process, threads, known)
  return {
    image: machine ? imageName(process) : null,
    m: machine?.id ?? null,
    thread: tid,
    goroutine: goroutine?.id ?? null,
    goroutineKnown: threads.knowsGoroutine(tid, machine),
    depth: machine?.ncgo ?? null,
    total: machine ? countOf(machine.ncgocall) : null,
    saved: {
      state: saved.state,
      pcs: saved.pcs.map(pc => hex(pc)),
      tail: saved.tail.map(pc => hex(pc)),
      frames: reportSavedPcs(process, saved),
      agreesWithUnwind: saved.agreement,
    },
    handler: decideCollecting(process, facts),
    traceback: decidePrinting(process, facts),
    contexts: goroutine ? reportContexts(goroutine, found.callbacks.length) : [],
    callbacks: found.callbacks.map(({function: name, segment}) => ({
      function: name,
      frames: segment.frames.flatMap(frame => reportNativeFrame(process, frame)),
      missing: segment.missing,
    })),
  }
}

function reportCall(process: DeadProcess, thread: CgoThreadReport, found: CgoCalls): CgoCallReport {
  const [innermost, ...outer] = found.calls
  const {image, m, thread: tid, goroutine, goroutineKnown, depth, total, ...state} = thread
  const call = innermost ?? NO_CALL
  return {
    image,
    m,
    thread: tid,
    goroutine,
    goroutineKnown,
    depth,
    total,
    ...reportNested(process, call),
    inCallback: found.inCallback,
    outer: outer.map(nested => reportNested(process, nested)),
    ...state,
  }
}

function reportNested(process: DeadProcess, {entry, caller, segment}: CgoCall) {
  const {frames, leftOut, missing} = segment
  const reported = frames.flatMap(frame => reportNativeFrame(process, frame))
  return {entry, caller, current: reported[0] ?? null, cFrames: reported.length + leftOut, missing}
}

/**
 * Values above the slice's length were pushed before and taken off again. In a panic as many of them as callbacks are
 * still on the stack were taken off by its deferred functions; all others belong to callbacks that returned.
 */
export function reportContexts(
  goroutine: Pick<Goroutine, 'cgoCtxt' | 'cgoCtxtBacking' | 'hasPanics'>,
  callbacks: number,
): CgoThreadReport['contexts'] {
  const live = goroutine.cgoCtxt
  const end = goroutine.hasPanics ? Math.max(callbacks, live.length) : live.length
  const popped = goroutine.cgoCtxtBacking.slice(live.length, end).filter(value => value !== 0n)
  const report = (isPopped: boolean) => (value: Word) => ({value: hex(value), popped: isPopped})
  return [...live.map(report(false)), ...popped.map(report(true))]
}

function groupCalls(calls: readonly CgoCallReport[]): CgoReport['groups'] {
  const groups = new Map<string | null, CgoReport['groups'][number]>()
  for (const {entry, goroutine} of calls) {
    let group = groups.get(entry)
    if (!group) {
      group = {entry, count: 0, goroutines: []}
      groups.set(entry, group)
    }
    group.count++
    if (goroutine !== null && group.goroutines.length < GOROUTINES_PER_GROUP) group.goroutines.push(goroutine)
  }
  return [...groups.values()].sort((a, b) => b.count - a.count)
}

/** The functions that runtime.SetCgoTraceback was given, by name where the symbols say it. */
export function reportHooks(process: DeadProcess): Pick<CgoReport, 'hooks' | 'hooksKnown'> {
  const {cgoTraceback, cgoContext, cgoSymbolizer} = process.runtime?.state ?? {}
  const hooksKnown = cgoTraceback !== undefined && cgoContext !== undefined && cgoSymbolizer !== undefined
  if (!hooksKnown) reportUnknownHooks(process)
  const hooks = {
    traceback: reportHook(process, cgoTraceback),
    context: reportHook(process, cgoContext),
    symbolizer: reportHook(process, cgoSymbolizer),
  }
  return {hooks, hooksKnown}
}

function reportHook({symbolizer}: DeadProcess, address: Finding<Address>): CgoReport['hooks']['traceback'] {
  if (address === undefined || address === null) return null
  return {address: hex(address), symbol: symbolizer.locate(address, address).at(-1)?.function ?? null}
}
