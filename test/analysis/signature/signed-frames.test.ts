// Which frames a signature is made of, and how a recursion counts.
import test from 'ava'
import type {CodeFacts} from '../../../src/analysis/signature/code-facts.ts'
import {foldCycles, foldOverflow, foldRepeated} from '../../../src/analysis/signature/cycles.ts'
import {SIGNATURE_VERSION} from '../../../src/analysis/signature/default-rules.ts'
import {type ChosenFrames, chooseFrames, type SignedFrame} from '../../../src/analysis/signature/frame-choice.ts'
import {SignatureRules} from '../../../src/analysis/signature/rules.ts'
import type {FrameReport} from '../../../src/report/core-report.ts'
import {c, frame, go, libc} from '../../support/signature-facts.ts'

const RULES = new SignatureRules()
const CODE: CodeFacts = {
  calledBefore: () => undefined,
  callsThroughSlot: () => false,
  ordinalOfCall: () => 0,
  functionStart: () => undefined,
  calleesOf: () => new Set(),
  fingerprint: () => undefined,
  loadsClosureCode: () => false,
  isRuntimeCode: () => false,
  isGoFunction: () => false,
}

const NO_FACTS = {gaps: new Set<FrameReport>(), buildIdOf: () => null, isRaisedAgain: false, faultPc: null}

function choose(frames: readonly FrameReport[], isRaisedAgain = false): ChosenFrames {
  return chooseFrames(frames, {
    rules: RULES,
    code: CODE,
    gaps: new Set(),
    buildIdOf: () => null,
    isRaisedAgain,
    isThrown: false,
    faultPc: null,
  })
}

test('what ends a process, crosses stacks or is guessed is no part of a signature', t => {
  const frames = [libc('abort'), c('guess', {foundBy: 'scan'}), frame('signal', null), c('broken'), go('main.work')]
  const chosen = choose(frames)
  t.deepEqual(
    chosen.frames.map(({name, kind}) => `${kind} ${name}`),
    ['c broken', 'go main.work'],
  )
  t.deepEqual(chosen.explain, [
    'left out abort: the end of the process',
    'left out guess: guessed by a scan of the stack',
    'left out libx.so+0x123: signal or stack switch',
    'used broken',
    'used main.work',
  ])
})

test('code that is proven to be of the runtime is left out, whatever it is called', t => {
  const nameless = [0x1234, 0x2345].map(pc =>
    go('?', {function: null, pc: `0x${pc.toString(16)}`, moduleOffset: '0x1'}),
  )
  const code = {...CODE, isRuntimeCode: (pc: number) => pc < 0x2000}
  const facts = {rules: RULES, code, ...NO_FACTS, isThrown: false}
  const {explain} = chooseFrames([go('panic'), ...nameless], facts)
  t.deepEqual(
    explain.map(line => line.split(' ')[0]),
    ['left', 'left', 'used'],
  )
})

const EXE = '/opt/app/app'

test('what is inlined in the caller is named by itself, and not by what the caller calls for it', t => {
  const frames = [
    libc(null),
    c('std::map<int, int>::at(int const&)', {module: EXE, inlined: true}),
    c('look', {module: EXE}),
  ]
  const code = {...CODE, calledBefore: () => '_ZSt20__throw_out_of_rangePKc'}
  const facts = {rules: RULES, code, ...NO_FACTS}
  const names = (isThrown: boolean) => chooseFrames(frames, {...facts, isThrown}).frames.map(({name}) => name)
  t.deepEqual(names(false), ['std::__throw_out_of_range', 'std::map::at', 'look'])
  t.deepEqual(names(true), ['look'], 'which function of a library threw is up to the compiler')
})

test('what a compiler makes of static initialisers, and the end of a process by its short name, are no frames', t => {
  const made = ['_GLOBAL__sub_I_bugs.cc', '_Z41__static_initialization_and_destruction_0ii', 'std::terminate']
  t.deepEqual(
    choose([...made.map(name => c(name)), c('init')]).frames.map(({name}) => name),
    ['init'],
  )
})

