import test from 'ava'
import {fixtureNames, openFixture} from '../../lab/fixtures.ts'
import {type Address, NULL_ADDRESS, toAddress} from '../../src/base/address.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import {decideHandler, type HandlerHooks, readSavedCallers} from '../../src/runtime-model/cgo-call.ts'
import {formatShortest, printFloat} from '../../src/runtime-model/go-float.ts'
import {GoRuntime} from '../../src/runtime-model/go-runtime.ts'
import {Goroutine} from '../../src/runtime-model/goroutine.ts'
import {GOROUTINE_STATUS, statusOf} from '../../src/runtime-model/goroutine-status.ts'
import {readInterfaceValue} from '../../src/runtime-model/interface-value.ts'
import {Machine} from '../../src/runtime-model/machine.ts'
import {isSystemByItself, isSystem as isSystemKind, startKind} from '../../src/runtime-model/system-goroutine.ts'
import {openProcess} from './open-process.ts'
import {ProcessBuilder} from './process-builder.ts'

const go = (minor: number): GoVersion => GoVersion.ofMinor(minor)

function openRuntime(builder: ProcessBuilder, symbols: Record<string, Address>): GoRuntime | undefined {
  return GoRuntime.open({
    memory: builder,
    version: builder.release,
    tables: builder.access.tables,
    symbols: name => symbols[name],
    layouts: () => new Map(),
    diagnostics: builder.diagnostics,
  })
}

const codes = (builder: ProcessBuilder) => builder.diagnostics.list().map(each => each.code)

test('goroutines come in allgs order; nil and missing ones cost themselves alone', t => {
  const builder = new ProcessBuilder(22)
  const stack = {'stack.lo': 0x1000, 'stack.hi': 0x2000, 'sched.sp': 0x1800}
  const first = builder.struct('g', {...stack, goid: 7, atomicstatus: 4, waitreason: 14})
  const second = builder.struct('g', {...stack, goid: 3, atomicstatus: 0x1001})
  const dead = builder.struct('g', {goid: 9, atomicstatus: 6})
  const list = builder.words(first, 0, 0xdead0000, second, dead)
  const runtime = openRuntime(builder, {'runtime.allgs': builder.words(list, 5, 8)})
  const goroutines = [...(runtime?.goroutines() ?? [])]
  t.deepEqual(
    goroutines.map(each => [each.id, each.state, each.status.scan, each.isDead]),
    [
      [7, 'chan receive', false, false],
      [3, 'runnable', true, false],
      [9, 'dead', false, true],
    ],
  )
  t.true(codes(builder).includes('goroutine-unreadable'))
  t.is([...(runtime?.goroutines() ?? [])].length, 3, 'the list can be walked again')
})

test('an allgs that claims more than memory holds ends, and says what is missing', t => {
  const builder = new ProcessBuilder(22)
  const runtime = openRuntime(builder, {'runtime.allgs': builder.words(0x7000000, 100_000_000, 100_000_000)})
  t.deepEqual([...(runtime?.goroutines() ?? [])], [])
  t.true(codes(builder).includes('allgs-unreadable'))
})

test('an allgs longer than its capacity is no slice, and without machines there is no runtime', t => {
  const builder = new ProcessBuilder(22)
  t.is(openRuntime(builder, {'runtime.allgs': builder.words(0x7000000, 9, 8)}), undefined)
  t.deepEqual(codes(builder), ['runtime-not-found'])
})

test('an empty allgs is that of a runtime that has not begun: memory is not searched for goroutines', t => {
  const builder = new ProcessBuilder(22)
  const searched = {memory: builder, version: builder.release, tables: builder.access.tables, layouts: () => new Map()}
  const runtime = GoRuntime.open({
    ...searched,
    symbols: name => (name === 'runtime.allgs' ? builder.words(0, 0, 0) : undefined),
    heap: () => t.fail() as never,
    diagnostics: builder.diagnostics,
  })
  t.deepEqual([...(runtime?.goroutines() ?? [])], [])
  t.deepEqual(codes(builder), [])
})

