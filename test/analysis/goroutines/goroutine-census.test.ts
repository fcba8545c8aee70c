// What is counted without a walk: goroutines and what they wait for; and whose stacks a death is signed by.
import test from 'ava'
import type {CrashCause} from '../../../src/analysis/crash/crash-cause.ts'
import {takeCensus} from '../../../src/analysis/goroutines/goroutine-census.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {DeathStacks} from '../../../src/analysis/signature/death-stack.ts'
import type {GoroutineStacks} from '../../../src/analysis/stacks/goroutine-stacks.ts'
import type {PrintedStack} from '../../../src/analysis/stacks/shown-stack.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {FrameReport} from '../../../src/report/core-report.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {GOROUTINE_STATUS} from '../../../src/runtime-model/goroutine-status.ts'
import {go} from '../../support/signature-facts.ts'

const {_Gwaiting, _Gsyscall, _Gdead} = GOROUTINE_STATUS
/** The M that every goroutine in C is on. */
const MACHINE = 0x5000

function goroutine(id: number, waitReason: string | null, fields: object = {}): Goroutine {
  const isWaiting = waitReason !== null
  const status = {number: isWaiting ? _Gwaiting : _Gsyscall, text: isWaiting ? 'waiting' : 'syscall', scan: false}
  const common = {
    id,
    address: id,
    isDead: false,
    state: waitReason ?? 'syscall',
    waitReason,
    status,
    waitSince: 0n,
    m: 0,
  }
  return {...common, syscall: {sp: 0}, labels: new Map(), hasLabels: false, ...fields} as unknown as Goroutine
}

function processOf(...goroutines: readonly Goroutine[]): DeadProcess {
  const runtime = {
    goroutines: () => goroutines,
    isSystemGoroutine: ({state}: Goroutine) => state === 'GC worker (idle)',
    isBorrowedBySignal: () => false,
    machineAt: () => ({id: 0, address: MACHINE, ncgo: 1}),
    nowLowerBound: () => 0n,
    state: {tracebackLabels: false},
  }
  return {runtime, version: GoVersion.ofMinor(27)} as unknown as DeadProcess
}

/** Who is told of all goroutines on the way. */
function makeNotes() {
  const seen: number[] = []
  function* noting(_: DeadProcess, goroutines: Iterable<Goroutine>): Generator<Goroutine> {
    for (const each of goroutines) {
      seen.push(each.id)
      yield each
    }
  }
  return {seen, noting}
}

/** As the threads have it: who saved a place when it entered C. */
function threadsOf(process: DeadProcess) {
  return {process, isInCgo: ({syscall}: Goroutine) => syscall.sp !== 0}
}

const NOBODY = {goroutine: undefined, current: undefined} as unknown as CrashCause

test('goroutines are counted by what they wait for, the most first, without the runtime’s own and the dead', t => {
  const inC = {m: MACHINE, syscall: {sp: 0xc000}}
  const dead = goroutine(9, null, {isDead: true, status: {number: _Gdead, text: 'dead', scan: false}})
  const process = processOf(
    goroutine(1, 'select'),
    goroutine(2, 'GC worker (idle)'),
    goroutine(3, null, inC),
    goroutine(4, 'select'),
    dead,
  )
  const notes = makeNotes()
  const census = takeCensus(process, [threadsOf(process)], NOBODY, notes)
  t.deepEqual(notes.seen, [1, 2, 3, 4, 9])
  t.deepEqual(takeCensus(process, [threadsOf(process)], NOBODY, undefined), census, 'nobody need be told')
  t.like(census, {count: 3, inC: 1, main: {id: 1}})
  t.deepEqual(census?.states, [
    ['select', 2],
    ['syscall', 1],
  ])
})

