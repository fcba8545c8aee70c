// What every command says of one stack: callbacks that were left, deep recursion, C frames that were written over. The
// chains are stated in the source of fixtures/programs/crossings; `npx tsx scripts/chains.ts` does the same with live
// crashes of every release and mode.
import test from 'ava'
import {checkChain, type ReportToCheck, readChains} from '../../lab/chains.ts'
import {type Fixture, fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

const RELEASES = ['1.21', '1.24', '1.27']
const chains = readChains('crossings')

interface Stack {
  id: number
  stop: string
  missing: {after: number; reason: string}[]
  elided: {after: number; count: number} | null
  frames: {function: string | null}[]
}

interface Call {
  entry: string
  cFrames: number
  missing: string | null
}

interface Report extends ReportToCheck {
  readonly goroutines: (Stack & ReportToCheck['goroutines'][number])[]
  readonly threads: (Stack & ReportToCheck['threads'][number])[]
  readonly cgo: {calls: (Call & {goroutine: number; outer: Call[]})[]}
  readonly completeness: {goFrames: number}
}

function run(fixture: Fixture, command: string, ...args: string[]) {
  return runCommand([command, fixture.core, '-e', fixture.executable, '--sysroot', fixture.sysroot, ...args])
}

const opened = new Map<string, ReturnType<typeof openReport>>()

/** The report, and the stacks of the thread and the goroutine that crashed. */
function open(name: string): ReturnType<typeof openReport> {
  const found = opened.get(name) ?? openReport(name)
  opened.set(name, found)
  return found
}

async function openReport(name: string) {
  const fixture = await openFixture(name)
  const report = JSON.parse(run(fixture, 'analyze', '--json').stdout) as Report
  const [goroutine] = report.goroutines
  const thread = report.threads.find(({id}) => id === report.crash.thread)
  if (!goroutine || !thread) throw new Error(`${name}: no goroutine, or no thread`)
  return {fixture, report, goroutine, thread}
}

for (const name of fixtureNames(/^crossings-/)) {
  test(`${name}: each C frame stands where it was called, and what is missing says so`, async t => {
    const {fixture, report} = await open(name)
    const chain = chains.get(fixture.meta.mode)
    t.deepEqual(chain && checkChain(report, chain), [])
  })

  test(`${name}: all commands say the same of the stack, and --strict takes it for what it is`, async t => {
    const {fixture, report, goroutine, thread} = await open(name)
    t.is(goroutine.stop, thread.stop)
    t.deepEqual(reasonsOf(goroutine), reasonsOf(thread))
    const isWhole = goroutine.stop === 'end-of-stack'
    const listing = run(fixture, 'goroutines', '--json', '--strict')
    const {goroutines} = JSON.parse(listing.stdout) as {goroutines: Stack[]}
    const listed = goroutines.find(({id}) => id === goroutine.id)
    t.deepEqual([listed?.stop, listed?.missing], [goroutine.stop, goroutine.missing])
    t.is(listing.exitCode, isWhole ? 0 : 3)
    t.is(report.completeness.goFrames, isWhole ? 1 : 0)
    const notes = run(fixture, 'analyze').stdout.match(/^\.\.\.(?!\d+ frames elided).*$/gm) ?? []
    t.is(notes.length, goroutine.missing.length, notes.join('\n'))
    t.true(report.cgo.calls.some(call => call.goroutine === goroutine.id))
  })
}

function reasonsOf({missing}: Stack): string[] {
  return missing.map(({reason}) => reason)
}

for (const release of RELEASES) {
  test(`${release}: an abandoned callback has no C frames, and a call is named once`, async t => {
    const {report, goroutine} = await open(`crossings-abandoned-go${release}-nodwarf`)
    t.deepEqual(reasonsOf(goroutine), ['abandoned'])
    const [call] = report.cgo.calls
    t.deepEqual(
      [call, ...(call?.outer ?? [])].map(each => [each?.entry, each?.missing]),
      [
        ['last_words', null],
        ['inner_bridge', 'abandoned'],
        ['outer_bridge', null],
      ],
    )
  })

  test(`${release}: of many Go frames between two calls of C both ends are kept, and the limit is said to be reached`, async t => {
    const {fixture, goroutine, thread} = await open(`crossings-deep-go${release}-nodwarf`)
    t.is(goroutine.stop, 'frame-limit')
    t.is(thread.frames.length - countInlined(thread), 1000)
    const whole = run(fixture, 'analyze', '--json', '--max-frames', '5000')
    const [more] = (JSON.parse(whole.stdout) as Report).goroutines
    t.is(more?.stop, 'end-of-stack', 'Go’s own rule leaves out frames of a whole stack')
    t.deepEqual(more?.elided, goroutine.elided)
  })

  test(`${release}: C that calls itself thousands of times leaves the frames above and below it`, async t => {
    const {fixture, goroutine, report} = await open(`crossings-climb-go${release}-nodwarf`)
    t.is(goroutine.stop, 'frame-limit')
    const whole = JSON.parse(run(fixture, 'analyze', '--json', '--max-frames', '10000').stdout) as Report
    const all = whole.goroutines[0]?.frames ?? []
    t.is(all.filter(({function: name}) => name === 'climb').length, 3001)
    t.is(goroutine.frames.length + (goroutine.elided?.count ?? 0), all.length)
    t.is(report.cgo.calls[0]?.cFrames, whole.cgo.calls[0]?.cFrames)
    t.is(report.cgo.calls[0]?.missing, 'frame-limit')
  })

  test(`${release}: C frames that were written over cost themselves alone`, async t => {
    const {report} = await open(`crossings-smash-inner-go${release}-nodwarf`)
    const [call] = report.cgo.calls
    t.deepEqual(
      [call, ...(call?.outer ?? [])].map(each => [each?.entry, each?.missing]),
      [
        ['poke', null],
        ['smash_and_call', 'unmapped'],
        ['outer_bridge', null],
      ],
    )
  })
}

/** Logical frames of a thread that are no frames of their own. */
function countInlined({frames}: {frames: readonly object[]}): number {
  return frames.filter(frame => (frame as {inlined: boolean}).inlined).length
}