test('where goroutines had to be searched for, the list of Ms is not known to be whole', t => {
  const isWhole = (goroutines: Address) => {
    const builder = new ProcessBuilder(22)
    const stack = {'stack.lo': 0x10000, 'stack.hi': 0x10800, stackguard0: 0x103a0, 'sched.sp': 0x10400}
    const code = {'sched.pc': 0x401000, startpc: 0x401000, gopc: 0x401000}
    const g = builder.struct('g', {...stack, ...code, goid: 7, atomicstatus: 4, waitreason: 14})
    const g0 = builder.struct('g', {'stack.lo': 0x20000, 'stack.hi': 0x30000, stackguard0: 0x203a0})
    const m = builder.struct('m', {id: 0, g0})
    builder.write(g0 + (builder.access.layouts.g.offset('m') as number), m)
    const symbols: Record<string, Address> = {
      'runtime.allgs': builder.words(goroutines === NULL_ADDRESS ? builder.words(g) : goroutines, 1, 1),
      'runtime.allm': builder.words(m),
    }
    const runtime = GoRuntime.open({
      memory: builder,
      version: builder.release,
      tables: builder.access.tables,
      symbols: name => symbols[name],
      layouts: () => new Map(),
      heap: () => [{start: g, end: toAddress(g + 64)}],
      diagnostics: builder.diagnostics,
    })
    return [runtime?.machines.length, runtime?.hasAllMachines, [...(runtime?.goroutines() ?? [])].map(({id}) => id)]
  }
  t.deepEqual(isWhole(NULL_ADDRESS), [1, true, [7]])
  t.deepEqual(isWhole(toAddress(0x7000000)), [1, false, [7]])
})

test('what a search takes for goroutines is one where it keeps the invariants of one', t => {
  const builder = new ProcessBuilder(22)
  const stack = {'stack.lo': 0x10000, 'stack.hi': 0x10800, stackguard0: 0x103a0, 'sched.sp': 0x10400}
  const code = {'sched.pc': 0x401000, startpc: 0x401000, gopc: 0x401000}
  const living = {...stack, ...code, atomicstatus: 1}
  const places = [
    builder.struct('g', {...living, goid: 7}),
    builder.struct('g', {...living, goid: 8_589_934_593, startpc: 0x30, gopc: 0x20}),
    builder.struct('g', {...living, goid: 9, 'sched.sp': 0x20400}),
    builder.struct('g', {...living, goid: 17, startpc: 0, gopc: 0}),
  ]
  const runtime = GoRuntime.open({
    memory: builder,
    version: builder.release,
    tables: builder.access.tables,
    symbols: name => (name === 'runtime.allgs' ? builder.words(0x7000000, 1, 1) : undefined),
    layouts: () => new Map(),
    heap: () => places.map(start => ({start, end: toAddress(start + 64)})),
    isExecutable: pc => pc === 0x401000,
    diagnostics: builder.diagnostics,
  })
  t.deepEqual(
    [...(runtime?.goroutines() ?? [])].map(({id}) => id),
    [7, 17],
  )
  t.deepEqual(codes(builder), ['goroutines-searched'])
})

test('a list of Ms that bites its tail ends', t => {
  const builder = new ProcessBuilder(22)
  const m = builder.struct('m', {id: 0})
  builder.write(m + (builder.access.layouts.m.offset('alllink') as number), m)
  const runtime = openRuntime(builder, {'runtime.allgs': builder.words(0, 0, 0), 'runtime.allm': builder.words(m)})
  t.is(runtime?.machines.length, 1)
  t.true(codes(builder).includes('machine-list-cycle'))
})