test('of several runtimes all goroutines count, and goroutine 1 is that of the one that died', t => {
  const program = processOf(goroutine(1, 'select'))
  const library = processOf(goroutine(1, 'chan receive'), goroutine(5, 'select'))
  const census = takeCensus(library, [threadsOf(program), threadsOf(library)], NOBODY, makeNotes())
  t.like(census, {count: 3, main: {waitReason: 'chan receive'}})
  t.is(takeCensus({} as DeadProcess, [threadsOf({} as DeadProcess)], NOBODY, makeNotes()), undefined)
})

/** Each goroutine's stack is one frame with its number. */
const STACKS = {
  assemble: ({goroutine: {id}}: {goroutine: Goroutine}) => ({frames: [go(`main.g${id}`)], missing: []}),
} as unknown as GoroutineStacks
const namesOf = (frames: readonly FrameReport[]) => frames.map(({function: name}) => name)

test('a death is signed by the system stack, the goroutine that crashed and the one that it served', t => {
  const [crashed, served, g0] = [goroutine(7, null), goroutine(8, null), goroutine(0, null)]
  const stacksOf = (fields: object, known: (each: Goroutine) => PrintedStack | undefined = () => undefined) =>
    new DeathStacks(processOf(), STACKS, {cause: {...NOBODY, ...fields} as CrashCause, known})
  t.deepEqual(namesOf(stacksOf({}).frames()), [])
  t.deepEqual(namesOf(stacksOf({goroutine: crashed, current: crashed}).frames()), ['main.g7'])
  const onSystemStack = {runtimeStack: {g0, start: undefined}, goroutine: crashed, current: served}
  t.deepEqual(namesOf(stacksOf(onSystemStack).frames()), ['main.g0', 'main.g7', 'main.g8'])
  const walked: PrintedStack = {frames: [go('main.walked')], elided: null, missing: [], stop: 'end-of-stack'}
  const known = ({id}: Goroutine) => (id === 7 ? walked : undefined)
  t.deepEqual(namesOf(stacksOf({goroutine: crashed}, known).frames()), ['main.walked'], 'no stack is walked twice')
})

test('behind which frames others are missing, of a core that was cut and where a file was not found', t => {
  const frames = ['main.inner', 'main.work', 'main.main'].map(name => go(name, {module: '/opt/app'}))
  const missing = [
    {after: 1, reason: 'unmapped'},
    {after: 2, reason: 'frame-limit'},
    {after: 3, reason: 'no-unwind-info'},
  ] as const
  const known = (): PrintedStack => ({frames, elided: null, missing: [...missing], stop: 'no-unwind-info'})
  const whole = {truncated: false, holes: []}
  const gapsOf = (core: object, imageOrigin: string) => {
    const process = {
      core,
      modules: [
        {path: '/opt/app', imageOrigin},
        {path: '/opt/other', imageOrigin: 'none'},
      ],
    } as unknown as DeadProcess
    const stacks = new DeathStacks(process, STACKS, {cause: {...NOBODY, goroutine: goroutine(7, null)}, known})
    stacks.frames()
    return namesOf([...stacks.gaps])
  }
  t.deepEqual(gapsOf(whole, 'file'), [], 'what the process wrote over is the bug itself')
  t.deepEqual(gapsOf(whole, 'memory'), ['main.inner'])
  t.deepEqual(gapsOf({...whole, truncated: true}, 'file'), ['main.inner'])
  t.deepEqual(gapsOf({...whole, holes: [{}]}, 'file'), ['main.inner'])
})

test('where everything waits it is signed by all that the runtime lists', t => {
  const process = processOf(goroutine(1, 'select'), goroutine(2, 'GC worker (idle)'), goroutine(3, 'sleep'))
  const blocked = [...new DeathStacks(process, STACKS, {cause: NOBODY, known: () => undefined}).blocked()]
  t.deepEqual(
    blocked.map(({state, frames}) => [state, ...namesOf(frames)]),
    [
      ['select', 'main.g1'],
      ['sleep', 'main.g3'],
    ],
  )
})
