// What is fetched before a report is written is what the report then shows.
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {openProcess} from '../../src/acquire/open-process.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import {analyzeThreads} from '../../src/analysis/analyze-threads.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {SourceRequest} from '../../src/report/core-report.ts'

const NOT_FOUND = {state: 'not-found', file: null, origin: null, start: null, lines: [] as string[]} as const
const placesOf = (requests: Iterable<SourceRequest>): string[] =>
  [...new Set([...requests].map(({file, line}) => `${file}:${line}`))].sort()

for (const name of [
  'cfault-segv-go1.27',
  'blocked-gcore-go1.27',
  'deaths-altstack-go1.21-nodwarf',
  'blocked-panic-go1.15',
]) {
  test(name, async t => {
    const {core, executable, sysroot} = await openFixture(name)
    const diagnostics = new Diagnostics()
    const process = await openProcess(core, {diagnostics, exe: executable, sysroots: [sysroot]})
    t.teardown(() => process.close())
    const read: SourceRequest[] = []
    const sources = {
      read: (request: SourceRequest) => {
        read.push(request)
        return NOT_FOUND
      },
    }
    const deadline = new Deadline(600, diagnostics)
    const options = {tool: {name: 'x', version: '0'}, maxFrames: 1000, demangle: true, deadline, diagnostics}
    const files = {...process, sources}
    const report = analyzeCore(files, {...options, traceback: undefined, cgoFrames: 'auto', goroutines: undefined})
    const wanted = placesOf(report.wantedSources())
    for (const _ of report.goroutines) report.crash
    report.threadsWithoutGoroutine()
    t.deepEqual(placesOf(read), wanted)
    t.true(wanted.length > 0)
    read.length = 0
    const threads = analyzeThreads(files, {...options, threads: undefined})
    const asked = placesOf(threads.wantedSources())
    for (const _ of threads.threads) threads.crash
    t.deepEqual(placesOf(read), asked)
  })
}