test('up to 1.9 allp is an array that ends with nil, from 1.10 on a slice', t => {
  const old = new ProcessBuilder(9)
  const one = old.struct('p', {id: 0, status: 1})
  const runtime = openRuntime(old, {'runtime.allgs': old.words(0, 0, 0), 'runtime.allp': old.words(one, 0, 0)})
  t.deepEqual(
    runtime?.processors.map(p => p.status),
    ['running'],
  )
  const recent = new ProcessBuilder(22)
  const list = recent.words(recent.struct('p', {id: 0}), recent.struct('p', {id: 1, status: 3}))
  const symbols = {'runtime.allgs': recent.words(0, 0, 0), 'runtime.allp': recent.words(list, 2, 2)}
  t.deepEqual(
    openRuntime(recent, symbols)?.processors.map(p => p.status),
    ['idle', 'gcstop'],
  )
})

test('statuses that a release does not know read ???', t => {
  t.is(statusOf(go(13), 9).text, '???')
  t.is(statusOf(go(14), 9).text, 'preempted')
  t.is(statusOf(go(26), 10).text, 'leaked')
  t.is(statusOf(go(27), 77).text, '???')
  t.deepEqual(statusOf(go(22), 0x1004), {number: 4, scan: true, text: 'waiting'})
})

test('minutes count for waiting and syscall alone, whole ones, and from one on', t => {
  const builder = new ProcessBuilder(22)
  const read = (atomicstatus: number) =>
    Goroutine.read(builder.access, builder.struct('g', {atomicstatus, waitsince: 1_000})) as Goroutine
  const minute = 60_000_000_000n
  t.is(read(4).waitMinutes(1_000n + minute), 1)
  t.is(read(4).waitMinutes(999n + minute), undefined)
  t.is(read(3).waitMinutes(1_000n + 3n * minute - 1n), 2)
  t.is(read(1).waitMinutes(1_000n + 3n * minute), undefined)
  t.is(read(4).waitMinutes(0n), undefined)
})

test('labels of 1.24 and later are a list in order', t => {
  const builder = new ProcessBuilder(26)
  const list = builder.words(...builder.text('zone'), ...builder.text('eu'), ...builder.text('a'), ...builder.text(''))
  const labels = builder.words(list, 2, 2)
  const g = builder.struct('g', {labels})
  t.deepEqual(
    [...(Goroutine.read(builder.access, g)?.labels ?? [])],
    [
      ['zone', 'eu'],
      ['a', ''],
    ],
  )
  builder.write(labels + 8, -1n)
  t.is(Goroutine.read(builder.access, g)?.labels.size, 0, 'a count that cannot be')
})

/** A bucket of map[string]string: marks, keys, values, overflow pointer (bmap, src/runtime/map.go). */
function bucket(builder: ProcessBuilder, marks: number[], pairs: [string, string][], overflow = 0): Address {
  const at = builder.allocate(8 + 16 * 16 + 8)
  for (const [slot, mark] of marks.entries()) builder.write(at + slot, mark, 1)
  for (const [slot, [key, value]] of pairs.entries()) {
    for (const [index, word] of builder.text(key).entries()) builder.write(at + 8 + slot * 16 + index * 8, word)
    for (const [index, word] of builder.text(value).entries()) builder.write(at + 136 + slot * 16 + index * 8, word)
  }
  builder.write(at + 264, overflow)
  return at
}

test('labels up to 1.23 are a map: overflow buckets and, while it grows, the old half count; moved slots do not', t => {
  const builder = new ProcessBuilder(19)
  const more = bucket(builder, [77], [['overflow', '3']])
  const old = bucket(
    builder,
    [2, 99],
    [
      ['moved', 'stale'],
      ['old', '2'],
    ],
  )
  const buckets = bucket(
    builder,
    [200, 1],
    [
      ['new', '1'],
      ['removed', 'x'],
    ],
    more,
  )
  const map = builder.struct('hmap', {count: 3, B: 0, buckets, oldbuckets: old})
  const g = builder.struct('g', {labels: builder.words(map)})
  t.deepEqual(
    [...(Goroutine.read(builder.access, g)?.labels ?? [])],
    [
      ['new', '1'],
      ['old', '2'],
      ['overflow', '3'],
    ],
  )
})

