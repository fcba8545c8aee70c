// C that no other file calls by name is signed by its code, whether its own file has names or not.
import test from 'ava'
import {SignatureRules} from '../../../src/analysis/signature/rules.ts'
import type {FrameReport} from '../../../src/report/core-report.ts'
import {ABRT, c, go, libc, SEGV, sign} from '../../support/signature-facts.ts'

const EXE = '/opt/app/app'
const WRAPPER = 0x7100
const ENTRY = 0x7200

/** Functions of 0x100 bytes; libc's strlen is called at 0x7380. */
const CODE = {
  functionStart: (pc: number) => (pc - (pc % 0x100)) as never,
  calleesOf: (start: number) => new Set(start === WRAPPER ? [ENTRY] : []),
  fingerprint: (start: number) => start.toString(16).padStart(8, '0'),
  calledBefore: (pc: number) => (pc === 0x7380 ? 'strlen' : undefined),
}

const at = (name: string | null, pc: string, fields: Partial<FrameReport> = {}) =>
  c(name, {pc, module: EXE, moduleOffset: pc, ...fields})

/** What Go called, with the frames further in before it. */
function called(isNamed: boolean, ...inner: FrameReport[]): FrameReport[] {
  const named = isNamed ? inner : inner.map(each => (each.module === EXE ? {...each, function: null} : each))
  return [
    ...named.filter(({inlined}) => isNamed || !inlined),
    at(isNamed ? 'f' : null, '0x7210'),
    at(isNamed ? '_cgo_0123456789ab_Cfunc_f' : null, '0x7110'),
    go('runtime.cgocall', {module: EXE, args: '0x7100, 0xc000012345'}),
    go('main._Cfunc_f', {module: EXE}),
    go('main.work', {module: EXE}),
  ]
}

const exactOf = (frames: readonly FrameReport[]) => {
  const {exact, family} = sign(SEGV, frames, {code: CODE})
  return `${exact} ${family}`
}

test('functions below one that Go called are told apart, and each is one with names and without', t => {
  const stacks: Record<string, FrameReport[]> = {
    itself: [],
    leaf: [at('leaf', '0x7310')],
    other: [at('other', '0x7410')],
    otherWay: [at('leaf', '0x7310'), at('other', '0x7410')],
    inlined: [at('tiny', '0x7510', {inlined: true}), at('mid', '0x7510')],
    template: [at('std::vector<int>::at(unsigned long)', '0x7610'), at('other', '0x7410')],
    length: [libc(null), at('leaf', '0x7380')],
  }
  const signed = Object.values(stacks).map(inner => [exactOf(called(true, ...inner)), exactOf(called(false, ...inner))])
  for (const [named, stripped] of signed) t.is(named, stripped)
  t.is(new Set(signed.flat()).size, Object.keys(stacks).length)
})

test('a recursion counts once, and what is guessed or was left by a jump does not', t => {
  const leaf = at('leaf', '0x7310')
  const one = exactOf(called(true, leaf))
  t.is(exactOf(called(false, leaf, leaf, at('leaf', '0x7320'))), one)
  t.is(
    exactOf(called(true, leaf, at('x', '0x7410', {foundBy: 'scan'}), at('y', '0x7510', {foundBy: 'tail-call'}))),
    one,
  )
})

test('the function that met the fault is where its pc is, not before it', t => {
  const first = at('leaf', '0x7300', {foundBy: 'pcsp'})
  const frames = called(true, first)
  t.is(
    sign({...SEGV, pc: '0x7300'}, frames, {code: CODE}).exact,
    sign(SEGV, called(true, at('leaf', '0x7310')), {code: CODE}).exact,
  )
})

test('--explain names the code', t => {
  const {explain, frames} = sign(SEGV, called(true, at('leaf', '0x7310')), {code: CODE})
  t.deepEqual(frames, ['leaf', 'f', 'main.work'])
  t.deepEqual(explain.slice(1, 4), [
    'shown leaf: only builds with symbols know the name; signed by the code of its function, ~00007300',
    'used f',
    'left out _cgo_0123456789ab_Cfunc_f: cgo glue',
  ])
})

/** The end of a process that a function called so far into it, from inlined code where the build tells that. */
const died = (isNamed: boolean, offset: number, ...outer: FrameReport[]): FrameReport[] => {
  const pc = `0x${(0x7300 + offset).toString(16)}`
  const ends = [libc(null), libc('raise'), libc('abort')]
  return [...ends, ...called(isNamed, at('fail', pc, {inlined: true}), at('check', pc), ...outer)]
}

test('two calls of abort in one function are two bugs, with names and without, and however deep it called itself', t => {
  const by = (...stack: Parameters<typeof died>) => sign(ABRT, died(...stack), {code: CODE})
  const one = by(true, 0x40)
  t.is(by(false, 0x40).exact, one.exact)
  t.not(by(true, 0x60).exact, one.exact)
  t.is(by(false, 0x60).exact, by(true, 0x60).exact)
  t.is(by(true, 0x60).family, one.family)
  t.deepEqual(by(true, 0x60).frames, one.frames)
  t.is(by(true, 0x40, at('check', '0x7360')).exact, one.exact)
  t.is(by(false, 0x100).explain.at(-1), "signed with the place of the last call of the program's C: ~00007300+0x100")
})

