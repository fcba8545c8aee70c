import test from 'ava'
import {makeSignature} from '../../src/analysis/signature.ts'
import type {CrashReport, FrameReport, ModuleReport} from '../../src/report/core-report.ts'

const MODULES: ModuleReport[] = [
  {
    path: '/lib/x.so',
    buildId: 'abcd',
    start: '0x7000',
    end: '0x8000',
    loadBias: '0x7000',
    found: null,
    symbols: null,
    mismatch: null,
  },
]

function frame(kind: FrameReport['kind'], name: string | null, fields: Partial<FrameReport> = {}): FrameReport {
  return {
    kind,
    function: name,
    file: null,
    line: 7,
    column: null,
    pc: '0x7123',
    entry: null,
    offset: null,
    sp: null,
    fp: null,
    args: null,
    inlined: false,
    module: '/lib/x.so',
    moduleOffset: '0x123',
    language: null,
    foundBy: 'cfi',
    ...fields,
  }
}

const SIGSEGV = {kind: 'signal', signal: 'SIGSEGV'} as CrashReport
const SIGABRT = {kind: 'signal', signal: 'SIGABRT'} as CrashReport
const GO = [
  frame('go', 'runtime.cgocall'),
  frame('go', 'main._Cfunc_f'),
  frame('go', 'main.work'),
  frame('go', 'runtime.goexit'),
]

test('meaningful frames are used, plumbing on both sides is not', t => {
  const frames = [frame('c', 'boom'), frame('c', '_cgo_0123456789ab_Cfunc_f'), ...GO]
  const signature = makeSignature(SIGSEGV, frames, MODULES)
  t.deepEqual(signature.frames, ['boom', 'main.work'])
  t.is(signature.family, 'signal SIGSEGV main.work boom')
  t.is(signature.explain.length, frames.length, 'each frame is explained')
})

test('lines, addresses and the hash of the cgo wrapper do not matter', t => {
  const one = makeSignature(SIGSEGV, [frame('c', 'boom'), frame('c', '_cgo_0123456789ab_Cfunc_f'), ...GO], MODULES)
  const moved = {line: 99, pc: '0x7999'}
  const other = makeSignature(
    SIGSEGV,
    [frame('c', 'boom', moved), frame('c', '_cgo_ba9876543210_Cfunc_f', moved), ...GO],
    MODULES,
  )
  t.is(one.exact, other.exact)
  t.not(
    one.exact,
    makeSignature(SIGABRT, [frame('c', 'boom'), ...GO], MODULES).exact,
    'another kind of crash is another bug',
  )
})

test('what lies above abort serves the death, even without a name', t => {
  const dying = [
    '__pthread_kill_implementation',
    '__GI_raise',
    '__GI_abort',
    null,
    'std::terminate()',
    null,
    '__cxa_throw',
  ]
  const frames = [...dying.map(name => frame('c', name)), frame('c', 'check'), ...GO]
  t.deepEqual(makeSignature(SIGABRT, frames, MODULES).frames, ['check', 'main.work'])
})

test('a function that is called like a death below Go code is a frame like others', t => {
  const frames = [frame('c', 'boom'), ...GO.slice(0, 3), frame('c', 'raise'), frame('c', 'loop')]
  t.deepEqual(makeSignature(SIGSEGV, frames, MODULES).frames, ['boom', 'main.work', 'loop'])
})

test('without a name build ID and offset stand in; without either the frame is left out', t => {
  const frames = [frame('c', null), frame('c', null, {module: null, moduleOffset: null}), ...GO]
  t.deepEqual(makeSignature(SIGSEGV, frames, MODULES).frames, ['abcd+0x123', 'main.work'])
})

test('guessed frames are no part of a signature', t => {
  const frames = [frame('c', 'boom'), frame('c', 'stale', {foundBy: 'scan'}), ...GO]
  t.deepEqual(makeSignature(SIGSEGV, frames, MODULES).frames, ['boom', 'main.work'])
})

test('clones of a compiler are one function', t => {
  const frames = [frame('c', 'boom.constprop.0.isra.1'), ...GO]
  t.deepEqual(makeSignature(SIGSEGV, frames, MODULES).frames, ['boom', 'main.work'])
})

test('a process that did not crash has no signature', t => {
  t.is(makeSignature({kind: 'none'} as CrashReport, GO, MODULES).exact, null)
})

test('a crash without a meaningful frame has no signature: cut cores must not all be one bug', t => {
  t.is(makeSignature(SIGSEGV, [], MODULES).exact, null)
})
