// Dumps with very many different stacks, and files that were made to become them, in bounded memory.

import test from 'ava'
import {Location, Profile, Sample, ValueType} from 'pprof-format'
import {InputError} from '../../src/base/errors.ts'
import {StackSamples} from '../../src/render/stack-samples.ts'
import type {FrameReport, GoroutineReport} from '../../src/report/core-report.ts'
import type {DumpedFrame} from '../../src/traceback/dumped-stack.ts'
import {DumpedStacks} from '../../src/traceback/dumped-stacks.ts'
import {parseGoTraceback} from '../../src/traceback/go-traceback.ts'
import {diffGoroutines} from '../../src/triage/comparison/goroutine-diff.ts'
import {parsePprof} from '../../src/triage/comparison/pprof-profile.ts'
import {signaturesOfLines} from '../../src/triage/comparison/signature-diff.ts'
import type {StoredLine} from '../../src/triage/stored-line.ts'
import {heldBy} from '../support/held-memory.ts'

const STACKS = 10_000
const DEPTH = 20

/** A stack for each number, as a recursion over two functions makes it. */
function framesOf(number: number): DumpedFrame[] {
  const names = Array.from({length: DEPTH}, (_, bit) => ((number >> bit) & 1 ? 'main.odd' : 'main.even'))
  return names.map(name => ({function: name, file: '/src/main.go', line: name.length, isC: false}))
}

const STACK = {count: 1, state: 'select', createdBy: 'main.main', isPartial: false, cutAfter: null}

function dumpOf(first: number): DumpedStacks {
  const stacks = new DumpedStacks('dump')
  for (let id = first; id < first + STACKS; id++) stacks.add({...STACK, goroutines: [id], frames: framesOf(id)})
  return stacks
}

test('samples of a profile: 200 bytes each', t => {
  function* goroutines(): Generator<GoroutineReport> {
    for (let number = 0; number < STACKS; number++) {
      const frames = framesOf(number).map(frame => ({...frame, pc: `0x${frame.line}`}) as unknown as FrameReport)
      yield {frames, state: 'select', labels: {}} as unknown as GoroutineReport
    }
  }
  const report = {goroutines: goroutines(), groups: null, noteLimit: () => t.fail()}
  let samples: StackSamples | undefined
  t.true(heldBy(() => (samples = new StackSamples(report))) < STACKS * 200)
  t.is([...(samples ?? [])].length, STACKS)
})

test('two dumps that are compared: 250 bytes for each of a stack in either', t => {
  const compared = {path: '/x', kind: 'traceback', count: STACKS, since: null, until: null}
  let changes: Iterable<unknown> = []
  const compare = () => {
    const [before, after] = [dumpOf(0), dumpOf(STACKS / 2)].map(stacks => ({compared, buildId: null, stacks}))
    if (before && after) changes = diffGoroutines(before, after).goroutines
    return [before, after, changes]
  }
  // What V8 makes of the code is no part of it.
  compare()
  const bytes = heldBy(compare)
  t.true(bytes < STACKS * 2 * 250, `${bytes / STACKS / 2}`)
  t.is([...changes].length, STACKS * 1.5)
})

test('what is held to compare two dumps does not grow with the depth of their stacks', t => {
  const compared = {path: '/x', kind: 'traceback', count: STACKS, since: null, until: null}
  const [before, after] = [0, STACKS].map(first => {
    const stacks = new DumpedStacks('dump')
    for (let id = first; id < first + STACKS; id++) {
      // Four functions in an order that no other stack has, from the outermost on.
      let state = id
      const frames = Array.from({length: 2 * DEPTH}, () => {
        state = Math.imul(state ^ (state >>> 15), 0x85ebca6b) + 0x9e3779b1
        return {function: `main.f${state >>> 30}`, file: '/src/main.go', line: 1, isC: false}
      })
      stacks.add({...STACK, goroutines: [id], frames})
    }
    return {compared, buildId: null, stacks}
  })
  if (!before || !after) return t.fail()
  let changes: Iterable<unknown> = []
  const compare = () => (changes = diffGoroutines(before, after).goroutines)
  compare()
  changes = []
  const bytes = heldBy(compare)
  t.true(bytes < STACKS * 2 * 500, `${bytes / STACKS / 2}`)
  t.is([...changes].length, STACKS * 2)
})

