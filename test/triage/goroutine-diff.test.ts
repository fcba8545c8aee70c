// What makes two stacks of two dumps the same, where the dumps do not tell the same things.
import test from 'ava'
import type {DumpedStack} from '../../src/traceback/dumped-stack.ts'
import {diffGoroutines, type GoroutineSet} from '../../src/triage/comparison/goroutine-diff.ts'

/** Frames as `name:line`; those without a dot in the name are of C. */
function stack(frames: readonly string[], more: Partial<DumpedStack> = {}): DumpedStack {
  return {
    count: 1,
    goroutines: [1],
    state: 'select',
    frames: frames.map(text => {
      const [name = '', line] = text.split(':')
      return {function: name, file: '/x', line: Number(line ?? 1), isC: !name.includes('.')}
    }),
    createdBy: 'main.main',
    isPartial: false,
    cutAfter: null,
    ...more,
  }
}

function setOf(kind: string, stacks: readonly DumpedStack[], buildId: string | null = null): GoroutineSet {
  const count = stacks.reduce((sum, each) => sum + each.count, 0)
  return {compared: {path: kind, kind, count, since: null, until: null}, buildId, stacks}
}

function changes(before: GoroutineSet, after: GoroutineSet): string[] {
  const {by, goroutines} = diffGoroutines(before, after)
  return [...goroutines].map(
    ({change, frames, partial}) =>
      `${by} ${change} ${frames.map(frame => frame.function).join(' ')}${partial ? ' ?' : ''}`,
  )
}

const IN_C = ['nanosleep', 'runtime.cgocall', 'main.inC', 'main.main.gowrap1']

test('of two whole cores all frames count, of others those of the program in Go', t => {
  const other = ['poll', ...IN_C.slice(1)]
  t.deepEqual(changes(setOf('core', [stack(IN_C)]), setOf('core', [stack(other)])), [
    `line new ${other.join(' ')}`,
    `line gone ${IN_C.join(' ')}`,
  ])
  t.deepEqual(changes(setOf('core', [stack(IN_C)]), setOf('traceback', [stack(['main.inC'])])), ['line same main.inC'])
})

test('of a core in which frames are missing those of C prove nothing', t => {
  const cut = stack(['nanosleep', 'main.inC'], {isPartial: true})
  t.deepEqual(changes(setOf('core', [stack(IN_C)]), setOf('core', [cut])), ['line same main.inC ?'])
  const lost = stack(['main.lost'], {isPartial: true})
  t.deepEqual(changes(setOf('core', [stack(IN_C)]), setOf('core', [lost])), [
    'line new main.lost ?',
    'line gone main.inC',
  ])
})

test('a dump that leaves out frames of deep stacks is compared as far as it goes', t => {
  const deep = Array.from({length: 40}, () => 'main.rec')
  const profile = stack(deep.slice(0, 32), {state: null, createdBy: null, cutAfter: 32})
  const before = setOf('core', [stack([...deep, 'main.main']), stack(['main.other'])])
  t.deepEqual(changes(before, setOf('profile', [profile])), [
    'line gone main.other',
    `line same ${deep.slice(0, 32).join(' ')}`,
  ])
})

test('lines count where they can: of two builds, or where none is the same, functions alone do', t => {
  const [one, moved] = [stack(['main.f:10', 'main.g:20']), stack(['main.f:11', 'main.g:20'])]
  const same = stack(['main.main:5'])
  t.deepEqual(changes(setOf('core', [one, same], 'a'), setOf('core', [moved, same], 'a')), [
    'line new main.f main.g',
    'line gone main.f main.g',
    'line same main.main',
  ])
  t.deepEqual(changes(setOf('core', [one, same], 'a'), setOf('core', [moved, same], 'b')), [
    'function same main.f main.g',
    'function same main.main',
  ])
  t.deepEqual(changes(setOf('core', [one], 'a'), setOf('core', [moved], 'a')), [
    'line new main.f main.g',
    'line gone main.f main.g',
  ])
  t.deepEqual(changes(setOf('traceback', [one]), setOf('traceback', [moved])), ['function same main.f main.g'])
})

test('counts tell what grew; what a profile does not tell is no difference', t => {
  const waiting = (count: number) => stack(['main.f'], {count})
  t.deepEqual(
    Array.from(
      diffGoroutines(setOf('core', [waiting(2)]), setOf('core', [waiting(3), waiting(4)])).goroutines,
      ({change, before, after}) => [change, before, after],
    ),
    [['grown', 2, 7]],
  )
  const inProfile = stack(['main.f'], {state: null, createdBy: null})
  t.deepEqual(changes(setOf('core', [stack(['main.f'])]), setOf('profile', [inProfile])), ['line same main.f'])
  const other = stack(['main.f'], {createdBy: 'main.other'})
  t.is(changes(setOf('core', [stack(['main.f'])]), setOf('traceback', [other])).length, 2)
})

test('a stack that none has is told as the second dump has it; goroutines are named of the dump that is told', t => {
  const none = stack(['main.f'], {count: 0, goroutines: []})
  const before = [stack(['main.g'], {goroutines: [7]}), stack(['main.g'], {goroutines: [8]})]
  t.deepEqual(
    Array.from(
      diffGoroutines(setOf('core', before), setOf('core', [stack(['main.g'], {goroutines: [9]}), none])).goroutines,
      ({change, frames, goroutines}) => [change, frames[0]?.function, goroutines],
    ),
    [
      ['shrunk', 'main.g', [9]],
      ['same', 'main.f', []],
    ],
  )
})