test('a goroutine waits on the channels of its sudogs, and a circle of them ends', t => {
  const builder = new ProcessBuilder(22)
  const second = builder.struct('sudog', {c: 0xc200, isSelect: 1})
  const first = builder.struct('sudog', {c: 0xc100, isSelect: 1, waitlink: second})
  builder.write(second + (builder.access.layouts.sudog.offset('waitlink') as number), first)
  const g = Goroutine.read(builder.access, builder.struct('g', {waiting: first}))
  t.deepEqual(
    g?.waitingOn.map(each => [each.channel, each.isSelect]),
    [
      [0xc100, true],
      [0xc200, true],
    ] as never,
  )
})

test('contexts above the length are what a panic has popped', t => {
  const builder = new ProcessBuilder(22)
  const g = builder.struct('g', {'cgoCtxt.array': builder.words(1, 2, 3, 0), 'cgoCtxt.len': 1, 'cgoCtxt.cap': 4})
  t.deepEqual(Goroutine.read(builder.access, g)?.cgoCtxt, [1n])
  t.deepEqual(Goroutine.read(builder.access, g)?.cgoCtxtBacking, [1n, 2n, 3n, 0n])
})

test('1.24 names a synctest group by its root goroutine, 1.25 and later number bubbles', t => {
  const group = new ProcessBuilder(24)
  const root = group.struct('g', {goid: 18})
  const member = group.struct('g', {goid: 20, bubble: group.struct('bubble', {root})})
  t.is(Goroutine.read(group.access, member)?.bubble?.rootGoid, 18)
  const bubbles = new ProcessBuilder(27)
  const inside = bubbles.struct('g', {bubble: bubbles.struct('bubble', {id: 5})})
  t.is(Goroutine.read(bubbles.access, inside)?.bubble?.id, 5)
  t.is(Goroutine.read(bubbles.access, bubbles.struct('g', {}))?.bubble, undefined)
})

test('ancestors come nearest first, and a list that cannot be that long is none', t => {
  const builder = new ProcessBuilder(22)
  const pcs = builder.words(0x401000, 0x402000)
  // Two ancestorInfo in a row: pcs slice, goid, gopc.
  const list = builder.words(pcs, 2, 2, 7, 0x403000, 0, 0, 0, 1, 0x404000)
  const ancestors = builder.words(list, 2, 2)
  const g = Goroutine.read(builder.access, builder.struct('g', {ancestors}))
  t.deepEqual(g?.ancestors, [
    {goid: 7, gopc: 0x403000, pcs: [0x401000, 0x402000]},
    {goid: 1, gopc: 0x404000, pcs: []},
  ] as never)
  builder.write(ancestors + 8, -1n)
  t.deepEqual(g?.ancestors, [])
})

const KIND = {bool: 1, int: 2, int8: 3, uint64: 11, float64: 14, complex128: 16, ptr: 22, string: 24, struct: 25}

/** A type descriptor in the type section, its name in the encoding of the release. */
function type(builder: ProcessBuilder, kind: number, name: string, tflag = 0): Address {
  const isOld = builder.release.minor <= 16
  const at = 0x500000 + kind * 0x1000
  const length = isOld
    ? [0, name.length]
    : name.length < 128
      ? [name.length]
      : [(name.length % 128) + 128, name.length >> 7]
  builder.bytes([0, ...length, ...new TextEncoder().encode(name), 0, 0, 0, 0], at + 0x100)
  const descriptor = builder.bytes(new Uint8Array(48), at)
  builder.write(at + 20, tflag, 1)
  builder.write(at + 23, kind, 1)
  builder.write(at + 40, at + 0x100 - 0x500000, 4)
  return descriptor
}

const textOf = (builder: ProcessBuilder, descriptor: Address, data: number) =>
  readInterfaceValue(builder.access, descriptor, BigInt(data)).text

