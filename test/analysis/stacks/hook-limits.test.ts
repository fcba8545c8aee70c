import test from 'ava'
import {HookLimits} from '../../../src/analysis/stacks/hook-limits.ts'

/** `G` a Go frame, `C` one of a context; a blank begins the next physical frame. */
function places(limits: HookLimits, frames: string): string {
  return frames
    .split(' ')
    .map(frame => (limits.beginFrame() ? [...frame].map(each => limits.take(each === 'C')[0]).join('') : '-'))
    .join(' ')
}

test('up to 1.20 frames of contexts count as frames of the walk', t => {
  t.is(places(new HookLimits(5, true), 'G GCC GC G'), 'k kkk kd -')
})

test('without a symbolizer they are frames like others', t => {
  const limits = new HookLimits(undefined, false)
  t.is(places(limits, 'GC '.repeat(60).trim()), 'kk '.repeat(60).trim())
  t.is(limits.resumed, undefined)
})

test('behind the first 50 the runtime goes on at the next frame of a context', t => {
  const limits = new HookLimits(undefined, true)
  t.is(places(limits, 'G '.repeat(50).trim()), 'k '.repeat(50).trim())
  t.is(places(limits, 'G G GCC G'), 'k k krk k')
  t.deepEqual(limits.resumed, {count: 2147483597, behind: 3})
})

test('where the first 50 end inside a context, the rest of it is lost', t => {
  const limits = new HookLimits(undefined, true)
  places(limits, 'G '.repeat(48).trim())
  t.is(places(limits, 'GCC'), 'kkd')
  t.true(limits.takeLost())
  t.is(limits.take(true), 'resumed')
  t.deepEqual(limits.resumed, {count: 2147483647 - 50 - 2, behind: 1})
})

test('of what follows it prints 50', t => {
  const limits = new HookLimits(undefined, true)
  places(limits, 'G '.repeat(50).trim())
  t.is(places(limits, `GC ${'G '.repeat(60).trim()}`), `kr ${'k '.repeat(49)}${'d '.repeat(11).trim()}`)
})