test('two calls of one function of libc are two bugs, and where the processor met a fault has no part', t => {
  const length = (pc: string, isNamed = true) => exactOf(called(isNamed, libc('strlen'), at('leaf', pc)))
  t.not(length('0x7340'), length('0x7360'))
  t.is(length('0x7340'), length('0x7340', false))
  const fault = (pc: string) => sign(SEGV, called(true, at('leaf', pc, {foundBy: 'context'})), {code: CODE}).exact
  t.is(fault('0x7340'), fault('0x7360'))
})

test('of what Go called by name the number of the call counts, wherever compilers put it', t => {
  const code = {...CODE, ordinalOfCall: (pc: number) => (pc < 0x7240 ? 1 : 2)}
  const by = (name: string, pc: string) => sign(ABRT, [libc(name), at('f', pc), ...called(true).slice(1)], {code})
  t.is(by('abort', '0x7230').exact, by('abort', '0x7238').exact)
  t.is(by('abort', '0x7240').exact, by('abort', '0x7260').exact)
  t.not(by('abort', '0x7230').exact, by('abort', '0x7240').exact)
  t.not(by('strlen', '0x7230').exact, by('strlen', '0x7240').exact)
  t.is(
    by('abort', '0x7230').exact,
    sign(ABRT, [libc('abort'), ...called(true)], {code: CODE}).exact,
    'one call, or none known',
  )
  t.is(by('abort', '0x7240').explain.at(-1), "signed with the place of the last call of the program's C: call 2")
})

test('which variant of a function of libc the processor got makes no difference where the program has libc in it', t => {
  const code = {...CODE, callsThroughSlot: (pc: number) => pc === 0x7390}
  const length = (pc: string) => sign(SEGV, called(true, at('__strlen', pc), at('leaf', '0x7390')), {code}).exact
  t.is(length('0x7610'), length('0x7710'))
  const inner = (pc: string) => sign(SEGV, called(true, at('__strlen', pc), at('leaf', '0x7310')), {code}).exact
  t.not(inner('0x7610'), inner('0x7710'))
})

test('a thread of C alone is signed by code and program, with names and without', t => {
  const thread = (name: string | null, pc: string) => [at(name, pc), at(name, '0x7510'), libc(name && 'start_thread')]
  t.is(exactOf(thread('run', '0x7310')), exactOf(thread(null, '0x7310')))
  t.not(exactOf(thread('run', '0x7310')), exactOf(thread('run', '0x7410')))
  const [one, other] = ['app', 'tool'].map(program => sign(SEGV, thread('run', '0x7310'), {code: CODE, program}))
  t.not(one?.exact, other?.exact, 'short functions are alike in many programs')
  t.is(one?.family, 'signal SIGSEGV - app')
  t.deepEqual(one?.frames, ['run'])
})

test('a thread of C alone that aborts is signed without the code of libc, which other hosts have another release of', t => {
  const thread = (release: number, pc: string) => {
    const inside = libc('raise', `0x${(0x9000 + release * 0x100).toString(16)}`)
    return sign(ABRT, [inside, libc('abort', '0x9800'), at('run', pc), libc('start_thread')], {code: CODE}).exact
  }
  t.is(thread(1, '0x7310'), thread(2, '0x7310'))
  t.not(thread(1, '0x7310'), thread(1, '0x7320'), 'two calls of abort in one function')
})

test('installed libraries differ from host to host: they count by what was called, but for a thread of their own', t => {
  const within = (module: string, pc: string) => [c(null, {module, pc}), ...called(true).slice(1)]
  const installed = '/usr/lib/x86_64-linux-gnu/libz.so.1'
  t.is(exactOf(within(installed, '0x8310')), exactOf(within(installed, '0x8410')))
  t.not(exactOf(within('/opt/app/libown.so', '0x8310')), exactOf(within('/opt/app/libown.so', '0x8410')))
  const program = (pc: string) =>
    exactOf(called(false, at('leaf', pc)).map(each => ({...each, module: each.module && '/usr/lib/app/bin/app'})))
  t.not(program('0x7310'), program('0x7410'), 'the program itself may be installed there')
  const alone = (pc: string) => exactOf([c(null, {module: installed, pc}), libc(null)])
  t.not(alone('0x8310'), alone('0x8410'))
})

test('rules of a user leave out the code with the name; code that called Go has no part', t => {
  const rules = new SignatureRules({name: 'own', text: '[irrelevant c: memory]\n^pool_'})
  const by = (name: string, pc: string) => sign(SEGV, called(true, at(name, pc)), {code: CODE}, rules).exact
  t.is(by('pool_get', '0x7310'), by('pool_put', '0x7410'))
  t.not(by('pool_get', '0x7310'), by('leaf', '0x7410'))
  const host = (pc: string) => exactOf([go('main.back'), at('host', pc)])
  t.is(host('0x7310'), host('0x7410'))
})
