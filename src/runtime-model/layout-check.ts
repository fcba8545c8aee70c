import {type Address, NULL_ADDRESS} from '../base/address.ts'
import {type MemoryReader, readAddress} from '../base/memory-reader.ts'
import {GOROUTINE_STATUS, statusOf} from './goroutine-status.ts'
import type {GoRelease} from './layouts-by-version.ts'
import {RemoteStruct} from './remote-struct.ts'
import type {SigtrampFacts} from './sigtramp-offsets.ts'
import type {LayoutSet} from './struct-layout.ts'

/** Some goroutines and machines of the process, to try layouts on. */
export interface LayoutSample {
  readonly goroutines: readonly Address[]
  readonly allm: Address
  /** Thread ids of the core; empty where nobody knows. */
  readonly threadIds: ReadonlySet<number>
}

/** How well layouts fit what is in memory: each invariant that held counts in `passed`; the broken ones are named. */
export interface LayoutFit {
  readonly passed: number
  readonly broken: readonly string[]
}

const MACHINE_SAMPLE = 32
/** A goroutine id past this would take centuries to count to. */
const GOID_LIMIT = 2 ** 48
/** A stack larger than the largest limit that debug.SetMaxStack takes in practice. */
const STACK_LIMIT = 2 ** 36
const LAST_STATUS = GOROUTINE_STATUS._Gdeadextra

/** Tries the invariants that the runtime keeps at all times: back links, bounds, small unique ids, known statuses. */
export function checkLayouts(
  memory: MemoryReader,
  release: GoRelease,
  layouts: LayoutSet,
  sample: LayoutSample,
): LayoutFit {
  const tally = new Map<string, {passed: number; failed: number}>()
  const check = (name: string, holds: boolean): void => {
    const counts = tally.get(name) ?? {passed: 0, failed: 0}
    if (holds) counts.passed++
    else counts.failed++
    tally.set(name, counts)
  }
  checkGoroutines(memory, release, layouts, sample, check)
  checkMachines(memory, layouts, sample, check)
  let passed = 0
  const broken: string[] = []
  for (const [name, counts] of tally) {
    passed += counts.passed
    // One object caught in the middle of a change breaks an invariant now and then; a wrong offset breaks it for most.
    if (counts.failed > counts.passed) broken.push(name)
  }
  return {passed, broken}
}

type Check = (name: string, holds: boolean) => void

function checkGoroutines(
  memory: MemoryReader,
  release: GoRelease,
  layouts: LayoutSet,
  sample: LayoutSample,
  check: Check,
): void {
  const ids = new Set<number>()
  for (const address of sample.goroutines) {
    const g = RemoteStruct.read(memory, address, layouts.g)
    if (!g) continue
    const {number} = statusOf(release, g.u32('atomicstatus'))
    check('g.atomicstatus is a known status', number <= LAST_STATUS)
    if (number === GOROUTINE_STATUS._Gidle || number > LAST_STATUS) continue
    const id = g.number('goid')
    check('g.goid is small', id < GOID_LIMIT)
    // Dead goroutines of 1.7 to 1.27 keep the id they had; those that never lived have 0.
    if (id !== 0) check('g.goid is unique', !ids.has(id))
    ids.add(id)
    if (number === GOROUTINE_STATUS._Gdead || number === GOROUTINE_STATUS._Gdeadextra) continue
    const lo = g.pointer('stack.lo')
    const hi = g.pointer('stack.hi')
    check('g.stack is a range', lo > 0 && lo < hi && hi - lo < STACK_LIMIT)
    const sp = g.pointer('sched.sp')
    if (number === GOROUTINE_STATUS._Gwaiting || number === GOROUTINE_STATUS._Grunnable) {
      check('g.sched.sp is on the stack', sp > lo && sp <= hi)
    }
    const m = g.pointer('m')
    if (number === GOROUTINE_STATUS._Grunning && m !== NULL_ADDRESS) {
      check('g.m.curg is g', RemoteStruct.read(memory, m, layouts.m)?.pointer('curg') === address)
    }
  }
}

