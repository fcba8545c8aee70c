import test from 'ava'
import {type Fixture, fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import type {GoRuntime} from '../../src/runtime-model/go-runtime.ts'
import type {Goroutine} from '../../src/runtime-model/goroutine.ts'
import type {FieldName} from '../../src/runtime-model/struct-layout.ts'
import {openProcess} from './open-process.ts'

const HEADER = /^goroutine (\d+)(?: gp=(0x[0-9a-f]+) m=(nil|\d+)(?: mp=0x[0-9a-f]+)?)? \[([^\]]*)\][^\n]*:$/

/** Headers that the dying runtime printed before it began to signal the other threads. */
function printedHeaders(stderr: string): Map<number, string> {
  const headers = new Map<number, string>()
  const [listing] = stderr.split('\n-----\n')
  for (const line of (listing ?? '').split('\n')) {
    const match = HEADER.exec(line)
    if (!match || match[1] === '0') continue
    const [, id, g, m, state] = match
    // Labels are the renderer's; what stands after the state in 1.26's brackets too.
    headers.set(Number(id), `[${state?.replace(/ labels:.*$/, '')}]${g === undefined ? '' : ` gp=${g} m=${m}`}`)
  }
  return headers
}

function modelHeader(runtime: GoRuntime, goroutine: Goroutine): string {
  const m = runtime.machines.find(machine => machine.address === goroutine.m)
  const locked = goroutine.lockedToThread ? ', locked to thread' : ''
  const meta = ` gp=0x${goroutine.address.toString(16)} m=${m === undefined ? 'nil' : m.id}`
  return `[${goroutine.state}${locked}]${meta}`
}

function modelHeaders(runtime: GoRuntime): Map<number, string> {
  const listed = [...runtime.goroutines()].filter(each => !each.isDead && !runtime.isBorrowedBySignal(each))
  return new Map(listed.map(each => [each.id, modelHeader(runtime, each)]))
}

/**
 * Where the runtime printed a listing: not for a process that a C thread killed (stranger, returned, after-crash). Go
 * in a shared library (hosted, plugged, linked, guest) has its tables in another file than the program; a static PIE
 * has no PT_PHDR to be placed by. What is left of the thin crashes is for whole analyses (deaths.test.ts).
 */
const printing = fixtureNames().filter(
  name => !/gcore|stuck|stranger|returned|after-crash|hosted|plugged|linked|guest|thin|static-pie/.test(name),
)
/** A vendor may have moved fields, so its DWARF is asked before the table of the release. */
const ofVendor = ({meta}: Fixture) => GoVersion.parse(`${meta.go}-vendor`)
const hasDwarf = (name: string) => !/nosymbols|nosections|nodwarf/.test(name)

for (const name of printing) {
  test(`${name}: goroutines are those that the runtime listed, with states, addresses and threads`, async t => {
    const fixture = await openFixture(name)
    const printed = printedHeaders(fixture.stderr)
    t.true(printed.size > 0, 'the oracle lists goroutines')
    for (const knowledge of ['dwarf', 'strip'] as const) {
      const {runtime, diagnostics} = openProcess(
        fixture,
        knowledge,
        knowledge === 'dwarf' ? ofVendor(fixture) : undefined,
      )
      t.is(runtime.layoutSource, knowledge === 'dwarf' && hasDwarf(name) ? 'dwarf' : 'table')
      const modelled = modelHeaders(runtime)
      for (const [id, header] of printed) {
        const found = modelled.get(id) as string
        t.is(header.includes('gp=') ? found : found?.replace(/ gp=.*$/, ''), header, `${knowledge}: goroutine ${id}`)
      }
      t.deepEqual(diagnostics.list(), [])
    }
  })
}

for (const name of fixtureNames(/(cfault-segv|blocked-gcore).*go[0-9.]+(-pie)?$/)) {
  test(`${name}: a stripped binary has the same roots, machines and settings as its unstripped twin`, async t => {
    const fixture = await openFixture(name)
    const whole = openProcess(fixture, 'dwarf', ofVendor(fixture)).runtime
    const stripped = openProcess(fixture, 'strip').runtime
    const summary = (runtime: GoRuntime) => ({
      goroutines: [...runtime.goroutines()].map(each => `${each.id} ${each.status.text} ${each.startpc}`),
      system: [...runtime.goroutines()].filter(each => runtime.isSystemGoroutine(each)).map(each => each.id),
      machines: runtime.machines.map(each => `${each.id} ${each.procid} ${each.g0} ${runtime.isExtraMachine(each)}`),
      processors: runtime.processors.map(each => `${each.id} ${each.status}`),
      exited: runtime.exitedMachines.length,
      now: runtime.nowLowerBound(),
      traceback: runtime.state.traceback,
      iscgo: runtime.state.iscgo,
      panicking: runtime.state.panicking,
      hooks: [runtime.state.cgoTraceback, runtime.state.cgoSymbolizer, runtime.state.cgoCallers],
    })
    t.deepEqual(summary(stripped), summary(whole))
    t.true(whole.state.iscgo)
    t.true(whole.machines.length > 1)
  })
}

