import test from 'ava'
import {type Address, toAddress} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {readWord} from '../../src/base/memory-reader.ts'
import {findBuildVersion} from '../../src/runtime-model/build-version.ts'
import {GoRuntime} from '../../src/runtime-model/go-runtime.ts'
import type {Goroutine} from '../../src/runtime-model/goroutine.ts'
import {layoutPatches} from '../../src/runtime-model/layouts-by-version.ts'
import type {FieldName} from '../../src/runtime-model/struct-layout.ts'
import {assemble} from '../support/code-builder.ts'
import {ProcessBuilder} from './process-builder.ts'

const _Gdead = 6
const THREAD = 4321
/** Larger than any g or m that is read: no layout fails for want of memory. */
const ROOM = 0x1000

/** A small process that keeps every invariant: one M runs goroutine 1, three goroutines wait, one is dead. */
function buildProcess(minor: number, patch: number) {
  const builder = new ProcessBuilder(minor, patch)
  const main = builder.functionNamed('runtime.main')
  const park = builder.functionNamed('runtime.gopark')
  const {m: layout} = builder.access.layouts
  const stack = (size: number) => {
    const lo = builder.allocate(size)
    return {'stack.lo': lo, 'stack.hi': lo + size, stackguard0: lo + 880, stktopsp: lo + size - 16}
  }
  const m = builder.allocate(ROOM)
  const owned = () => builder.struct('g', {...stack(0x2000), m}, ROOM)
  const p = builder.struct('p', {id: 0, status: 1, m}, ROOM)
  const born = {startpc: main, gopc: main + 5}
  const fault = {sig: 11, sigcode0: 1, sigcode1: 0x18, sigpc: main + 7}
  const running = builder.struct('g', {...stack(0x800), ...born, ...fault, goid: 1, atomicstatus: 2, m}, ROOM)
  const child = builder.access.layouts.g.has('parentGoid') ? {...born, parentGoid: 1} : born
  const waiting = [2, 3, 4].map(goid => {
    const bounds = stack(0x800)
    const reason = builder.access.layouts.g.has('waitreason')
      ? {waitreason: 2}
      : Object.fromEntries(
          ['waitreason.str', 'waitreason.len'].map((field, at) => [field, builder.text('IO wait')[at]]),
        )
    const saved = {'sched.sp': bounds['stack.hi'] - 64, 'sched.pc': park + 9}
    const since = goid === 4 ? {waitsince: 7_000_000_000_000} : {}
    return builder.struct('g', {...bounds, ...child, ...saved, ...since, ...reason, goid, atomicstatus: 4}, ROOM)
  })
  const dead = builder.struct('g', {goid: 9, atomicstatus: _Gdead}, ROOM)
  const fields: [FieldName<'m'>, number][] = [
    ['g0', owned()],
    ['gsignal', owned()],
    ['curg', running],
    ['p', p],
    ['procid', THREAD],
  ]
  for (const [field, value] of fields) builder.write(m + (layout.offset(field) as number), value)
  const list = builder.words(running, ...waiting, dead)
  return {builder, symbols: {'runtime.allgs': builder.words(list, 5, 8), 'runtime.allm': builder.words(m)}}
}

function openUnknown(builder: ProcessBuilder, symbols: Record<string, Address>, first = 7, last = 27) {
  const diagnostics = new Diagnostics()
  const runtime = GoRuntime.open({
    memory: builder,
    version: undefined,
    releases: {first, last},
    tables: builder.access.tables,
    symbols: name => symbols[name],
    layouts: () => new Map(),
    threadIds: new Set([THREAD]),
    diagnostics,
  })
  return {runtime, diagnostics}
}

for (let minor = 7; minor <= 27; minor++) {
  for (const patch of layoutPatches(minor)) {
    test(`Go 1.${minor}.${patch}: nothing that is read without the version is other than what was written`, t => {
      const {builder, symbols} = buildProcess(minor, patch)
      const {runtime, diagnostics} = openUnknown(builder, symbols)
      const goroutines = [...(runtime?.goroutines() ?? [])]
      t.deepEqual(
        goroutines.map(({id, status, waitSince, m, isDead}) => [id, status.text, waitSince, m !== 0, isDead]),
        [
          [1, 'running', 0n, true, false],
          [2, 'waiting', 0n, false, false],
          [3, 'waiting', 0n, false, false],
          [4, 'waiting', 7_000_000_000_000n, false, false],
          [9, 'dead', 0n, false, true],
        ],
      )
      const {startpc, signal} = goroutines[0] as Goroutine
      t.deepEqual(signal, {number: 11, code0: 1n, code1: 0x18n, pc: BigInt(startpc) + 7n})
      t.true(goroutines.slice(1, 4).every(({state}) => state === 'IO wait' || state === 'waiting'))
      t.deepEqual(
        runtime?.machines.map(({procid, curg}) => [procid, curg]),
        [[THREAD, goroutines[0]?.address]],
      )
      const told = diagnostics
        .list()
        .map(({code, message}) => [code, /fit 1\.(\d+)(?: to 1\.(\d+))? best/.exec(message)])
      t.is(told[0]?.[0], 'go-version-unknown')
      const [, first, last = first] = (told[0]?.[1] ?? []) as string[]
      t.true(Number(first) <= minor && minor <= Number(last), `1.${first} to 1.${last}`)
    })
  }
}

