import test from 'ava'
import {fixtureNames} from '../../../lab/fixtures.ts'
import {analyzeCgo} from '../../../src/analysis/analyze-cgo.ts'
import {analyzeCore} from '../../../src/analysis/analyze-core.ts'
import {hex} from '../../../src/base/address.ts'
import {FileSource} from '../../../src/base/byte-source.ts'
import {Deadline} from '../../../src/base/deadline.ts'
import {ElfFile} from '../../../src/elf/elf-file.ts'
import {SymbolTable} from '../../../src/elf/symtab.ts'
import type {BlockingReport, CrashReport, GoroutineReport} from '../../../src/report/core-report.ts'
import {plainOptions} from '../../support/analysis-options.ts'
import {withFixture} from '../../support/open-fixture.ts'

interface Found {
  blocking: BlockingReport
  crash: CrashReport
  waits: Map<number, GoroutineReport['waitingFor']>
  messages: string[]
  /** Where the executable, which is not position-independent, has a variable. */
  addressOf: (symbol: string) => string
}

async function analyze(name: string): Promise<Found> {
  return withFixture(name, (dead, diagnostics, fixture) => {
    const report = analyzeCore(dead, plainOptions(diagnostics))
    const waits = new Map<number, GoroutineReport['waitingFor']>()
    for (const goroutine of report.goroutines) waits.set(goroutine.id, goroutine.waitingFor)
    const {blocking} = report.tail()
    const symbols = SymbolTable.of(ElfFile.open(FileSource.open(fixture.executable), diagnostics))
    const addressOf = (symbol: string) => hex(symbols.lookup(symbol)?.address ?? 0)
    return {blocking, crash: report.crash, waits, addressOf, messages: diagnostics.list().map(({message}) => message)}
  })
}

for (const name of fixtureNames(/^stuck-mutexes-/)) {
  test(`${name}: goroutines that may have left their threads are a deadlock on that condition`, async t => {
    const {blocking, messages, waits} = await analyze(name)
    t.deepEqual(blocking.cycles, [])
    t.is(blocking.locks.filter(({kind, owner}) => kind === 'pthread mutex' && owner !== null).length, 2)
    // The other one's thread had called C for another goroutine before.
    t.is(blocking.locks.filter(({owner}) => owner?.goroutine === null).length, 1)
    t.regex(
      messages.join('\n'),
      /^thread (\d+) \(goroutine \d+\) waits for pthread mutex 0x[0-9a-f]+ held by thread \d+ \(goroutine \d+\), which waits for pthread mutex 0x[0-9a-f]+ held by thread \1: a deadlock, if what locked on thread \1 is still there/m,
    )
    const inC = [...waits.values()].filter(wait => wait?.kind === 'pthread mutex')
    t.is(inC.length, 2)
    t.is(inC.filter(wait => /^thread \d+$/.test(wait?.owner ?? '')).length, 1)
    t.true(inC.every(wait => wait?.deadlock === null))
  })
}

for (const name of fixtureNames(/^stuck-cross-/)) {
  test(`${name}: a chain that ends at a lock of Go says that its owner is not recorded`, async t => {
    const {blocking, waits} = await analyze(name)
    t.deepEqual(blocking.cycles, [])
    t.is(blocking.chains.length, 1)
    t.regex(
      blocking.chains[0] ?? '',
      /^thread \d+ \(goroutine (\d+)\) waits for pthread mutex 0x[0-9a-f]+ held by thread \d+, on which goroutine \d+ now waits for sync\.Mutex 0x[0-9a-f]+; Go does not record who holds it: a deadlock, if that is goroutine \1$/,
    )
    t.true([...waits.values()].some(wait => wait?.kind === 'sync.Mutex' && wait.owner === null))
  })
}