function checkMachines(memory: MemoryReader, layouts: LayoutSet, sample: LayoutSample, check: Check): void {
  const seen = new Set<Address>()
  let at = sample.allm
  while (at !== NULL_ADDRESS && !seen.has(at) && seen.size < MACHINE_SAMPLE) {
    seen.add(at)
    const m = RemoteStruct.read(memory, at, layouts.m)
    check('m.alllink leads to machines', m !== undefined)
    if (!m) break
    checkMachine(memory, layouts, m, sample.threadIds, check)
    at = m.pointer('alllink')
  }
}

function checkMachine(
  memory: MemoryReader,
  layouts: LayoutSet,
  m: RemoteStruct<'m'>,
  threadIds: ReadonlySet<number>,
  check: Check,
): void {
  const backLink = (g: Address) => RemoteStruct.read(memory, g, layouts.g)?.pointer('m') === m.address
  check('m.g0.m is m', backLink(m.pointer('g0')))
  if (m.pointer('gsignal') !== NULL_ADDRESS) check('m.gsignal.m is m', backLink(m.pointer('gsignal')))
  if (m.pointer('curg') !== NULL_ADDRESS) check('m.curg.m is m', backLink(m.pointer('curg')))
  const procid = m.number('procid')
  if (threadIds.size > 0 && procid !== 0) check('m.procid is a thread', threadIds.has(procid))
  check('m.id is small', m.i32('id') >= -1 && m.i32('id') < 1_000_000)
  check('m.ncgo is a count', m.i32('ncgo') >= 0 && m.i32('ncgo') < 1_000_000)
  const callers = m.pointer('cgoCallers')
  if (callers !== NULL_ADDRESS) check('m.cgoCallers is readable', readAddress(memory, callers) !== undefined)
}

/** Layouts with the offsets that runtime.cgoSigtramp proves, and what they contradict. */
export function applySigtramp(
  layouts: LayoutSet,
  facts: SigtrampFacts,
): {readonly layouts: LayoutSet; readonly contradicted: readonly string[]} {
  const contradicted: string[] = []
  for (const [field, offset] of Object.entries(facts.g) as [keyof SigtrampFacts['g'], number][]) {
    if (layouts.g.offset(field) !== offset) contradicted.push(`g.${field}`)
  }
  for (const [field, offset] of Object.entries(facts.m) as [keyof SigtrampFacts['m'], number][]) {
    if (layouts.m.offset(field) !== offset) contradicted.push(`m.${field}`)
  }
  if (contradicted.length === 0) return {layouts, contradicted}
  return {layouts: {...layouts, g: shiftG(layouts, facts), m: shiftM(layouts, facts)}, contradicted}
}

/**
 * Between two proven fields the others have moved with the nearest proven one before them: structures change by
 * insertions and removals, seldom by shuffling. The invariants judge the result.
 */
function shiftG(layouts: LayoutSet, facts: SigtrampFacts): LayoutSet['g'] {
  const anchors = [
    [layouts.g.offset('m'), facts.g.m],
    [layouts.g.offset('syscallsp'), facts.g.syscallsp],
  ]
  return layouts.g.with(shifted(layouts.g.fields(), anchors) as Iterable<['m', number]>)
}

function shiftM(layouts: LayoutSet, facts: SigtrampFacts): LayoutSet['m'] {
  const anchors = [
    [layouts.m.offset('curg'), facts.m.curg],
    [layouts.m.offset('ncgo'), facts.m.ncgo],
    [layouts.m.offset('cgoCallersUse'), facts.m.cgoCallersUse],
    [layouts.m.offset('cgoCallers'), facts.m.cgoCallers],
  ]
  return layouts.m.with(shifted(layouts.m.fields(), anchors) as Iterable<['curg', number]>)
}

function* shifted(
  fields: Iterable<[string, number]>,
  anchors: readonly (readonly (number | undefined)[])[],
): Generator<[string, number]> {
  for (const [field, offset] of fields) {
    let delta = 0
    for (const [tabulated, proven] of anchors) {
      if (tabulated !== undefined && proven !== undefined && offset >= tabulated) delta = proven - tabulated
    }
    yield [field, offset + delta]
  }
}