test('a lambda that debug information does not name is one as the linker names them', t => {
  const names = ['work::{unnamed type}::operator()', 'work::{lambda(int)#2}::operator()(int) const']
  t.deepEqual(
    choose(names.map(name => c(name))).frames.map(({name}) => name),
    Array(2).fill('work::{lambda}::operator()'),
  )
})

test('what recovered a panic and raised it again is left out', t => {
  const frames = [go('panic'), go('main.handler'), go('panic'), go('main.work')]
  const names = ({frames: all}: ChosenFrames) => all.map(({name}) => name)
  t.deepEqual(names(choose(frames)), ['main.handler', 'main.work'])
  t.deepEqual(names(choose(frames, true)), ['main.work'])
})

const signed = (...names: string[]): SignedFrame[] =>
  names.map(name => ({name, kind: 'go', isPrefix: false, isSigned: true, isCode: false}))
const namesOf = (frames: readonly SignedFrame[]): string => frames.map(({name}) => name).join(' ')

test('a recursion counts once, however deep the data had it', t => {
  t.is(namesOf(foldCycles(signed('leaf', 'walk', 'walk', 'walk', 'main'))), 'leaf walk main')
  t.is(namesOf(foldCycles(signed('leaf', 'even', 'odd', 'even', 'odd', 'main'))), 'leaf even odd main')
  t.is(namesOf(foldCycles([])), '')
  const both: SignedFrame[] = [
    ...signed('f'),
    {name: 'f', kind: 'c', isPrefix: false, isSigned: true, isCode: false},
    ...signed('main'),
  ]
  t.is(foldCycles(both).length, 3, 'a C function of the same name is another one')
})

test('of a stack that ran over count those that went round, by name, and the way to them', t => {
  const round = Array.from({length: 20}, () => ['b', 'a']).flat()
  t.is(namesOf(foldOverflow(signed('met.the.guard', ...round, 'start', 'main'))), 'a b start main')
  t.is(namesOf(foldOverflow(signed('a', 'b', 'main'))), 'a b main', 'none goes round')
})

test('what is explained of frames that go round is said once', t => {
  const round = Array.from({length: 400}, () => ['used a', 'used b', 'used a.part']).flat()
  t.deepEqual(foldRepeated(['class', 'used b', ...round, 'used a', 'used main']), [
    'class',
    'used b',
    'used a',
    'used b',
    'used a.part',
    'the same 3 399 times more',
    'used a',
    'used main',
  ])
  t.deepEqual(foldRepeated(['x', 'x', 'x', 'x']), ['x', 'the same 3 times more'])
  t.deepEqual(foldRepeated(['x', 'x', 'y']), ['x', 'x', 'y'])
})

/** What each of the rules that everyone has says of a name. */
const REASONS = [
  ['inside', 'module', 'libc.so.6', 'library of the system'],
  ['inside', 'module', 'libstdc++.so.6.0.30', 'library of the system'],
  ['inside', 'module', 'libcurl.so.4', undefined],
  ['inside', 'c', 'std::vector<int>::at', 'library of C++ or Rust'],
  ['inside', 'go', 'net/http.(*conn).serve', 'standard library'],
  ['inside', 'go', 'network.dial', undefined],
  ['irrelevant', 'go', 'main.work.gowrap1', 'made by the compiler'],
  ['irrelevant', 'c', 'x_cgo_thread_start', 'part of runtime/cgo'],
  ['last', 'go', 'runtime.gcAssistAlloc', 'memory is collected for whoever comes along'],
] as const

for (const [kind, subject, name, reason] of REASONS) {
  test(`default rules: ${name} is ${reason ?? 'the program’s own'}`, t => {
    t.is(RULES.reason(kind, subject, name), reason)
  })
}

test('default rules write variants and aliases as one function', t => {
  const fold = (name: string) => RULES.fold('c', name).name
  t.is(fold('__memmove_avx_unaligned_erms'), 'memcpy')
  t.is(fold('__libc_malloc'), 'malloc')
  t.is(fold('__printf_chk'), 'printf')
  t.is(fold('std::__cxx11::basic_string'), 'std::basic_string')
  t.is(RULES.version, SIGNATURE_VERSION)
})
