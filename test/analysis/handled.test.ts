// Go code that a signal handler of C called on Go's signal stack, and that died there.
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import type {FrameReport, ThreadReport} from '../../src/report/core-report.ts'
import {type Analysed, analyse} from '../support/incomplete-process.ts'

/** Names in a row once: of deep recursion the depth is chance. */
function namesOf(frames: readonly FrameReport[]): (string | null)[] {
  return frames.map(({function: name}) => name).filter((name, index, all) => name !== all[index - 1])
}

/** What the program itself has on a stack. */
function ownNames(frames: readonly FrameReport[]): (string | null)[] {
  return namesOf(frames).filter(name => name !== null && /^(main\.|handled|on_signal|store)/.test(name))
}

function threadOf({report}: Analysed): ThreadReport {
  const thread = report.tail().threads.find(({id}) => id === report.crash.thread)
  if (!thread) throw new Error('no thread crashed')
  return thread
}

const GO_1_15 =
  'main.grow main.handledGo main._cgoexpwrap_ handledGo on_signal handled_signal main._Cfunc_handled_signal main.runC main.main'

function withoutHash(name: string | null): string {
  return (name ?? '?').replace(/(_cgoexpwrap_).*/, '$1')
}

test('what a handler called is between the death and what the signal had interrupted', async t => {
  const analysed = await analyse(await openFixture('handled-grow-go1.15-nodwarf'), {cgoFrames: 'auto'})
  const [first] = analysed.goroutines
  t.deepEqual(ownNames(first?.frames ?? []).map(withoutHash), GO_1_15.split(' '))
  t.deepEqual(ownNames(threadOf(analysed).frames).map(withoutHash), GO_1_15.split(' '))
  t.deepEqual([first?.missing, first?.stop], [[], 'end-of-stack'])
  t.is(analysed.report.summary.what, 'SIGTRAP in Go: int $0x3')
})

test('where the handler is that of the first fault, the goroutine is shown from what it does, the summary from the fault', async t => {
  const analysed = await analyse(await openFixture('handled-fault-go1.15-nodwarf'), {cgoFrames: 'auto'})
  const {report, goroutines} = analysed
  const own = ownNames(goroutines[0]?.frames ?? [])
  t.deepEqual(own.slice(-7), [
    'handledGo',
    'on_signal',
    'store',
    'handled_fault',
    'main._Cfunc_handled_fault',
    'main.runC',
    'main.main',
  ])
  t.deepEqual(ownNames(threadOf(analysed).frames), own)
  t.deepEqual(
    report.summary.where.map(({function: name}) => name),
    ['store', 'main.runC'],
  )
})

test('without the program nothing tells that the runtime, which trapped, was C', async t => {
  const fixture = await openFixture('handled-grow-go1.15-nodwarf')
  const {report, goroutines} = await analyse(fixture, {cgoFrames: 'auto', withoutExecutable: true})
  t.is(report.summary.what, 'SIGTRAP (SI_KERNEL)')
  const [first] = goroutines
  t.true(first?.missing.every(({reason}) => reason === 'no-unwind-info'))
  t.deepEqual([first?.missing[0]?.after, first?.stop], [1, 'no-unwind-info'])
  t.false(first?.frames.some(({module}) => module?.includes('libc') === true))
})
