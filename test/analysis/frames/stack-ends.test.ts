import test from 'ava'
import {StackEnds} from '../../../src/analysis/frames/stack-ends.ts'

function endsOf(count: number, limit: number) {
  const ends = new StackEnds<number>(limit)
  for (let frame = 0; frame < count; frame++) ends.add(frame)
  return ends.take()
}

test('both ends of a stack are kept, the innermost frame more where the limit is odd', t => {
  t.deepEqual(endsOf(5, 5), {frames: [0, 1, 2, 3, 4], elided: null, missing: []})
  t.deepEqual(endsOf(9, 5), {
    frames: [0, 1, 2, 7, 8],
    elided: {after: 3, count: 4},
    missing: [{after: 3, reason: 'frame-limit'}],
  })
})

test('frames that are missing within what was left out are missing with it', t => {
  const ends = new StackEnds<number>(4)
  for (let frame = 0; frame < 10; frame++) {
    if (frame === 1 || frame === 5 || frame === 9) ends.mark('unmapped')
    ends.add(frame)
  }
  const {frames, missing} = ends.take()
  t.deepEqual(frames, [0, 1, 8, 9])
  t.deepEqual(missing, [
    {after: 1, reason: 'unmapped'},
    {after: 2, reason: 'frame-limit'},
    {after: 3, reason: 'unmapped'},
  ])
})

test('two parts of a stack that end in one place for one reason are missing once', t => {
  const ends = new StackEnds<number>(4)
  ends.add(0)
  ends.mark('no-unwind-info')
  ends.mark('no-unwind-info')
  ends.mark('unmapped')
  t.deepEqual(ends.take().missing, [
    {after: 1, reason: 'no-unwind-info'},
    {after: 1, reason: 'unmapped'},
  ])
})

test('frames that nobody kept count, and what came before them is left out with them', t => {
  const ends = new StackEnds<number>(4)
  for (let frame = 0; frame < 3; frame++) ends.add(frame)
  ends.skip(10)
  ends.add(13)
  t.deepEqual(ends.take().frames, [0, 1, 13])
  t.deepEqual(ends.take().elided, {after: 2, count: 11})
})