for (const name of fixtureNames(/^stuck-join-/)) {
  test(`${name}: a thread that joins one that waits for its mutex`, async t => {
    const {blocking} = await analyze(name)
    t.deepEqual(blocking.cycles, [])
    t.is(blocking.chains.length, 1)
    t.regex(
      blocking.chains[0] ?? '',
      /^thread (\d+) \(goroutine \d+\) waits for the end of thread (\d+), which waits for pthread mutex 0x[0-9a-f]+ held by thread \1: a deadlock, if what locked on thread \1 is still there/,
    )
  })
}

for (const name of fixtureNames(/^(stuck|blocked-gcore)-/)) {
  test(`${name}: analyze and cgo list the same locks`, async t => {
    const {blocking} = await analyze(name)
    const cgo = await withFixture(name, (dead, diagnostics) =>
      analyzeCgo(dead, {
        tool: {name: 'test', version: '0'},
        maxFrames: 1000,
        demangle: true,
        deadline: Deadline.never(diagnostics),
        diagnostics,
      }),
    )
    t.deepEqual(cgo.blocking, blocking)
    t.true(blocking.locks.length > 0)
  })
}

for (const name of fixtureNames(/^stuck-others-/)) {
  test(`${name}: a writer is known, a signaller is not`, async t => {
    const {blocking, addressOf} = await analyze(name)
    const byKind = new Map(blocking.locks.map(lock => [lock.kind, lock]))
    t.is(byKind.get('pthread rwlock')?.address, addressOf('rwlock'))
    t.is(byKind.get('pthread condition')?.address, addressOf('cond'))
    // Each call on the way to sem_wait's own function is a jump, and without debug symbols that has no name: a word is
    // left.
    t.is(byKind.get('futex')?.address, addressOf('sem'))
    t.is(byKind.get('pthread rwlock')?.waiterCount, 2)
    t.truthy(byKind.get('pthread rwlock')?.owner)
    t.is(byKind.get('pthread condition')?.owner, null)
    t.is(byKind.get('futex')?.owner, null)
    t.deepEqual(blocking.cycles, [])
  })
}

/** fixtures/programs/blocked: type parked begins mutex 0, rw 8, readers 32, group 56. */
for (const name of fixtureNames(/^blocked-(gcore|quit)-/)) {
  test(`${name}: what goroutines wait for, by kind and address`, async t => {
    const {waits, blocking} = await analyze(name)
    const found = new Map([...waits.values()].map(wait => [wait?.kind, wait?.address]))
    const base = Number(found.get('sync.Mutex'))
    t.is(Number(found.get('sync.RWMutex, for reading')), base + 8)
    t.is(Number(found.get('sync.RWMutex')), base + 32)
    t.is(Number(found.get('sync.WaitGroup')), base + 56)
    t.truthy(found.get('sync.Cond'))
    t.truthy(found.get('chan send'))
    t.is(found.get('chan receive (nil chan)'), null)
    t.is([...waits.values()].find(wait => wait?.kind === 'select')?.addresses.length, 3)
    t.true(blocking.locks.some(({kind, owner}) => kind === 'sync.Mutex' && owner === null))
  })
}

for (const name of fixtureNames(/^cfault-abort-/)) {
  test(`${name}: the text of a failed assertion`, async t => {
    const {crash} = await analyze(name)
    t.is(crash.cause?.kind, 'assert')
    t.regex(crash.cause?.text ?? '', /check_record: Assertion `record->length < 4 && "record too long"' failed\.$/)
  })
}

for (const name of fixtureNames(/^cxx-throw-/)) {
  test(`${name}: the type and the text of an exception that nobody catches`, async t => {
    const {crash} = await analyze(name)
    t.is(crash.cause?.kind, 'c++ exception')
    t.regex(crash.cause?.text ?? '', /^uncaught std::runtime_error: no such tree: elm, in .*check/)
  })
}

for (const name of fixtureNames(/^(cxx-fault|cfault-segv|gopanic-nil)-/)) {
  test(`${name}: C said nothing of its end`, async t => {
    t.is((await analyze(name)).crash.cause, null)
  })
}
