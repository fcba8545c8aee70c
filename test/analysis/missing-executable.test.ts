import test from 'ava'
import type {FrameReport} from '../../src/report/core-report.ts'
import {type Fixture, fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {analyse} from '../support/incomplete-process.ts'

/** One goroutine as the dying runtime printed it: the text in brackets, and the pcs of its physical frames. */
interface PrintedGoroutine {
  readonly id: number
  readonly state: string
  readonly pcs: readonly string[]
}

function countOf(pcs: readonly (string | null)[], wanted: string): number {
  return pcs.filter(pc => pc === wanted).length
}

/** The runtime's own listing, up to the relay of GOTRACEBACK=crash. */
function printedGoroutines(fixture: Fixture, only?: number): PrintedGoroutine[] {
  const [listing = ''] = fixture.stderr.split('\n-----\n')
  const blocks = listing.split('\n\n').flatMap(block => {
    const match = /^goroutine (\d+)(?: gp=\S+ m=\S+(?: mp=\S+)?)? \[([^\]]*)\]/m.exec(block)
    return match ? [{id: Number(match[1]), state: match[2] as string, text: block.slice(match.index)}] : []
  })
  return blocks
    .filter(({id}) => (only === undefined ? id !== 0 : id === only))
    .map(({id, state, text}) => ({
      id,
      state,
      pcs: [...text.matchAll(/ fp=\S+ sp=\S+ pc=(0x[0-9a-f]+)$/gm)].map(found => found[1] as string),
    }))
}

for (const name of fixtureNames(/^(blocked|callback|cfault|gopanic|hooks|query|cxx)-(?!gcore)/)) {
  test(`${name}: without the executable the goroutines, their states and their pcs are those that the runtime printed`, async t => {
    const fixture = await openFixture(name)
    const {goroutines, report} = await analyse(fixture, {withoutExecutable: true})
    const {crash} = report
    const ours = new Map(goroutines.map(goroutine => [goroutine.id, goroutine]))
    const printed = printedGoroutines(fixture)
    t.true(printed.length > 0)
    for (const {id, state, pcs} of printed) {
      const found = ours.get(id)
      t.is(found?.state, state, `state of goroutine ${id}`)
      const walked = found?.frames.filter(({inlined}) => !inlined).map(({pc}) => pc) ?? []
      // What C code in the program's file did before a fault no data tells; what the runtime died of they do.
      const isWhole = crash.kind !== 'signal' || id !== crash.goroutine
      t.deepEqual(isWhole ? walked : walked.slice(-pcs.length), [...pcs], `pcs of goroutine ${id}`)
      for (const pc of new Set(pcs)) {
        t.is(countOf(walked, pc), countOf(pcs, pc), `goroutine ${id} has ${pc} as often as it was printed`)
      }
    }
  })
}

for (const name of fixtureNames(/^deaths-(mcall|systemstack)-go1\.2/)) {
  test(`${name}: without the executable a g0 that died in Go code has frames of Go, a mark where one is lost, and no others`, async t => {
    const fixture = await openFixture(name)
    const [printed] = printedGoroutines(fixture, 0)
    const {goroutines} = await analyse(fixture, {withoutExecutable: true, cgoFrames: 'auto'})
    const [found] = goroutines
    const places = found?.frames.map(({pc}) => printed?.pcs.indexOf(pc ?? '') ?? -1) ?? []
    t.deepEqual([found?.id, places[0], places.at(-1)], [0, 0, 2])
    t.is(places.length + (found?.missing.length ?? 0), 3)
    t.true(found?.frames.every(({kind}) => kind === 'go'))
  })
}

test('without the executable nobody knows whether a g0 that died during a call of C was in Go code', async t => {
  const {goroutines} = await analyse(await openFixture('deaths-before-abort-go1.15-nodwarf'), {
    withoutExecutable: true,
    cgoFrames: 'auto',
  })
  t.deepEqual([goroutines[0]?.id, goroutines[0]?.frames[0]?.kind], [0, 'unknown'])
})

test('without the executable a throw has the frames that were printed, from throw or fatal on', async t => {
  const fixture = await openFixture('deadlock-map-go1.23-nocgo')
  const {goroutines, report} = await analyse(fixture, {withoutExecutable: true, cgoFrames: 'auto'})
  const [first] = goroutines
  const printed = printedGoroutines(fixture).find(({id}) => id === first?.id)
  t.is(report.crash.kind, 'fatal')
  t.is(first?.id, report.crash.goroutine ?? undefined)
  t.true((printed?.pcs.length ?? 0) > 2)
  t.deepEqual(
    first?.frames.map(({pc}) => pc),
    [...(printed?.pcs ?? [])],
  )
  t.deepEqual([first?.missing, first?.stop], [[], 'end-of-stack'])
})

test('without the executable a panic is at the place that it is at with it', async t => {
  const fixture = await openFixture('gopanic-panic-go1.27')
  const placeOf = ({report: {crash}}: Awaited<ReturnType<typeof analyse>>) => [crash.pc, crash.thread, crash.goroutine]
  t.deepEqual(placeOf(await analyse(fixture, {withoutExecutable: true})), placeOf(await analyse(fixture)))
})

