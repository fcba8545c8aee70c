// Which of the signals that interrupted a thread began its end.
import test from 'ava'
import {findFirstFault, type Interruption, type ThreadStack} from '../../src/analysis/thread-stacks.ts'

const SIGQUIT = 3
const SIGABRT = 6
const SIGSEGV = 11
const SIGUSR2 = 12
const SIGPROF = 27

/** Frames by name, innermost first; `SIGNAL name` is what that signal interrupted, `SIGNAL! name` where Go's handler got it. */
function stackOf(...names: string[]) {
  const interruptions: Interruption[] = []
  const frames = names.map((text, index) => {
    const [, number, byGo, name = text] = /^(\d+)(!?) (.*)$/.exec(text) ?? []
    if (number !== undefined) {
      const signal = {signal: Number(number)} as NonNullable<Interruption['signal']>
      interruptions.push({index, signal, isPlumbing: byGo === '!'})
    }
    return {go: name.startsWith('runtime.') ? {name} : undefined}
  })
  return {frames: frames as unknown as ThreadStack['frames'], interruptions}
}

function first(...names: string[]): number | undefined {
  const {frames, interruptions} = stackOf(...names)
  return findFirstFault(frames, interruptions)?.index
}

test('the outermost fault came first, whoever handled it', t => {
  t.is(first('report', `${SIGABRT} abort`, 'handler', `${SIGSEGV} poke`, 'main'), 3)
})

test('a signal of a timer, whose handler faults, is not what went wrong', t => {
  t.is(first('runtime.sighandler', `${SIGSEGV}! poke`, 'on_timer', `${SIGPROF} work`, 'main'), 1)
  t.is(first('runtime.sighandler', `${SIGSEGV}! poke`, 'on_usr2', 'runtime.sigfwd', `${SIGUSR2}! work`, 'main'), 1)
})

test('a request for the stacks is first where the runtime faults while it prints them', t => {
  t.is(first('runtime.sighandler', `${SIGSEGV}! runtime.traceback1`, 'runtime.sighandler', `${SIGQUIT}! work`), 3)
  t.is(first('poke', `${SIGQUIT} work`), undefined, 'a handler of C may live on')
})

test('the signal that the runtime raises to end the process is no fault', t => {
  t.is(
    first('runtime.sighandler', `${SIGABRT}! runtime.raise`, 'runtime.dieFromSignal', 'runtime.fatalthrow'),
    undefined,
  )
})