test('what a goroutine waits with in the queue of a channel tells 1.7 from 1.8', t => {
  const fitOf = (minor: number, isQueued: boolean) => {
    const {builder, symbols} = buildProcess(minor, 0)
    if (isQueued) joinQueue(builder, symbols['runtime.allgs'])
    const {diagnostics} = openUnknown(builder, symbols)
    return /fit .* best/.exec(diagnostics.list()[0]?.message ?? '')?.[0]
  }
  t.is(fitOf(7, false), 'fit 1.7 to 1.8 best')
  t.is(fitOf(7, true), 'fit 1.7 best')
  t.is(fitOf(8, true), 'fit 1.8 best')
})

test('a Goexit among the panics, and what became of older ones, tells 1.14 from 1.13', t => {
  const fitOf = (minor: number, type: number, flags: object, older?: object) => {
    const {builder, symbols} = buildProcess(minor, 0)
    const first = Number(readWord(builder, toAddress(Number(readWord(builder, symbols['runtime.allgs'])))))
    const link = older ? builder.struct('_panic', {'arg._type': 0x500000, ...older}, ROOM) : 0
    const panic = builder.struct('_panic', {'arg._type': type, link, ...flags}, ROOM)
    builder.write(first + (builder.access.layouts.g.offset('_panic') as number), panic)
    const {diagnostics} = openUnknown(builder, symbols, 13, 14)
    return /fit .* best/.exec(diagnostics.list()[0]?.message ?? '')?.[0]
  }
  t.is(fitOf(14, 0x500000, {}), 'fit 1.13 to 1.14 best')
  t.is(fitOf(14, 0, {goexit: 1}), 'fit 1.14 best')
  t.is(fitOf(13, 0x500000, {recovered: 1}), 'fit 1.13 to 1.14 best')
  t.is(fitOf(13, 0x500000, {}, {aborted: 1}), 'fit 1.13 best')
  t.is(fitOf(14, 0x500000, {}, {recovered: 1}), 'fit 1.14 best')
})

/** The second goroutine waits for a channel that is empty. */
function joinQueue(builder: ProcessBuilder, allgs: Address): void {
  const word = (at: number) => Number(readWord(builder, toAddress(at)))
  const waiter = word(word(allgs) + 8)
  const sudog = builder.struct('sudog', {g: waiter, c: builder.words(0, 0)}, ROOM)
  builder.write(waiter + (builder.access.layouts.g.offset('waiting') as number), sudog)
}

test('a wait reason that the possible releases number differently is not named', t => {
  const {builder, symbols} = buildProcess(17, 0)
  const reason = builder.access.layouts.g.offset('waitreason') as number
  for (const {address, status} of openUnknown(builder, symbols).runtime?.goroutines() ?? []) {
    // A channel's wait since 1.13; the nineteenth reason is another in 1.20.
    if (status.text === 'waiting') builder.write(address + reason, 21, 1)
  }
  const states = (first: number, last: number) =>
    [...(openUnknown(builder, symbols, first, last).runtime?.goroutines() ?? [])].map(({state}) => state)
  t.is(states(17, 19)[1], 'timer goroutine (idle)')
  t.is(states(17, 20)[1], 'waiting')
})

test('where no table fits, goroutines are not read by one', t => {
  const {builder, symbols} = buildProcess(9, 3)
  // Every release that is left puts the status, the id or the wait reason elsewhere.
  const {runtime, diagnostics} = openUnknown(builder, symbols, 11, 27)
  t.is(runtime, undefined)
  t.deepEqual(
    diagnostics.list().map(({code, severity}) => [code, severity]),
    [['go-version-unknown', 'error']],
  )
})

test('the end of schedinit names runtime.buildVersion', t => {
  const builder = new ProcessBuilder(9)
  const variable = builder.words(...builder.text('go1.9.7'))
  const entry = builder.functionNamed('runtime.schedinit')
  const code = assemble(entry, [
    ['48 8b 05', variable + 64], // mov  another word,%rax
    ['48 8b 0d', variable + 8], //  mov  buildVersion+8,%rcx
    ['48 85 c9'], //                test %rcx,%rcx
    ['c3'],
  ])
  builder.bytes([...code, ...new Array(0x200 - code.length).fill(0xcc)], entry)
  t.is(findBuildVersion(builder, builder.access.tables), variable)
  builder.write(variable + 8, 0)
  t.is(findBuildVersion(builder, builder.access.tables), undefined, 'an empty string is no version')
})