test('panic values print as the release prints them', t => {
  for (const minor of [16, 17, 25, 26]) {
    const builder = new ProcessBuilder(minor)
    t.is(textOf(builder, NULL_ADDRESS, 0), 'nil')
    t.is(textOf(builder, type(builder, KIND.string, '*string', 2), builder.words(...builder.text('plain'))), 'plain')
    t.is(textOf(builder, type(builder, KIND.int, 'main.N'), builder.words(-5)), 'main.N(-5)')
    t.is(textOf(builder, type(builder, KIND.bool, 'bool'), builder.words(1)), 'true')
    t.is(textOf(builder, type(builder, KIND.int8, 'int8'), builder.words(0xff)), '-1')
    t.is(textOf(builder, type(builder, KIND.uint64, 'uint64'), builder.words(-1)), '18446744073709551615')
    t.is(textOf(builder, type(builder, KIND.struct, '*main.T', 2), 0xc0de), '(main.T) 0xc0de')
    t.is(textOf(builder, type(builder, KIND.ptr, '*main.T'), 0xc0de), '(*main.T) 0xc0de')
    const float = builder.words(0x3ff8000000000000n)
    t.is(textOf(builder, type(builder, KIND.float64, 'float64'), float), minor >= 26 ? '1.5' : '+1.500000e+000')
    const complex = builder.words(0x3ff8000000000000n, 0xbff8000000000000n)
    const complexText = minor >= 26 ? '(1.5-1.5i)' : '(+1.500000e+000-1.500000e+000i)'
    t.is(textOf(builder, type(builder, KIND.complex128, 'main.C'), complex), `main.C${complexText}`)
  }
})

test('up to 1.8 only int and string print as values; the others as their two interface words', t => {
  const kinds = [KIND.int, KIND.string, KIND.bool, KIND.int8, KIND.uint64, KIND.float64] as const
  const names = ['int', 'string', 'bool', 'int8', 'uint64', 'float64']
  for (const minor of [7, 8, 9, 14]) {
    const builder = new ProcessBuilder(minor)
    for (const [index, kind] of kinds.entries()) {
      const descriptor = type(builder, kind, names[index] as string)
      const data = kind === KIND.string ? builder.words(...builder.text('text')) : builder.words(1)
      const words = `(${names[index]}) (0x${descriptor.toString(16)},0x${data.toString(16)})`
      const isValue = minor >= 9 || kind === KIND.int || kind === KIND.string
      t.is(textOf(builder, descriptor, data) === words, !isValue, `1.${minor} ${names[index]}`)
    }
  }
})

test('up to 1.14 a value of a named type printed as its two interface words', t => {
  const builder = new ProcessBuilder(14)
  const descriptor = type(builder, KIND.int, 'main.N')
  t.is(textOf(builder, descriptor, 0xc000), `(main.N) (0x${descriptor.toString(16)},0xc000)`)
})

test('a type name of more than 127 bytes has a length of two bytes', t => {
  const builder = new ProcessBuilder(22)
  const name = `main.${'x'.repeat(200)}`
  t.is(textOf(builder, type(builder, KIND.struct, name), 1), `(${name}) 0x1`)
})

test('a value whose type or bytes are missing has no text, and its type name is kept', t => {
  const builder = new ProcessBuilder(22)
  t.deepEqual(readInterfaceValue(builder.access, toAddress(0xbad000), 5n).text, undefined)
  const value = readInterfaceValue(builder.access, type(builder, KIND.string, 'string'), 0xbad000n)
  t.is(value.text, undefined)
  t.is(value.typeName, 'string')
})

test('panics are read newest first and a chain that bites its tail ends', t => {
  const builder = new ProcessBuilder(26)
  const string = type(builder, KIND.string, 'string')
  const older = builder.struct('_panic', {
    'arg._type': string,
    'arg.data': builder.words(...builder.text('first')),
    recovered: 1,
  })
  const newer = builder.struct('_panic', {goexit: 1, link: older})
  builder.write(older + (builder.access.layouts._panic.offset('link') as number), newer)
  const g = Goroutine.read(builder.access, builder.struct('g', {_panic: newer}))
  t.deepEqual(
    g?.panics.map(each => [each.value.text, each.recovered, each.goexit]),
    [
      ['nil', false, true],
      ['first', true, false],
    ],
  )
})

