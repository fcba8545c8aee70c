// Where threads begin: what had started the Go part of each, for releases and kinds of program whose cores are here.
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import type {FrameReport, ThreadReport} from '../../src/report/core-report.ts'
import {runCommand} from '../support/run-command.ts'

async function threadsOf(name: string): Promise<ThreadReport[]> {
  const {core, executable, sysroot} = await openFixture(name)
  const {stdout, stderr, exitCode} = runCommand(['threads', core, '-e', executable, '--sysroot', sysroot, '--json'])
  if (exitCode !== 0) throw new Error(stderr)
  return (JSON.parse(stdout) as {threads: ThreadReport[]}).threads
}

/** The frames from where the Go part of a thread began. */
function startOf({frames}: Pick<ThreadReport, 'frames'>): FrameReport[] {
  return frames.slice(frames.findLastIndex(({function: name}) => name === 'runtime.mstart'))
}

const started = [
  ['blocked-fault-go1.15', 'crosscall_amd64'],
  ['stuck-cross-go1.15', 'crosscall_amd64'],
  ['blocked-fault-go1.24', 'crosscall1'],
  ['blocked-gcore-go1.27', 'crosscall1'],
  ['busy-all-fault-go1.27', 'crosscall1'],
] as const

for (const [name, caller] of started) {
  test(`${name}: a thread without goroutine goes on from mstart to the C code that started it`, async t => {
    const idle = (await threadsOf(name)).filter(({frames, goroutine}) => {
      return goroutine === null && frames.some(({function: name}) => name === 'runtime.mstart')
    })
    t.true(idle.length > 1)
    for (const thread of idle) {
      const frames = startOf(thread)
      const isMain = frames.some(({function: name}) => name === 'runtime.rt0_go')
      const names = frames.map(({function: name}) => name)
      t.deepEqual(names.slice(1, isMain ? 2 : 3), isMain ? ['runtime.rt0_go'] : [caller, 'threadentry'])
      if (isMain) t.is(names.at(-1), '_start')
      t.deepEqual(
        frames.filter(({foundBy}) => foundBy === 'scan'),
        [],
        'nothing of it is guessed',
      )
      t.is(thread.stop, 'end-of-stack')
      t.true(thread.idle)
    }
  })
}

test('a thread that has left its goroutine goes on from mcall to where the thread began', async t => {
  for (const release of ['1.15', '1.21', '1.27']) {
    const threads = await threadsOf(`deaths-mcall-go${release}-nodwarf`)
    const left = threads.filter(({frames, goroutine}) => {
      return goroutine === null && frames.some(({function: name}) => name === 'runtime.mcall')
    })
    t.true(left.length > 0)
    for (const {frames} of left) {
      const called = frames.slice(frames.findLastIndex(({function: name}) => name === 'runtime.mcall') + 1)
      const first = release === '1.15' ? 'runtime.mstart' : 'runtime.mstart0'
      t.is(called[0]?.function, first)
      t.is(called[0]?.foundBy, 'gobuf')
      t.true(called.length >= 3, 'C code follows')
    }
  }
})

test('without cgo a thread begins in clone, or in the first code of the process', async t => {
  const threads = await threadsOf('deadlock-main-go1.23-nocgo')
  const outermost = threads.filter(({goroutine}) => goroutine === null).map(({frames}) => frames.at(-1)?.function)
  t.true(outermost.length > 1)
  for (const name of outermost) t.true(name === 'runtime.clone' || name === 'runtime.rt0_go', name ?? 'none')
})