for (const name of fixtureNames(/blocked-fault-go1.2[47]$/)) {
  test(`${name}: a release that no table knows is found from the handler's code and the data`, async t => {
    const fixture = await openFixture(name)
    const exact = openProcess(fixture, 'dwarf', ofVendor(fixture)).runtime
    const otherMinor = fixture.meta.go.startsWith('go1.24') ? 26 : 24
    const {runtime, diagnostics} = openProcess(fixture, 'strip', GoVersion.ofMinor(otherMinor))
    const fields: FieldName<'g'>[] = [
      'goid',
      'atomicstatus',
      'sched.pc',
      'sched.bp',
      'startpc',
      'gopc',
      'lockedm',
      'waitreason',
    ]
    for (const field of fields) t.is(runtime.layouts.g.offset(field), exact.layouts.g.offset(field), field)
    for (const field of ['id', 'procid', 'curg', 'alllink', 'ncgo', 'cgoCallers', 'throwing'] as const) {
      t.is(runtime.layouts.m.offset(field), exact.layouts.m.offset(field), field)
    }
    t.deepEqual(
      diagnostics.list().map(each => each.code),
      ['layout-mismatch'],
    )
  })

  test(`${name}: without a version the table that fits is found`, async t => {
    const fixture = await openFixture(name)
    const exact = openProcess(fixture, 'dwarf', ofVendor(fixture)).runtime
    const {runtime, diagnostics} = openProcess(fixture, 'strip', 'unknown')
    t.deepEqual(
      [...runtime.goroutines()].map(each => each.state),
      [...exact.goroutines()].map(each => each.state),
    )
    t.deepEqual(
      diagnostics.list().map(each => each.code),
      ['go-version-unknown'],
    )
  })
}

for (const name of fixtureNames(/gopanic-(nil|panic)/)) {
  test(`${name}: the panic's text is what the runtime printed`, async t => {
    const fixture = await openFixture(name)
    for (const [knowledge, release] of [['dwarf', ofVendor(fixture)], ['strip']] as const) {
      const {runtime} = openProcess(fixture, knowledge, release)
      const panics = [...runtime.goroutines()].flatMap(goroutine => goroutine.panics)
      const [first] = fixture.stderr.split('\n')
      t.is(`panic: ${panics.at(-1)?.value.text}${panics.at(-1)?.recovered ? ' [recovered]' : ''}`, first as string)
      t.true(panics.at(-1)?.value.isString)
    }
  })
}

for (const name of fixtureNames(/hooks-fault/)) {
  test(`${name}: the hooks of SetCgoTraceback are found, and the faulting thread's saved stack`, async t => {
    const fixture = await openFixture(name)
    const {runtime, symbol} = openProcess(fixture, 'strip')
    t.is(runtime.state.cgoCallers, symbol('x_cgo_callers'))
    t.truthy(runtime.state.cgoTraceback)
    t.truthy(runtime.state.cgoSymbolizer)
    const inCall = runtime.machines.filter(machine => machine.ncgo > 0)
    t.true(inCall.length > 0)
    for (const machine of inCall) {
      t.deepEqual(runtime.handlerDecision(machine), {fails: null, unknown: null})
      t.regex(runtime.savedCallers(machine).state ?? '', /^(saved|consumed)$/)
    }
    const idle = runtime.machines.find(machine => machine.ncgo === 0)
    t.is(idle && runtime.handlerDecision(idle).fails, 'm.ncgo')
  })
}

for (const name of fixtureNames(/cfault-segv-go1.2[47]$/)) {
  test(`${name}: without SetCgoTraceback the handler collects nothing, and the first condition says so`, async t => {
    const {runtime} = openProcess(await openFixture(name), 'symbols')
    const machine = runtime.machines.find(each => each.ncgo > 0)
    t.is(runtime.state.cgoTraceback, null)
    t.deepEqual(machine && runtime.handlerDecision(machine), {fails: 'cgoTraceback', unknown: null})
  })
}

test("a release as it was published is read by its table; a vendor's, and one of an experiment, by its DWARF", async t => {
  const fixture = await openFixture('cfault-segv-go1.27')
  const sourceOf = (text: string) => openProcess(fixture, 'dwarf', GoVersion.parse(text)).runtime.layoutSource
  const texts = [
    'go1.27.4',
    'go1.27',
    'go1.27.4-vendor',
    'go1.27.4 X:nocoverageredesign',
    'go1.27rc1',
    'devel go1.27-0123abcd',
  ]
  t.deepEqual(texts.map(sourceOf), ['table', 'table', 'dwarf', 'dwarf', 'dwarf', 'dwarf'])
})

test('a table that live data contradict gives way to the DWARF', async t => {
  const fixture = await openFixture('cfault-segv-go1.27')
  t.is(openProcess(fixture, 'dwarf', GoVersion.parse('go1.15')).runtime.layoutSource, 'dwarf')
})
