import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {analyzeCgo} from '../../src/analysis/analyze-cgo.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import {analyzeGoroutines} from '../../src/analysis/analyze-goroutines.ts'
import {analyzeInfo} from '../../src/analysis/analyze-info.ts'
import {analyzeThreads} from '../../src/analysis/analyze-threads.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError} from '../../src/base/errors.ts'
import {runWithin} from '../../src/base/time-limit.ts'
import type {Answers, Format, Renderer} from '../../src/render/format.ts'
import {FORMATS} from '../../src/render/formats.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {complaint} from '../support/documents.ts'

const LOOKS = {style: PLAIN_STYLE, view: 'whole' as const, registers: false}
const OVER = /time \(--timeout\) was over/

const OPTIONS = {
  tool: {name: 'gotrace-core', version: '0'},
  traceback: undefined,
  cgoFrames: 'auto' as const,
  goroutines: undefined,
  maxFrames: 1000,
  demangle: true,
}
const QUERY = {state: undefined, function: undefined, labels: [], minWait: undefined, ids: undefined}

/** Answers by a process that was opened in time and is analysed when the time is over. */
async function late<Name extends keyof Answers>(name: Name, format: Format): Promise<string> {
  const fixture = await openFixture('busy-all-fault-go1.27')
  const diagnostics = new Diagnostics()
  const dead = await openProcess(fixture.core, {sysroots: [fixture.sysroot], diagnostics})
  const options = {...OPTIONS, deadline: new Deadline(-1, diagnostics), diagnostics}
  const answers: {[Key in keyof Answers]: () => Answers[Key]} = {
    analyze: () => analyzeCore(dead, options),
    cgo: () => analyzeCgo(dead, options),
    goroutines: () =>
      analyzeGoroutines(dead, {...options, query: QUERY, show: 'goroutines', sort: 'id', limit: undefined}),
    info: () => analyzeInfo(dead, options),
    threads: () => analyzeThreads(dead, {...options, threads: undefined}),
  }
  try {
    const answer = answers[name]()
    const text = [...(format.renderers[name] as Renderer<Answers[Name]>)(answer, LOOKS)].join('')
    if (name !== 'info') {
      if (answer.isComplete() || !answer.isOutOfTime) throw new Error('it is taken for whole')
    }
    return text
  } finally {
    dead.close()
  }
}

for (const name of ['analyze', 'goroutines', 'threads', 'cgo'] as const) {
  test(`${name}: a report that time has cut short is valid and says so, in text and in JSON`, async t => {
    t.regex(await late(name, FORMATS.text), /\n\.\.\.the report ends here: the time \(--timeout\) was over\.\.\.\n$/)
    const document = JSON.parse(await late(name, FORMATS.json))
    t.is(complaint(name, document), '')
    t.true(document.diagnostics.some(({code}: {code: string}) => code === 'timeout'))
  })
}

for (const show of ['groups', 'goroutines'] as const) {
  test(`${show} that were found in time are told for a while, then the rest is left out, and it says so`, async t => {
    const {core, sysroot} = await openFixture('busy-all-fault-go1.27')
    const dead = await openProcess(core, {sysroots: [sysroot], diagnostics: new Diagnostics()})
    /** How many are told where so many of 600 seconds are over when the first one was. */
    const told = (seconds: number): number => {
      const diagnostics = new Diagnostics()
      const options = {...OPTIONS, deadline: new Deadline(600, diagnostics), diagnostics, query: QUERY}
      const answer = analyzeGoroutines(dead, {...options, show, sort: 'id', limit: undefined})
      const {uptime} = process
      let count = 0
      try {
        for (const _ of answer[show] ?? []) {
          count++
          process.uptime = () => uptime() + seconds
        }
      } finally {
        process.uptime = uptime
      }
      t.is(answer.isOutOfTime, seconds > 650)
      t.is(answer.isComplete(), seconds < 650)
      return count
    }
    t.true(told(610) > 10)
    t.is(told(661), 1)
    dead.close()
  })
}

test('info walks nothing, and is whole where its files were found in time', async t => {
  const document = JSON.parse(await late('info', FORMATS.json))
  t.is(complaint('info', document), '')
  t.notRegex(await late('info', FORMATS.text), OVER)
})

test('the stack of the crash is walked even so; of other stacks the JSON says why they are not there', async t => {
  const {crash, goroutines, threads, completeness} = JSON.parse(await late('analyze', FORMATS.json))
  t.is(goroutines[0].id, crash.goroutine)
  t.true(goroutines[0].frames.length > 0)
  t.true(goroutines.length <= 2)
  t.true(threads.length > 1)
  for (const {frames, stop, missing} of threads) {
    t.deepEqual({frames, stop, missing}, {frames: [], stop: 'timeout', missing: [{after: 0, reason: 'timeout'}]})
  }
  // What was not come to counts as not walked.
  t.true(completeness.goFrames < 0.5)
})

test('a core whose unpacking takes too long is used as far as it came, or the error says what was missing', async t => {
  const {core, sysroot} = await openFixture('busy-all-fault-go1.27')
  const diagnostics = new Diagnostics()
  const deadline = new Deadline(-1, diagnostics)
  const error = await openProcess(core, {sysroots: [sysroot], diagnostics, deadline}).then(
    dead => {
      t.true(dead.core.truncated || dead.compression === 'none')
      dead.close()
      return undefined
    },
    (failure: unknown) => failure,
  )
  if (error !== undefined) t.is((error as InputError).code, 'timeout')
  const codes = diagnostics.list().map(({code}) => code)
  t.true(codes.includes('timeout'))
  t.false(codes.includes('module-not-found'), 'what was not looked for is not called missing')
})

test('work in synchronous code is ended, also where it catches and sleeps', t => {
  const works: readonly (() => unknown)[] = [
    () => {
      for (;;);
    },
    () => {
      for (;;) {
        try {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000)
        } catch {
          // Not even this helps it.
        }
      }
    },
    () => /^(a+)+$/.test(`${'a'.repeat(64)}b`),
  ]
  for (const work of works) {
    const late = new Deadline(-2.9, new Diagnostics())
    t.is(t.throws(() => runWithin(late, work), {instanceOf: InputError})?.code, 'timeout')
  }
  const inTime = new Deadline(60, new Diagnostics())
  t.is(
    runWithin(inTime, () => 7),
    7,
  )
  t.throws(() => runWithin(inTime, () => JSON.parse('{')), {instanceOf: SyntaxError})
})
