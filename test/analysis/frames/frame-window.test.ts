import test from 'ava'
import {FrameWindow} from '../../../src/analysis/frames/frame-window.ts'

/** A stack in printing order: `go7`, `c1`, …; `!` marks that frames are missing there. */
function windowOf(frames: readonly string[], limit = 1000) {
  const window = new FrameWindow<Named>(3, limit)
  for (const name of frames) {
    if (name === '!') window.mark('unmapped')
    else window.add(named(name))
  }
  return namesOf(window)
}

interface Named {
  name: string
  isGo: boolean
}

function named(name: string): Named {
  return {name, isGo: name.startsWith('go')}
}

function namesOf(window: FrameWindow<Named>) {
  const taken = window.take(false)
  return {...taken, frames: taken.frames.map(({name}) => name)}
}

const go = (count: number): string[] => Array.from({length: count}, (_, index) => `go${index}`)

test('a stack that fits on both ends is whole', t => {
  t.deepEqual(windowOf(go(6)), {frames: go(6), elided: null, missing: [], isLimited: false})
})

test('of a longer one the first and the last Go frames are kept, and those between are counted', t => {
  const {frames, elided, missing} = windowOf(go(10))
  t.deepEqual(frames, ['go0', 'go1', 'go2', 'go7', 'go8', 'go9'])
  t.deepEqual(elided, {after: 3, count: 4})
  t.deepEqual(missing, [], 'Go leaves them out too')
})

test('C frames are no Go frames, and go with the Go frame that they follow', t => {
  const {frames, elided} = windowOf(['c', ...go(3), 'c3', 'go3', 'c4', 'go4', 'c5', 'go5', 'go6'])
  t.deepEqual(frames, ['c', 'go0', 'go1', 'go2', 'c3', 'go4', 'c5', 'go5', 'go6'])
  t.deepEqual(elided, {after: 5, count: 1}, 'only the Go frame counts')
})

test('where the number of all frames is at its limit, that is why some are missing', t => {
  const c = Array.from({length: 12}, (_, index) => `c${index}`)
  const {frames, elided, missing, isLimited} = windowOf([...c, 'go0'], 8)
  t.deepEqual(frames, ['c0', 'c1', 'c2', 'c3', 'c9', 'c10', 'c11', 'go0'])
  t.deepEqual(elided, {after: 4, count: 5})
  t.deepEqual(missing, [{after: 4, reason: 'frame-limit'}])
  t.true(isLimited)
})

test('frames that nobody kept are counted with those that are left out', t => {
  const window = new FrameWindow<Named>(3, 1000)
  window.add(named('c0'))
  window.skip(500)
  window.add(named('c501'))
  t.deepEqual(namesOf(window), {
    frames: ['c0', 'c501'],
    elided: {after: 1, count: 500},
    missing: [{after: 1, reason: 'frame-limit'}],
    isLimited: true,
  })
})

test('a mark stays where it was set, on either end', t => {
  const {missing} = windowOf(['c', '!', ...go(9), '!'])
  t.deepEqual(missing, [
    {after: 1, reason: 'unmapped'},
    {after: 7, reason: 'unmapped'},
  ])
})

test('a stack of a million frames is kept in bounded memory', t => {
  const window = new FrameWindow<{index: number; isGo: boolean}>(50, 1000)
  for (let index = 0; index < 1_000_000; index++) window.add({index, isGo: true})
  const {frames, elided} = window.take(false)
  t.is(frames.length, 100)
  t.deepEqual(elided, {after: 50, count: 999_900})
  t.is(frames.at(-1)?.index, 999_999)
})
