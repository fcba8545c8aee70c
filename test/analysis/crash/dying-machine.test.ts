// Which of several Ms that died at once the runtime printed.
import test from 'ava'
import {USER_REGS} from '../../../src/amd64/user-regs.ts'
import {dyingMachine} from '../../../src/analysis/crash/runtime-death.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'

const FUTEX = 202n
const LOCK = ['futex', 'futexsleep', 'lock2', 'lockWithRank', 'lock']
const printing = ['usleep', 'sighandler', 'sigtrampgo']
const waiting = [...LOCK, 'startpanic_m', 'sighandler', 'sigtrampgo']
const printed = [...LOCK, 'dopanic_m', 'fatalthrow', 'throw']

interface Dying {
  frames?: readonly string[]
  /** Without function tables: whether it waits for a futex, and whether a signal was caught. */
  inFutex?: boolean
  caught?: boolean
}

/** The index of the M that is taken for the first, of threads in the order of the core. */
function first(...dying: readonly Dying[]): number | undefined {
  const machines = dying.map(({caught}, id) => ({id, dying: 1, caughtsig: caught ? 1 : 0}))
  const stacks = dying.map(({frames, inFutex}) => {
    const registers = new BigUint64Array(27)
    if (inFutex) registers[USER_REGS.orig_rax] = FUTEX
    const named = (frames ?? ['']).map(name => ({go: name === '' ? undefined : {name: `runtime.${name}`}}))
    return {frames: named, thread: {registers}}
  })
  const core = {threads: machines.map(({id}) => ({tid: id}))}
  const threads = {threadOf: ({id}: {id: number}) => id, ofMachine: ({id}: {id: number}) => stacks[id]}
  const process = {core, runtime: {machines}} as unknown as DeadProcess
  return dyingMachine(process, threads as unknown as ThreadStacks)?.id
}

test('an M that waits for its turn to die never printed', t => {
  t.is(first({frames: waiting}, {frames: printing}), 1)
  t.is(first({frames: printing}, {frames: waiting}), 0)
  t.is(first({frames: waiting}, {frames: waiting}, {frames: printing}), 2)
})

test('an M that waits for the others to print has printed', t => {
  t.is(first({frames: ['raise', 'crash', 'fatalthrow', 'throw']}, {frames: printed}), 1)
  t.is(first({frames: waiting}, {frames: ['raise', 'crash', 'fatalthrow']}, {frames: printed}), 2)
})

test('without function tables: who waits has printed before a throw, and does not print behind a signal', t => {
  t.is(first({inFutex: true, caught: true}, {caught: true}), 1)
  t.is(first({}, {inFutex: true}), 1)
})
