import test from 'ava'
import {CompletenessCount} from '../../src/analysis/completeness.ts'
import {isWhole} from '../../src/analysis/losses.ts'
import type {CrashReport, FrameReport} from '../../src/report/core-report.ts'

const SIGNAL = {kind: 'signal'} as CrashReport
const NONE = {kind: 'none'} as CrashReport

function frame(kind: FrameReport['kind'], name: string | null, foundBy: FrameReport['foundBy'] = 'cfi'): FrameReport {
  return {kind, function: name, foundBy} as FrameReport
}

const lost = 'a part of the process’s memory or of its lists is lost, or time was over'
const GO = frame('go', 'main.main')

test('a stack counts as whole where it was walked to its end and every Go frame has a name', t => {
  const count = new CompletenessCount()
  count.add({frames: [GO], missing: [], stop: 'end-of-stack'})
  count.add({frames: [GO], missing: [], stop: 'unmapped'})
  count.add({frames: [GO], missing: [], stop: 'frame-limit'})
  count.add({frames: [frame('go', null)], missing: [], stop: 'end-of-stack'})
  count.add({frames: [frame('unknown', null)], missing: [], stop: 'end-of-stack'})
  t.deepEqual(count.report(SIGNAL, [], 0), {
    goFrames: 0.2,
    cFrames: null,
    score: 0.2,
    reasons: ['4 of 5 stacks were not walked to their end with every Go frame named'],
  })
})

test('a C frame counts as found where it has a name and was not guessed', t => {
  const count = new CompletenessCount()
  const frames = [frame('c', 'f'), frame('c', null), frame('c', 'g', 'scan'), frame('c', 'h'), frame('signal', null)]
  count.add({frames, missing: [], stop: 'end-of-stack'})
  t.deepEqual(count.report(SIGNAL, [], 0), {
    goFrames: 1,
    cFrames: 0.5,
    score: 0.75,
    reasons: ['2 of 4 C frames have no name or were guessed'],
  })
})

test('a core that was cut is never whole: what is missing cannot be counted', t => {
  const count = new CompletenessCount()
  count.add({frames: [GO], missing: [], stop: 'end-of-stack'})
  t.is(count.report(SIGNAL, [lost], 0).score, 0.99)
  const withoutGo = new CompletenessCount()
  withoutGo.addCFrames({frames: [frame('c', 'raise')], missing: [], stop: 'end-of-stack'})
  t.is(withoutGo.report(SIGNAL, [lost], 0).score, 0.495, 'no goroutine was found')
})

test('of a cut core no more counts as found than the share of its memory that is there', t => {
  const count = new CompletenessCount()
  count.add({frames: [GO], missing: [], stop: 'end-of-stack'})
  t.is(count.report(SIGNAL, [lost], 0, 0.6).score, 0.6)
  t.is(count.report(SIGNAL, [lost], 0, 1).score, 0.99)
  t.is(count.report(SIGNAL, [], 0, 0.6).score, 1, 'what nobody lost')
})

const CALLED = {after: 0, reason: 'unmapped'} as const

test('a stack of C that is not there counts as a frame that was not found', t => {
  const cFrames = (...stacks: Parameters<CompletenessCount['addCFrames']>[0][]) => {
    const count = new CompletenessCount()
    for (const stack of stacks) count.addCFrames(stack)
    return count.report(SIGNAL, [], 0).cFrames
  }
  const whole = {frames: [frame('c', 'f')], missing: [], stop: 'end-of-stack'} as const
  t.is(cFrames(whole, {...whole, frames: [GO], missing: [CALLED], stop: 'unmapped'}), 0.5)
  t.is(cFrames(whole, {...whole, frames: [], stop: 'unmapped'}), 0.5, 'of a thread of C')
  t.is(cFrames(whole, {...whole, frames: [GO], missing: [{...CALLED, after: 1}], stop: 'unmapped'}), 1, 'Go’s own')
})

/** What a cut may leave of a stack: all, its Go frames alone, or the goroutine's header. */
const REMAINS = [
  {frames: [frame('c', 'f'), GO], missing: [], stop: 'end-of-stack'},
  {frames: [GO], missing: [CALLED], stop: 'unmapped'},
  {frames: [], missing: [CALLED], stop: 'unmapped'},
] as const

test('a cut never raises the score, whatever it leaves of the stacks', t => {
  const score = (left: readonly number[], share: number) => {
    const count = new CompletenessCount()
    for (const remains of left) count.add(REMAINS[remains] as (typeof REMAINS)[number])
    return count.report(SIGNAL, share < 1 ? [lost] : [], 0, share).score ?? 0
  }
  for (let kinds = 0; kinds < 27; kinds++) {
    const left = [kinds % 3, Math.floor(kinds / 3) % 3, Math.floor(kinds / 9)]
    for (const share of [0.9, 0.5, 0.1]) {
      const more = left.map(each => Math.min(each + 1, 2))
      t.true(score(more, share) <= score(left, 1), `${left} at ${share}`)
    }
  }
})

test('where there was no stack, a crash has no part of its answer, and a live process is not measured', t => {
  const count = new CompletenessCount()
  const none = {goFrames: null, cFrames: null}
  const noStack = 'no stack of a goroutine was found'
  t.deepEqual(count.report(SIGNAL, [], 0), {...none, score: 0, reasons: [noStack]})
  t.deepEqual(count.report(NONE, [], 0), {...none, score: null, reasons: [noStack]})
  t.deepEqual(count.report(NONE, [lost], 0), {...none, score: 0, reasons: [noStack, lost]})
})

test('a stack is whole that was walked to its end without a gap or a guess', t => {
  const stack = {frames: [GO, frame('c', null)], missing: [], stop: 'end-of-stack' as const}
  t.true(isWhole(stack))
  t.true(isWhole({...stack, missing: [{after: 1, reason: 'abandoned'}]}))
  t.false(isWhole({...stack, missing: [{after: 1, reason: 'no-unwind-info'}]}))
  t.false(isWhole({...stack, frames: [GO, frame('c', 'main', 'scan')]}))
  t.false(isWhole({...stack, stop: 'unmapped'}))
})