test('a profile of nothing but empty messages is refused, in the room that it takes itself', t => {
  const valueType = new ValueType({type: 1, unit: 1})
  const profile = new Profile({sampleType: [valueType]})
  profile.stringTable.dedup('goroutine')
  const head = profile.encode()
  // 50, 0: an empty text.
  const bomb = Buffer.concat([head, Buffer.alloc(2_000_002, Uint8Array.of(50, 0))])
  const refused = {code: 'too-large', message: /1000000/}
  t.throws(() => parsePprof('bomb.pb', bomb, new DumpedStacks('bomb.pb')), refused)
  t.is(parsePprof('cut.pb', head.subarray(0, -1), new DumpedStacks('cut.pb')), undefined)
  const whole = new DumpedStacks('p.pb')
  const sample = new Sample({locationId: [1], value: [3]})
  const parts = [head, new Profile({sample: [sample], location: [new Location({id: 1})]}).encode()]
  t.is(parsePprof('p.pb', Buffer.concat(parts), whole), 'goroutine')
  t.deepEqual(
    Array.from(whole, ({count}) => count),
    [3],
  )
})

test('a traceback of more than any process has is refused, as soon as it is more', t => {
  let read = 0
  function* lines(block: (id: number) => readonly string[]): Generator<string> {
    for (let id = 1; ; id++) {
      yield `goroutine ${id} [select]:`
      yield* block(id)
      yield ''
      read = id
    }
  }
  const tooLarge = (block: (id: number) => readonly string[]): string | undefined =>
    t.throws(() => parseGoTraceback(lines(block), new DumpedStacks('dump')), {instanceOf: InputError})?.message
  // Names without end, long ones.
  const name = 'x'.repeat(1024 * 1024)
  t.is(
    tooLarge(id => [`main.${name}${id}(0x1)`, '\t/src/main.go:1 +0x1']),
    'dump: more than 33554432 characters of different names',
  )
  t.is(read, 31)
  // Places without end.
  t.is(
    tooLarge(id =>
      Array.from({length: 20_000}, (_, line) => `main.f()\n\t/a.go:${id * 20_000 + line}`.split('\n')).flat(),
    ),
    'dump: more than 200000 functions and lines',
  )
  t.is(read, 10)
})

test('goroutines of the runtime, which are left out, count too', t => {
  const stacks = new DumpedStacks('dump')
  const dump = [
    'goroutine 2 [idle]:',
    'runtime.gopark(0x1)',
    '\t/src/proc.go:1',
    '',
    'goroutine 3 [idle]:',
    'main.f()',
    '\t/a:1',
  ]
  parseGoTraceback([...dump, '', ...dump], stacks)
  t.deepEqual(
    [...stacks.entries()].map(([index, {goroutines}]) => [index, goroutines]),
    [[1, [3]]],
  )
})

test('of a stack without end the first frames are read, and it counts as cut', t => {
  const stacks = new DumpedStacks('dump')
  function* lines(): Generator<string> {
    yield 'goroutine 1 [running]:'
    for (let frame = 0; frame < 100_010; frame++) yield* ['main.f()', '\t/a.go:1']
  }
  parseGoTraceback(lines(), stacks)
  const [stack] = stacks
  t.deepEqual([stack?.frames.length, stack?.cutAfter], [100_000, 100_000])
})

test('lines of batch with signatures without end are refused, those of one signature are not', t => {
  const line = (id: number, exact: string): StoredLine => {
    const signature = {exact, family: 'x', frames: ['main.f'.repeat(100_000)]}
    return {path: `/c/${id}`, signature} as unknown as StoredLine
  }
  function* lines(exact: (id: number) => string): Generator<StoredLine> {
    for (let id = 0; id < 1000; id++) yield line(id, exact(id))
  }
  const refused = {instanceOf: InputError, message: /^lines: more different signatures and paths than/}
  t.throws(() => signaturesOfLines('lines', lines(String)), refused)
  t.deepEqual(
    [
      ...signaturesOfLines(
        'lines',
        lines(() => 'one'),
      ).counts,
    ],
    [['one', 1000]],
  )
})
