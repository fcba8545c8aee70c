import {closeSync, mkdtempSync, openSync, readFileSync, readSync, rmSync, statSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {InputError} from '../../src/base/errors.ts'
import {type Analysed, type AnalyseOptions, analyse} from '../support/incomplete-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-cut-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

/** The first `length` bytes of a core, as a full disk or a limit leaves them. */
function cut(core: string, name: string, length: number): string {
  const path = join(directory, `${name}-${length}`)
  const bytes = new Uint8Array(length)
  const file = openSync(core, 'r')
  readSync(file, bytes, 0, length, 0)
  closeSync(file)
  writeFileSync(path, bytes)
  return path
}

async function analyseCut(
  name: string,
  length: number,
  options: Omit<AnalyseOptions, 'core'> = {},
): Promise<Analysed | InputError> {
  const fixture = await openFixture(name)
  const core = cut(fixture.core, name, length)
  try {
    return await analyse(fixture, {...options, core})
  } catch (error) {
    if (error instanceof InputError) return error
    throw error
  } finally {
    rmSync(core)
  }
}

for (const name of ['cfault-segv-go1.27-pie', 'callback-deep-go1.24', 'blocked-panic-go1.22-pie-nosymbols']) {
  test(`${name}: a core cut at any length gives a report that says what is missing, or one error`, async t => {
    const whole = await analyse(await openFixture(name))
    const states: ReadonlyMap<number, string | undefined> = new Map(whole.goroutines.map(({id, state}) => [id, state]))
    const size = statSync((await openFixture(name)).core).size
    for (let length = 60; length < size; length = Math.round(length * 2.3)) {
      const result = await analyseCut(name, length)
      if (result instanceof InputError) continue
      t.true(result.report.core.truncated, `${length}: truncated`)
      t.true((result.report.tail().completeness.score ?? 0) < 1, `${length}: incomplete`)
      t.true(
        result.diagnostics.list().some(({code}) => code === 'core-truncated'),
        `${length}: says so`,
      )
      for (const {id, state} of result.goroutines) t.is(states.get(id), state, `${length}: goroutine ${id}`)
    }
  })
}

/** A copy of a core in whose program headers the Go heap is mapped but not in the file, from the given size on. */
function withoutHeap(core: string, kept: number): string {
  const bytes = readFileSync(core)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [table, count] = [Number(view.getBigUint64(32, true)), view.getUint16(56, true)]
  for (let at = table; at < table + count * 56; at += 56) {
    if (view.getBigUint64(at + 16, true) === GO_HEAP) view.setBigUint64(at + 32, BigInt(kept), true)
  }
  const path = join(directory, `heap-${kept}`)
  writeFileSync(path, bytes)
  return path
}

/** Where releases before 1.26 begin their heap. */
const GO_HEAP = 0xc000000000n

test('a goroutine whose g is not in the core costs itself alone, and the report is incomplete', async t => {
  const fixture = await openFixture('blocked-panic-go1.24')
  const whole = await analyse(fixture)
  const states = new Map(whole.goroutines.map(({id, state}) => [id, state]))
  const listed: number[] = []
  for (const kept of [0, 0x8000, 0x40000, 0x80000, 0x100000]) {
    const {goroutines, report} = await analyse(fixture, {core: withoutHeap(fixture.core, kept)})
    for (const {id, state} of goroutines) t.is(state, states.get(id) ?? '', `${kept}: goroutine ${id}`)
    listed.push(goroutines.length)
    if (goroutines.length < whole.goroutines.length) t.not(report.completeness.score, 1, `${kept}: incomplete`)
  }
  t.deepEqual(
    listed,
    [...listed].sort((a, b) => a - b),
  )
  t.true((listed.at(-1) ?? 0) > (listed[0] ?? 0))
})

test('goroutines are found in the heap when the core ends before the data that lists them', async t => {
  const whole = await analyse(await openFixture('blocked-panic-go1.22-pie-nosymbols'))
  const part = await analyseCut('blocked-panic-go1.22-pie-nosymbols', 1_500_000)
  if (part instanceof InputError) return t.fail(part.message)
  const byId = (analysed: Analysed) =>
    new Map(
      analysed.goroutines.filter(({id}) => id !== 0).map(({id, state, frames}) => [id, {state, frames: frames.length}]),
    )
  const found = byId(part)
  t.deepEqual(
    [...found.keys()],
    [...byId(whole).keys()].sort((a, b) => a - b),
  )
  t.true(part.diagnostics.list().some(({code}) => code === 'goroutines-searched'))
})

/** Hundredths of a core that are left; the Go heap lies at its beginning. */
const SHARES = [2, 35, 65, 95]

for (const name of ['blocked-fault-go1.15', 'blocked-panic-go1.15', 'blocked-quit-go1.15', 'blocked-fault-go1.27']) {
  test(`${name}: the cause is what it was, however much of the C stacks is lost`, async t => {
    const fixture = await openFixture(name)
    const {report: whole} = await analyse(fixture)
    const size = statSync(fixture.core).size
    for (const share of SHARES) {
      const part = await analyseCut(name, Math.floor((size * share) / 100), {cgoFrames: 'auto'})
      if (part instanceof InputError) return t.fail(part.message)
      const {crash} = part.report
      t.deepEqual([crash.header, crash.m, crash.goroutine], [whole.crash.header, whole.crash.m, whole.crash.goroutine])
      const [first] = part.goroutines
      t.not(first?.frames[0]?.function, 'runtime.raise', `${share} %`)
      // Up to 1.20 the runtime keeps the place of a fault in C with g0, whatever becomes of its stack.
      if (/fault-go1\.15/.test(name)) t.is(first?.frames[0]?.pc, crash.pc, `${share} %`)
    }
  })
}

test('without the program, too, what the runtime did to die stands above no goroutine', async t => {
  const name = 'blocked-fault-go1.15'
  const fixture = await openFixture(name)
  const {goroutines} = await analyse(fixture, {withoutExecutable: true, cgoFrames: 'auto'})
  const whole = goroutines[0]?.frames.map(({pc}) => pc) ?? []
  const length = Math.floor(statSync(fixture.core).size * 0.35)
  const part = await analyseCut(name, length, {withoutExecutable: true, cgoFrames: 'auto'})
  if (part instanceof InputError) return t.fail(part.message)
  const [first] = part.goroutines
  t.is(first?.id, goroutines[0]?.id)
  const [fault, ...outer] = first?.frames ?? []
  t.deepEqual([fault?.pc, fault?.sp, fault?.foundBy], [part.report.crash.pc, null, 'saved-fault'])
  t.deepEqual(
    outer.map(({pc}) => pc),
    whole.slice(whole.length - outer.length),
  )
  t.deepEqual(first?.missing, [{after: 1, reason: 'no-unwind-info'}])
})

for (const name of ['blocked-fault-go1.15', 'blocked-fault-go1.22-pie-nosymbols', 'cfault-segv-go1.27-pie']) {
  test(`${name}: without its M in the core what a thread runs is unknown, and no executable is to blame`, async t => {
    const fixture = await openFixture(name)
    const whole = new Map((await analyse(fixture)).report.tail().threads.map(thread => [thread.id, thread]))
    for (const share of [0.002, 0.004, 0.01]) {
      const part = await analyseCut(name, Math.floor(statSync(fixture.core).size * share))
      if (part instanceof InputError) continue
      const known = part.report.tail().threads.filter(({goroutineKnown}) => goroutineKnown)
      for (const {id, m, goroutine} of known) {
        t.deepEqual([m, goroutine], [whole.get(id)?.m, whole.get(id)?.goroutine], `${share}: thread ${id}`)
      }
      const blamed = part.diagnostics.list().filter(({hint}) => /executable/.test(hint ?? ''))
      t.deepEqual(
        blamed.map(({code}) => code).filter(code => code !== 'module-not-found'),
        [],
      )
    }
  })
}