test('floats print with seven digits and three of exponent up to 1.25', t => {
  t.is(printFloat(0), '+0.000000e+000')
  t.is(printFloat(-0), '-0.000000e+000')
  t.is(printFloat(9.9999999), '+1.000000e+001')
  t.is(printFloat(1e100), '+1.000000e+100')
  t.is(printFloat(5e-324), '+4.940656e-324')
  t.is(printFloat(Number.NEGATIVE_INFINITY), '-Inf')
  t.is(printFloat(Number.NaN), 'NaN')
})

test('floats print as their shortest form since 1.26', t => {
  t.is(formatShortest(Math.fround(0.1), 32), '0.1')
  t.is(formatShortest(0.1, 64), '0.1')
  t.is(formatShortest(123456, 64), '123456')
  t.is(formatShortest(123456789, 64), '1.23456789e+08')
  t.is(formatShortest(0.0001, 64), '0.0001')
  t.is(formatShortest(0.00001, 64), '1e-05')
  t.is(formatShortest(-1e100, 64), '-1e+100')
  t.is(formatShortest(-0, 64), '-0')
  t.is(formatShortest(Number.POSITIVE_INFINITY, 64), '+Inf')
})

test("system goroutines are the helpers that are not in the program's code", t => {
  const builder = new ProcessBuilder(26)
  const at = (name: string) => builder.functionNamed(name)
  const idle = {finalizerRunning: false, cleanupRunning: false}
  const isSystem = (name: string, state = idle) => {
    const kind = startKind(builder.access, at(name))
    return kind !== 'unknown' && isSystemKind(kind, state)
  }
  t.true(isSystem('runtime.bgsweep'))
  t.false(isSystem('runtime.main'))
  t.false(isSystem('main.worker'))
  t.true(isSystem('runtime.ensureSigM.func1'))
  t.true(isSystem('runtime.runFinalizers'))
  t.false(isSystem('runtime.runFinalizers', {...idle, finalizerRunning: true}))
  t.false(isSystem('runtime.runCleanups', {...idle, cleanupRunning: true}))
  t.is(startKind(builder.access, NULL_ADDRESS), 'user', "the goroutine of an extra M is the program's")
  const old = new ProcessBuilder(8)
  t.is(startKind(old.access, old.functionNamed('runtime.timerproc')), 'system')
  t.is(startKind(old.access, old.functionNamed('runtime.gopanic')), 'user')
  t.is(startKind(old.access, old.functionNamed('runtime.ensureSigM.func1')), 'user', 'up to 1.10 four are named')
})

/** The reasons of a release with which the runtime's own goroutines alone wait, by their numbers. */
function helperReasons(minor: number): string[] {
  const builder = new ProcessBuilder(minor)
  const found: string[] = []
  for (let waitreason = 0; waitreason < 50; waitreason++) {
    const g = builder.struct('g', {goid: 7, atomicstatus: GOROUTINE_STATUS._Gwaiting, waitreason})
    const goroutine = Goroutine.read(builder.access, g) as Goroutine
    if (isSystemByItself(goroutine) === true) found.push(goroutine.waitReason)
  }
  return found
}

test('without a name for where it started a goroutine is a helper by a reason that no other has to wait', t => {
  const [sweep, scavenge, finalizer, force] = ['GC sweep wait', 'GC scavenge wait', 'finalizer wait', 'force gc (idle)']
  const workers = ['GC worker (idle)', 'GC worker (active)']
  const timers = 'timer goroutine (idle)'
  t.deepEqual(helperReasons(11), [sweep, finalizer, force, timers, workers[0]])
  t.deepEqual(helperReasons(15), [sweep, scavenge, finalizer, force, timers, workers[0]])
  t.deepEqual(helperReasons(22), [sweep, scavenge, finalizer, force, ...workers])
  t.deepEqual(helperReasons(26), [
    ...[sweep, scavenge, finalizer, force, 'GOMAXPROCS updater (idle)'],
    ...[...workers, 'cleanup wait'],
  ])
})

