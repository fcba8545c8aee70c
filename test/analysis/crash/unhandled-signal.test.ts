// A throw while a signal was being handled: whether the signal had been printed before.
import test from 'ava'
import {diedBeforeHandling} from '../../../src/analysis/crash/runtime-death.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import type {ThreadStack} from '../../../src/analysis/stacks/thread-walk.ts'

/** A thread with a SIGSEGV in C below these functions, innermost first. */
function threadOf(names: readonly (string | null)[]): ThreadStack {
  const frames = [...names, '(signal)', null].map(name => ({
    go: name === null || name === '(signal)' ? undefined : {name, entry: 0},
    kind: name === '(signal)' ? 'signal' : name === null ? 'native' : 'go',
  }))
  const interruptions = [{index: frames.length - 1, signal: {signal: 11, code: 1}, isPlumbing: true}]
  return {frames, interruptions} as unknown as ThreadStack
}

const process = {images: [{}]} as unknown as DeadProcess
const THROW = ['runtime.fatalthrow', 'runtime.throw']
const TRAMPOLINE = ['runtime.sigtrampgo', 'runtime.sigtramp']

test('a throw of sigtrampgo itself is all that was printed', t => {
  const stack = [...THROW, 'runtime.noSignalStack', 'runtime.adjustSignalStack', ...TRAMPOLINE]
  t.true(diedBeforeHandling(process, threadOf(stack)))
})

test('once sighandler runs, the signal has been printed, or made a panic', t => {
  t.false(diedBeforeHandling(process, threadOf([...THROW, 'runtime.printpanics', 'runtime.sighandler', ...TRAMPOLINE])))
})

test('a handler of C that called Go has nothing to do with it', t => {
  t.false(diedBeforeHandling(process, threadOf([...THROW, 'main.handle', 'runtime.cgocallback', null])))
})

test('a runtime that did not die has thrown nothing', t => {
  t.false(diedBeforeHandling(process, threadOf(['runtime.futex', ...TRAMPOLINE])))
})
