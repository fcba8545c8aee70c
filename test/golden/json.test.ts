// The JSON of the committed crashes: valid by the published schemas, complete, and the same as the text.
import test from 'ava'
import {type Fixture, fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {text} from '../../src/render/text.ts'
import type {CoreReport, FrameReport, GoroutineReport, ThreadReport} from '../../src/report/core-report.ts'
import {complaint} from '../support/documents.ts'
import {printedReport} from '../support/printed-report.ts'
import {runCommand} from '../support/run-command.ts'
import {matchGolden, withoutPlaces} from './golden-file.ts'

interface Report extends Omit<CoreReport, 'goroutines' | 'tail'> {
  goroutines: GoroutineReport[]
  threads: ThreadReport[]
}

function run(fixture: Fixture, command: string, args: readonly string[]): string {
  const files = ['-e', fixture.executable, '--sysroot', fixture.sysroot]
  const {stdout, stderr, exitCode} = runCommand([command, fixture.core, ...files, '--quiet', ...args])
  if (exitCode !== 0) throw new Error(`${command}: exit ${exitCode}: ${stderr}`)
  return stdout
}

/**
 * Every frame that is there says how it was found; only those that the runtime itself kept of ancestors were not
 * walked.
 */
function unexplained(report: Report): FrameReport[] {
  const stacks = [...report.goroutines, ...report.threads].map(({frames}) => frames)
  return stacks.flat().filter(frame => frame.foundBy === null)
}

/** The text again, from nothing but the JSON. */
function retell(report: Report): string {
  const told = {
    ...report,
    detail: 'plain' as const,
    // At this level the text leaves out idle threads, and of the others what the runtime's signal handlers did.
    threadsWithoutGoroutine: () =>
      report.threads
        .filter(({goroutine, idle}) => goroutine === null && !idle)
        .map(thread => ({...thread, frames: thread.frames.slice(thread.handlerFrames)})),
    tail: () => report,
  }
  const presentation = {style: PLAIN_STYLE, registers: false, view: 'whole'} as const
  return [...(text.renderers.analyze?.(told as unknown as CoreReport, presentation) ?? [])].join('')
}

for (const name of fixtureNames()) {
  test(`${name}: the JSON is valid, every frame says how it was found, and the text says the same`, async t => {
    const fixture = await openFixture(name)
    const report = JSON.parse(await printedReport(fixture, {format: 'json'})) as Report
    t.is(complaint('analyze', report), '')
    t.deepEqual(unexplained(report), [])
    t.true(report.goroutines.every(({stop}) => stop !== null))
    t.is(retell(report), await printedReport(fixture))
  })
}

const shown = /^(callback-deep|blocked-gcore|cxx-throw)-go1\.27$/
for (const name of fixtureNames(shown)) {
  test(`${name}: the whole JSON`, async t => {
    const fixture = await openFixture(name)
    const json = run(fixture, 'analyze', ['--json'])
    matchGolden(t, `analyze/${name}.json`, withoutPlaces(json, {[fixture.directory]: 'CASE'}))
  })
  for (const command of ['cgo', 'goroutines', 'info', 'threads'] as const) {
    test(`${name}: the JSON of ${command} is valid`, async t => {
      const fixture = await openFixture(name)
      t.is(complaint(command, JSON.parse(run(fixture, command, ['--json']))), '')
    })
  }
}