test('a wait that is over proves nothing, and goroutine 1 is the program’s', t => {
  const builder = new ProcessBuilder(26)
  const isSystem = (fields: Record<string, number>) =>
    isSystemByItself(Goroutine.read(builder.access, builder.struct('g', fields)) as Goroutine)
  const {_Gwaiting, _Grunning} = GOROUTINE_STATUS
  t.true(isSystem({goid: 2, atomicstatus: _Gwaiting, waitreason: 11}))
  t.is(isSystem({goid: 2, atomicstatus: _Grunning, waitreason: 11}), undefined)
  t.is(isSystem({goid: 2, atomicstatus: _Gwaiting, waitreason: 19}), undefined)
  t.false(isSystem({goid: 1, atomicstatus: _Gwaiting, waitreason: 19}))
})

test('saved callers are empty, saved, consumed or busy by the first pc and the use count', t => {
  const builder = new ProcessBuilder(22)
  const array = builder.allocate(256)
  const read = (use = 0) => {
    const m = builder.struct('m', {cgoCallers: array, cgoCallersUse: use})
    return readSavedCallers(builder, Machine.read(builder.access, m) as Machine)
  }
  t.deepEqual(read(), {state: 'empty', hasFirst: false, pcs: [], tail: []})
  builder.write(array + 8, 0x22)
  builder.write(array + 16, 0x33)
  t.deepEqual(read(), {state: 'consumed', hasFirst: false, pcs: [0x22, 0x33], tail: []} as never)
  builder.write(array, 0x11)
  t.deepEqual(read(), {state: 'saved', hasFirst: true, pcs: [0x11, 0x22, 0x33], tail: []} as never)
  builder.write(array + 40, 0x55)
  t.deepEqual(read().tail, [0x55] as never, 'what an earlier, longer traceback left behind the end mark')
  t.is(read(1).state, 'busy')
  for (let index = 0; index < 32; index++) builder.write(array + index * 8, index + 1)
  t.is(read().pcs.length, 32, 'a full list has no end mark')
  const lost = builder.struct('m', {cgoCallers: 0x7f0000000000})
  t.is(readSavedCallers(builder, Machine.read(builder.access, lost) as Machine).state, null, 'not in the core')
  const none = builder.struct('m', {})
  t.is(readSavedCallers(builder, Machine.read(builder.access, none) as Machine).state, 'none')
})

test('the handler names the first condition that fails, in the order it tests them', t => {
  const builder = new ProcessBuilder(22)
  const hooks: HandlerHooks = {hasTraceback: true, hasSupport: true}
  const g = builder.struct('g', {syscallsp: 0x1000})
  const curg = Goroutine.read(builder.access, g)
  const decide = (fields: Parameters<typeof builder.struct<'m'>>[1], given = hooks, at = curg) =>
    decideHandler(given, Machine.read(builder.access, builder.struct('m', fields)), at).fails
  const whole = {ncgo: 1, curg: g, cgoCallers: 0x5000}
  t.is(decide(whole), null)
  t.is(decide(whole, {...hooks, hasTraceback: false}), 'cgoTraceback')
  t.is(decide(whole, {...hooks, hasSupport: false}), '_cgo_callers')
  t.is(decideHandler(hooks, null, undefined).fails, 'g')
  t.deepEqual(decideHandler(hooks, undefined, undefined), {fails: null, unknown: 'g'})
  t.is(decide({...whole, ncgo: 0, curg: 0}), 'm.ncgo')
  t.is(decide({...whole, curg: 0}), 'm.curg')
  t.is(decide(whole, hooks, Goroutine.read(builder.access, builder.struct('g', {}))), 'm.curg.syscallsp')
  t.is(decide({...whole, cgoCallers: 0}), 'm.cgoCallers')
  t.is(decide({...whole, cgoCallersUse: 1}), 'm.cgoCallersUse')
  const blind = {hasTraceback: undefined, hasSupport: true}
  t.deepEqual(decideHandler(blind, null, undefined), {fails: 'g', unknown: 'cgoTraceback'})
  const inCall = Machine.read(builder.access, builder.struct('m', whole))
  t.deepEqual(decideHandler(blind, inCall, curg), {fails: null, unknown: 'cgoTraceback'})
  t.deepEqual(decideHandler(hooks, inCall, undefined), {fails: null, unknown: 'm.curg.syscallsp'})
})

