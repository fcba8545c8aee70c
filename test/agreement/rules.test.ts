// What the rules themselves let pass, and what they do not.
import test from 'ava'
import type {Answers} from './answers.ts'
import {RULES} from './rules.ts'

interface Frame {
  readonly pc: string
  readonly sp: string
  readonly foundBy: string
}

const SAME_FRAMES = 'a goroutine is on the thread that is on it, with the same frames and the same end'

const frame = (at: number, foundBy = 'frame-pointer'): Frame => ({
  pc: `0x40${at}`,
  sp: `0xc00${at}`,
  foundBy,
})

/** What is wrong of goroutine 7 and its thread, with what else is told of that. */
function wrong(ofGoroutine: readonly Frame[], ofThread: readonly Frame[], more: object = {}): string[] {
  const report = (frames: readonly Frame[]) => frames.map(each => ({...each, kind: 'go', function: null}))
  const common = {image: null, m: 0, stop: 'end-of-stack', waitingFor: null, missing: []}
  const goroutine = {...common, id: 7, thread: 1, frames: report(ofGoroutine)}
  const thread = {...common, id: 1, goroutine: 7, alsoRuns: [], frames: report(ofThread), ...more}
  const documents = {analyze: {goroutines: [goroutine]}, threads: {threads: [thread]}}
  return Array.from(RULES[SAME_FRAMES]?.({documents} as unknown as Answers) ?? [])
}

test('a frame that a thread leaves out for their number may stand with the goroutine; no other may', t => {
  const ends = [frame(100), frame(101), frame(108), frame(109)]
  const elided = {elided: {after: 2, count: 6}}
  t.deepEqual(wrong([frame(101), frame(102), frame(107), frame(108)], ends, elided), [])
  t.deepEqual(wrong([frame(101), frame(102), frame(108)], ends), ['goroutine 7: null at 0x40102 is not on thread 1'])
  const outside = [frame(110), frame(101)].flatMap(each => wrong([each, frame(109)], [...ends.slice(1)], elided))
  t.deepEqual(outside, ['goroutine 7: null at 0x40110 is not on thread 1'])
})

test('the caller that was planted for a switch of stacks stands with the goroutine alone; nothing else of a gobuf', t => {
  const own = [frame(101, 'stack-switch'), frame(102)]
  t.deepEqual(wrong([frame(100, 'gobuf'), ...own], own), [])
  const bare = [frame(101), frame(102)]
  t.deepEqual(wrong([frame(100, 'gobuf'), ...bare], bare), ['goroutine 7: null at 0x40100 is not on thread 1'])
})

test('what a thread lost among the frames of its handlers is no end of the goroutine’s stack; anything else is', t => {
  const own = [frame(101), frame(102)]
  const ofThread = [frame(900), frame(901), ...own]
  const lost = (...after: number[]) => ({
    stop: 'no-unwind-info',
    handlerFrames: 2,
    missing: after.map(each => ({after: each, reason: 'no-unwind-info'})),
  })
  t.deepEqual(wrong(own, ofThread, lost(1)), [])
  t.deepEqual(wrong(own, ofThread, lost(2)), [])
  const differs = ['goroutine 7.stop: "end-of-stack", and "no-unwind-info"']
  t.deepEqual(wrong(own, ofThread, lost(3)), differs)
  t.deepEqual(wrong(own, ofThread, lost(1, 4)), differs)
})