for (const name of ['gopanic-panic-go1.27', 'gopanic-nil-go1.27', 'blocked-panic-go1.15']) {
  test(`${name}: without the executable the frames of the panic have their names, and are not where it was`, async t => {
    const fixture = await openFixture(name)
    const whole = await analyse(fixture)
    const part = await analyse(fixture, {withoutExecutable: true})
    const named = part.goroutines.flatMap(({frames}) => frames.filter(frame => frame.function !== null))
    const [printed] = whole.goroutines
    const real = printed?.frames.filter(({inlined}) => !inlined) ?? []
    t.true(named.length > 0)
    for (const {pc, function: found} of named) t.is(real.find(frame => frame.pc === pc)?.function, found)
    const [place] = part.report.summary.where
    const first = real.find(frame => frame.function !== 'panic' && !frame.function?.startsWith('runtime.'))
    t.is(place?.moduleOffset, first?.moduleOffset)
    const thread = part.report.tail().threads.find(({id}) => id === part.report.crash.thread)
    const shown = (frames: readonly FrameReport[] = []) => frames.flatMap(each => each.function ?? [])
    t.deepEqual(shown(thread?.frames), shown(named), 'threads says the same')
  })
}

for (const name of fixtureNames(/^blocked-quit-/)) {
  test(`${name}: without the executable the g0 that the signal found has the frames that the runtime printed`, async t => {
    const fixture = await openFixture(name)
    const [printed] = printedGoroutines(fixture, 0)
    const {goroutines} = await analyse(fixture, {withoutExecutable: true, cgoFrames: 'auto'})
    const [found] = goroutines
    t.is(found?.id, 0)
    t.true((printed?.pcs.length ?? 0) > 3)
    t.deepEqual(
      found?.frames.map(({pc}) => pc),
      [...(printed?.pcs ?? [])],
    )
    // Nothing but the word on the stack says who called a function without a frame; all others are by frame pointers.
    const guessed = found?.frames.flatMap(({foundBy}, index) => (foundBy === 'scan' ? [index] : []))
    t.true(
      guessed?.every(index => index === 1),
      `${guessed}`,
    )
  })
}

for (const name of fixtureNames(/^(blocked|cfault|cxx)-(fault|segv|abort)-(?!.*(static|race))/)) {
  test(`${name}: without the executable a death in C has its C frames, a mark where they break off, and Go's`, async t => {
    const fixture = await openFixture(name)
    const options = {cgoFrames: 'auto'} as const
    const {report, goroutines} = await analyse(fixture, options)
    const part = await analyse(fixture, {...options, withoutExecutable: true})
    t.deepEqual(part.report.crash.header, report.crash.header)
    const [first] = part.goroutines
    const [whole] = goroutines
    const real = whole?.frames.map(({pc}) => pc) ?? []
    // No frame of the dying runtime, none of those that began the thread: of the real ones, in their order.
    const places = first?.frames.map(({pc}) => real.indexOf(pc)) ?? []
    t.is(places[0], 0)
    t.deepEqual(
      places,
      [...places].sort((a, b) => a - b),
    )
    t.false(places.includes(-1))
    t.is(first?.missing.length, 1)
    t.not(first?.stop, 'end-of-stack')
    const thread = part.report.tail().threads.find(({id}) => id === part.report.crash.thread)
    const after = first?.missing[0]?.after ?? 0
    const shown = thread?.frames.slice(thread.handlerFrames).map(({pc}) => pc)
    t.deepEqual(
      shown?.slice(0, after),
      first?.frames.slice(0, after).map(({pc}) => pc),
      'threads says the same',
    )
    t.deepEqual(thread?.missing, [{after: after + (thread?.handlerFrames ?? 0), reason: 'no-unwind-info'}])
    t.not(thread?.stop, 'end-of-stack')
    const call = part.report.tail().cgo.calls.find(({thread: id}) => id === part.report.crash.thread)
    t.deepEqual([call?.current?.pc, call?.missing], [first?.frames[0]?.pc, 'no-unwind-info'], 'cgo says the same')
  })
}

test('without the executable C frames that called back are marked as missing, at each callback', async t => {
  const fixture = await openFixture('deaths-nest-go1.15-nodwarf')
  const {goroutines} = await analyse(fixture, {cgoFrames: 'auto'})
  const part = await analyse(fixture, {cgoFrames: 'auto', withoutExecutable: true})
  const {frames = [], missing = []} = part.goroutines[0] ?? {}
  const callbacks = goroutines[0]?.frames.filter(({function: name}) => name === 'runtime.cgocallback_gofunc') ?? []
  t.is(callbacks.length, 3)
  t.deepEqual(
    missing.slice(1).map(({after, reason}) => [frames[after - 1]?.pc, reason]),
    callbacks.map(({pc}) => [pc, 'no-unwind-info']),
  )
})

for (const name of fixtureNames(/^(blocked-quit|cfault-segv|callback-parked|deadlock)-(?!.*(static|race|v3))/)) {
  test(`${name}: without the executable a thread is idle where the scheduler says so, else nobody knows`, async t => {
    const fixture = await openFixture(name)
    const idleOf = async (withoutExecutable: boolean) => {
      const {report} = await analyse(fixture, {withoutExecutable})
      return new Map(report.tail().threads.map(({id, idle}) => [id, idle]))
    }
    const [known, found] = [await idleOf(false), await idleOf(true)]
    t.false([...known.values()].includes(null))
    for (const [id, idle] of found) t.true(idle === null || idle === known.get(id), `thread ${id}: ${idle}`)
    t.true([...found.values()].includes(true))
  })
}
