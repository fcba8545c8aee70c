import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {checkSavedCallers} from '../../../src/analysis/stacks/saved-callers-check.ts'
import type {ThreadStacks} from '../../../src/analysis/stacks/thread-stacks.ts'
import type {Machine} from '../../../src/runtime-model/machine.ts'

/** Functions of 0x100 bytes each. */
const NAMES: Record<number, string> = {
  4096: 'leaf',
  4352: 'middle',
  4608: '_cgo_0a1b2c3d4e5f_Cfunc_outer',
  4864: 'helper',
  5120: '_cgo_0a1b2c3d4e5f_Cfunc_inner',
}
const LEAF = 0x1010
const MIDDLE = 0x1120
const OUTER = 0x1230

interface Situation {
  /** Entry 0 cleared: the rest alone. */
  words: {state: 'saved' | 'consumed' | 'empty' | 'busy'; pcs: number[]; tail?: number[]}
  ncgo?: number
  /** pcs of the C frames, innermost first; 'go' for a Go frame. */
  stack: (number | 'go')[]
  /** Index of the frame that a signal found. */
  interrupted?: number
  didothers?: boolean
  profileRate?: number
  wouldCollect?: boolean
}

function check(situation: Situation) {
  const {words, ncgo = 1, stack, interrupted, didothers, profileRate, wouldCollect = true} = situation
  const frames = [
    ...stack.map((pc, index) =>
      pc === 'go'
        ? {pc: 0x9000, lookupPc: 0x8fff, kind: 'go', go: {funcID: 'normal'}}
        : {pc, lookupPc: index === (interrupted ?? 0) ? pc : pc - 1, kind: 'native', go: undefined},
    ),
    {pc: 0x9100, lookupPc: 0x90ff, kind: 'go', go: {funcID: 'asmcgocall'}},
  ]
  const interruptions = interrupted === undefined ? [] : [{index: interrupted, signal: undefined, isPlumbing: true}]
  const machine = {ncgo} as Machine
  const process = {
    runtime: {
      savedCallers: () => ({tail: [], ...words}),
      handlerDecision: () => ({fails: wouldCollect ? null : 'm.curg.syscallsp', unknown: null}),
      state: {profileRate},
      hasListedGoroutines: didothers,
    },
    symbolizer: {locate: (pc: number) => [{function: NAMES[Math.floor(pc / 256) * 256] ?? null}]},
  } as unknown as DeadProcess
  const threads = {ofMachine: () => ({frames, base: interrupted ?? 0, interruptions})} as unknown as ThreadStacks
  const {state, pcs, recovered, tail, agreement} = checkSavedCallers(process, threads, machine)
  return {
    state,
    pcs: [...pcs] as number[],
    recovered: recovered as number | undefined,
    tail: [...tail] as number[],
    agreement,
  }
}

test('the first entry of a list that the runtime has printed is what the signal found', t => {
  const words = {state: 'consumed' as const, pcs: [MIDDLE, OUTER - 1]}
  const checked = check({words, stack: ['go', LEAF, MIDDLE, OUTER], interrupted: 1})
  t.deepEqual(checked, {
    state: 'consumed',
    pcs: [LEAF, MIDDLE, OUTER - 1],
    recovered: LEAF,
    tail: [],
    agreement: 'agrees',
  })
})

test('the first entry of a hook that walked its own stack is its own, and lost', t => {
  const words = {state: 'consumed' as const, pcs: [0x6010, 0x6110, LEAF, MIDDLE, OUTER]}
  const checked = check({words, stack: ['go', LEAF, MIDDLE, OUTER], interrupted: 1})
  t.is(checked.state, 'consumed')
  t.deepEqual(checked.pcs, words.pcs)
  t.is(checked.recovered, undefined)
  t.is(checked.agreement, 'longer')
})

test('a hook that gives one pc leaves nothing behind but a signal that found C', t => {
  const words = {state: 'empty' as const, pcs: [], tail: [0x7777]}
  t.deepEqual(check({words, stack: ['go', LEAF, MIDDLE, OUTER], interrupted: 1}), {
    state: 'consumed',
    pcs: [LEAF],
    recovered: LEAF,
    tail: [0x7777],
    agreement: 'shorter',
  })
  t.is(check({words, stack: ['go', LEAF, MIDDLE, OUTER], interrupted: 1, wouldCollect: false}).state, 'stale')
  t.is(check({words: {...words, tail: []}, stack: [LEAF, MIDDLE, OUTER]}).state, 'empty')
})

test('where nothing has read it, a list without its first entry is of an earlier call by the same path', t => {
  const words = {state: 'consumed' as const, pcs: [MIDDLE, OUTER]}
  const stack = [LEAF, MIDDLE, OUTER]
  t.deepEqual(check({words, stack}), {
    state: 'stale',
    pcs: [],
    recovered: undefined,
    tail: [MIDDLE, OUTER],
    agreement: null,
  })
  for (const reader of [{didothers: true}, {profileRate: 100}]) {
    const checked = check({words, stack, ...reader})
    t.is(checked.state, 'consumed')
    t.deepEqual(checked.pcs, [MIDDLE, OUTER], 'the first entry is lost: no signal frame tells it')
  }
  t.is(check({words, stack, didothers: true, ncgo: 0}).state, 'stale')
})

test('a list that ends in the wrapper of another C function is of a nested call that has ended', t => {
  const nested = {state: 'saved' as const, pcs: [0x1310, 0x1420]}
  t.is(check({words: nested, stack: [LEAF, MIDDLE, OUTER]}).state, 'stale')
  const earlier = {state: 'saved' as const, pcs: [0x1310, 0x1240]}
  const checked = check({words: earlier, stack: [LEAF, MIDDLE, OUTER]})
  t.is(checked.state, 'saved', 'another moment of this call')
  t.is(checked.agreement, 'contradicts')
  const nameless = {state: 'saved' as const, pcs: [0x5010, 0x5120]}
  t.is(check({words: nameless, stack: [LEAF, MIDDLE, OUTER]}).state, 'saved', 'nothing says otherwise')
})

test('a list that was made before C called back is held against the C frames', t => {
  const words = {state: 'saved' as const, pcs: [MIDDLE - 1, OUTER - 1]}
  const checked = check({words, stack: ['go', 'go', MIDDLE, OUTER]})
  t.is(checked.state, 'saved')
  t.is(checked.agreement, 'agrees')
})

test('a list that outlived its call is not of the present', t => {
  const words = {state: 'saved' as const, pcs: [LEAF, MIDDLE, OUTER]}
  t.deepEqual(check({words, stack: ['go'], ncgo: 0}), {
    state: 'stale',
    pcs: [LEAF, MIDDLE, OUTER],
    recovered: undefined,
    tail: [],
    agreement: null,
  })
})