/** Deterministic noise (xorshift32). */
function noise(seed: number): () => number {
  let state = seed
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) / 2 ** 32
  }
}

for (const name of fixtureNames(/blocked-panic-go1.(15|27)$/)) {
  test(`${name}: damaged memory costs detail and raises nothing`, async t => {
    const fixture = await openFixture(name)
    for (let seed = 1; seed <= 12; seed++) {
      const random = noise(seed * 7919)
      const damage = (bytes: Uint8Array | undefined) => {
        if (!bytes || random() < 0.02) return undefined
        const copy = bytes.slice()
        if (random() < 0.2) copy[Math.floor(random() * copy.length)] = Math.floor(random() * 256)
        return copy
      }
      const {runtime} = openProcess(fixture, seed % 2 === 0 ? 'dwarf' : 'strip', undefined, damage)
      for (const goroutine of runtime?.goroutines() ?? []) touch(goroutine)
      for (const machine of runtime?.machines ?? []) {
        touch(machine)
        runtime?.savedCallers(machine)
        runtime?.handlerDecision(machine)
        runtime?.isExtraMachine(machine)
      }
      touch(runtime ?? {})
      if (runtime) touch(runtime.state)
    }
    t.pass()
  })
}

/** Reads every getter of an object. */
function touch(object: object): void {
  for (const name of Object.getOwnPropertyNames(Object.getPrototypeOf(object))) Reflect.get(object, name)
}

/** A goroutine of 1.7 with a list of barriers, the first of which it has come by; each stands at its place. */
function withBarriers(barriers: readonly (readonly [at: number, saved: number, installed: number])[], passed = 1) {
  const builder = new ProcessBuilder(7)
  const lo = builder.allocate(0x1000)
  for (const [at, , installed] of barriers) builder.write(lo + at, installed)
  const array = builder.words(...barriers.flatMap(([at, saved]) => [lo + at, saved]))
  const list = {'stkbar.array': array, 'stkbar.len': barriers.length, stkbarPos: passed}
  const g = builder.struct('g', {'stack.lo': lo, 'stack.hi': lo + 0xf00, goid: 5, atomicstatus: 4, ...list})
  return Array.from(Goroutine.read(builder.access, g)?.hiddenReturns ?? [], ([at, word]) => [at - lo, word])
}

test('return addresses over which the collector of 1.7 has put its own are known by the goroutine’s list', t => {
  const barriers = [
    [0x400, 0x401111, 0x401555],
    [0x800, 0x401222, 0x450000],
    [0xc00, 0x401333, 0x450000],
  ] satisfies [number, number, number][]
  const found = [
    [0x800, 0x401222n],
    [0xc00, 0x401333n],
  ]
  t.deepEqual(withBarriers(barriers), found)
  t.deepEqual(withBarriers(barriers.with(1, [0x800, 0x401222, 0x401222])), found.slice(1), 'it is there already')
  t.deepEqual(withBarriers(barriers, 3), [])
})

test('a list of barriers that cannot be true hides nothing', t => {
  const good: [number, number, number] = [0x400, 0x401111, 0x450000]
  t.deepEqual(withBarriers([good, [0x800, 0x401222, 0x450001]], 0), [], 'another word stands there')
  t.deepEqual(withBarriers([good, [0xf00, 0x401222, 0x450000]], 0), [], 'above the stack')
  t.deepEqual(withBarriers([good, [0x804, 0x401222, 0x450000]], 0), [], 'between two words')
  t.deepEqual(withBarriers(new Array(49).fill(good), 0), [], 'too many')
})
