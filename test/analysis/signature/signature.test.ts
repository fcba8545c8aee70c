import test from 'ava'
import type {CrashReport, FrameReport} from '../../../src/report/core-report.ts'
import {MODULES, ABRT, c, fatalOf, frame, go, LIBC, libc, panicOf, SEGV, sign} from '../../support/signature-facts.ts'

const WORK = [go('runtime.cgocall'), go('main._Cfunc_f'), go('main.work'), go('main.main'), go('runtime.goexit')]

test('meaningful frames are used, plumbing on both sides is not', t => {
  const frames = [c('boom'), c('f'), c('_cgo_0123456789ab_Cfunc_f'), ...WORK]
  const signature = sign(SEGV, frames)
  t.deepEqual(signature.frames, ['boom', 'f', 'main.work', 'main.main'])
  t.is(signature.family, 'signal SIGSEGV main.work f')
  t.is(signature.version, '6')
  t.deepEqual(signature.explain, [
    'class: signal SIGSEGV',
    'shown boom: only builds with symbols know the name',
    'used f',
    'left out _cgo_0123456789ab_Cfunc_f: cgo glue',
    'left out runtime.cgocall: runtime',
    'left out main._Cfunc_f: cgo glue',
    'used main.work',
    'used main.main',
    'left out runtime.goexit: runtime',
  ])
})

test('lines, addresses, processes and the hash of the cgo wrapper do not matter', t => {
  const one = sign(SEGV, [c('boom'), c('_cgo_0123456789ab_Cfunc_f'), ...WORK])
  const moved = {line: 99, pc: '0x7999', moduleOffset: '0x999'}
  const other = sign(SEGV, [c('boom', moved), c('_cgo_ba9876543210_Cfunc_f', moved), ...WORK], {pid: 99})
  t.is(one.exact, other.exact)
})

test('another signal, another frame, another caller is another bug', t => {
  const frames = [c('boom'), ...WORK]
  const renamed = (from: string, to: string) => WORK.map(each => (each.function === from ? go(to) : each))
  const bugs = [sign(SEGV, frames), sign(ABRT, frames)]
  bugs.push(sign(SEGV, [c('boom'), ...renamed('main._Cfunc_f', 'main._Cfunc_g')]))
  bugs.push(sign(SEGV, [c('boom'), ...renamed('main.work', 'main.play')]))
  t.is(new Set(bugs.map(({exact}) => exact)).size, bugs.length)
})

test('of code of C that Go called the signature has what builds without symbols know, inlined or not', t => {
  const code = {calledBefore: (pc: number) => (pc === 0x7130 ? 'strlen' : undefined)}
  const stacks = {
    whole: [c('measure', {pc: '0x7130'}), c('check'), c('f'), ...WORK],
    inlined: [c('measure', {pc: '0x7130', inlined: true}), c('f', {pc: '0x7130'}), ...WORK],
    withoutDwarf: [c('f', {pc: '0x7130'}), ...WORK],
    stripped: [c(null, {pc: '0x7130'}), c(null), ...WORK],
    template: [c('std::string::size', {inlined: true, pc: '0x7130'}), c('f', {pc: '0x7130'}), ...WORK],
  }
  for (const inside of [[], [libc(null)], [libc('__strlen_evex')]]) {
    const all = Object.values(stacks).map(frames => sign(SEGV, [...inside, ...frames], {code}))
    t.is(new Set(all.map(({exact, family}) => `${exact} ${family}`)).size, 1)
  }
  const [one, other] = [[], [libc(null)]].map(inside => sign(SEGV, [...inside, ...stacks.whole], {code}))
  t.not(one?.exact, other?.exact, 'what C called of a library is known')
  t.deepEqual(other?.frames, ['strlen', 'measure', 'check', 'f', 'main.work', 'main.main'])
})

test('a function of another file counts by the name that its caller has, the code that called Go does not', t => {
  const code = {calledBefore: (pc: number) => (pc === 0x7777 ? 'draw' : undefined)}
  const [own, other] = [{module: '/opt/app/app'}, {module: '/opt/app/libdraw.so', pc: '0x6000'}]
  const stack = (names: readonly (string | null)[]) => {
    const [inner = null, drawn = null, user = null, host = null] = names
    const entered = [c(user, {...own, pc: '0x7777'}), c('f', own), ...WORK]
    return [c(inner, other), c(drawn, other), ...entered, go('_cgoexp_0a1b_work'), c(host, own)]
  }
  const [named, stripped] = [['line', 'draw_v2', 'paint', 'host'], []].map(names => sign(SEGV, stack(names), {code}))
  t.is(named?.exact, stripped?.exact)
  t.deepEqual(named?.frames, ['line', 'draw', 'paint', 'f', 'main.work', 'main.main', 'host'])
  t.not(named?.exact, sign(SEGV, stack([]).slice(2), {code}).exact)
})

test('a thread of C alone is signed by all its functions', t => {
  t.not(sign(SEGV, [c('boom'), c('run')]).exact, sign(SEGV, [c('bang'), c('run')]).exact)
})

test('ways to touch memory that is not there are bugs of their own', t => {
  const at = (fields: Partial<CrashReport>, code = {}) =>
    sign({...SEGV, pc: '0x7123', faultAddress: '0x8', ...fields}, [c('boom'), ...WORK], {code}).explain[0]
  t.is(at({}), 'class: signal SIGSEGV, null')
  t.is(at({faultAddress: '0x7f0012345678'}), 'class: signal SIGSEGV')
  t.is(at({code: 0x80, faultAddress: '0x0'}), 'class: signal SIGSEGV', 'the kernel tells no address')
  t.is(at({faultAddress: '0x0', pc: '0x0'}), 'class: signal SIGSEGV, jump to null')
  t.is(at({faultAddress: '0x5000', pc: '0x5000'}), 'class: signal SIGSEGV, jump')
  const nil = {kind: 'panic', message: 'runtime error: invalid memory address or nil pointer dereference'} as const
  t.is(at(nil), 'class: panic, invalid memory address or nil pointer dereference')
  t.is(
    at(nil, {loadsClosureCode: () => true}),
    'class: panic, invalid memory address or nil pointer dereference call of nil',
  )
  const fault = {...SEGV, kind: 'fatal', message: 'fault', pc: '0x7123', faultAddress: '0x5000'} as const
  const moved = sign(fault, [go('runtime.memmove'), go('main.work')])
  t.is(moved.explain[0], 'class: fatal, fault SIGSEGV in memmove')
})

test('functions of package main are those of one program', t => {
  const [one, two] = ['app', 'tool'].map(program => sign(panicOf('x'), [go('main.main')], {program}))
  t.not(one?.exact, two?.exact)
  const [three, four] = ['app', 'tool'].map(program => sign(panicOf('x'), [go('example.com/lib.Do')], {program}))
  t.is(three?.exact, four?.exact)
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
  const frames = [...dying.map(name => c(name)), c('check'), ...WORK]
  t.deepEqual(sign(ABRT, frames).frames, ['check', 'f', 'main.work', 'main.main'])
})

test('a function that is called like a death below Go code is a frame like others', t => {
  const frames = [c('boom'), ...WORK.slice(0, 4), c('raise'), c('loop')]
  t.deepEqual(sign(SEGV, frames).frames, ['boom', 'f', 'main.work', 'main.main', 'loop'])
})

test('guessed frames, and those that left by a jump, are no part of a signature', t => {
  for (const foundBy of ['scan', 'tail-call'] as const) {
    t.deepEqual(sign(SEGV, [c('boom'), c('stale', {foundBy}), go('main.main')]).frames, ['boom', 'main.main'])
  }
})

test('variants of a libc function for a processor, and its aliases, are one', t => {
  const names = ['__strlen_evex', '__strlen_avx2', '__strlen_sse2', '__GI_strlen', 'strlen']
  const all = names.map(name => sign(SEGV, [libc(name), c('use'), go('main.main')]))
  t.deepEqual(new Set(all.map(({exact}) => exact)).size, 1)
  t.deepEqual(all[0]?.frames, ['strlen', 'use', 'main.main'])
  t.is(all[0]?.family, 'signal SIGSEGV main.main use', 'a leaf of libc does not make the family')
  t.not(all[0]?.exact, sign(SEGV, [libc('__strcpy_evex'), c('use'), go('main.main')]).exact)
})

test('inside of libc the caller names the function, whether libc has its symbols or not', t => {
  const code = {calledBefore: () => 'qsort'}
  const named = [libc('msort_with_tmp.part.0'), libc('__GI___qsort_r'), c('sort_all'), go('main.main')]
  const bare = [libc(null), libc(null), c('sort_all'), go('main.main')]
  const [one, two] = [named, bare].map(frames => sign(SEGV, frames, {code}))
  t.deepEqual(one?.frames, ['qsort', 'sort_all', 'main.main'])
  t.is(one?.exact, two?.exact)
  t.is(two?.explain[2], 'used qsort for libc.so.6+0x123: prefix, library of the system; folded, named by its caller')
  t.not(one?.exact, sign(SEGV, named, {code: {calledBefore: () => 'bsearch'}}).exact)
  const jumped = [...named.slice(0, 2), c('__GI_qsort', {module: LIBC, foundBy: 'tail-call'}), ...named.slice(2)]
  t.is(one?.exact, sign(SEGV, jumped, {code}).exact)
})

test('unnamed frames inside of a library of the system are left out', t => {
  const frames = [libc(null), c(null, {module: '/lib64/ld-linux-x86-64.so.2'}), c('use'), go('main.main')]
  t.is(sign(SEGV, frames).exact, sign(SEGV, [c('use'), go('main.main')]).exact)
  t.deepEqual(sign(SEGV, [libc(null), libc('start_thread'), libc('clone3')]).frames, [])
})

test('a thread of C without a goroutine is signed by its own stack', t => {
  const stack = (name: string) => [libc('__memset_avx2'), c(name), libc('start_thread'), libc('clone3')]
  const [one, two] = [sign(SEGV, stack('fill')), sign(SEGV, stack('spill'))]
  t.deepEqual(one.frames, ['memset', 'fill'])
  t.not(one.exact, two.exact)
})

test('code without a name is told by its function in the build', t => {
  const code = {functionStart: (pc: number) => (pc - (pc % 0x100)) as never}
  const at = (offset: string) => c(null, {moduleOffset: offset, pc: `0x7${offset.slice(2)}`})
  const one = sign(SEGV, [at('0x123'), go('main.main')], {code})
  t.deepEqual(one.frames, ['libx.so@abcdef01+0x100', 'main.main'])
  t.is(one.exact, sign(SEGV, [at('0x144'), go('main.main')], {code}).exact)
  t.not(one.exact, sign(SEGV, [at('0x244'), go('main.main')], {code}).exact)
  t.deepEqual(sign(SEGV, [c(null, {module: null, moduleOffset: null}), go('main.main')]).frames, ['main.main'])
})

test('a C function that Go called is named by the Go side, stripped or not, inlined in the wrapper or not', t => {
  const code = {functionStart: (pc: number) => (pc - (pc % 0x100)) as never}
  const at = (name: string | null, pc: string, fields: Partial<FrameReport> = {}) => c(name, {pc, ...fields})
  const wrapper = '_cgo_0123456789ab_Cfunc_f'
  const stacks = {
    whole: [at('f', '0x7210'), at(wrapper, '0x7310'), ...WORK],
    inlined: [at('f', '0x7310', {inlined: true}), at(wrapper, '0x7310'), ...WORK],
    stripped: [at(null, '0x7210'), at(null, '0x7310'), ...WORK],
    strippedInlined: [at(null, '0x7310'), ...WORK],
    recursion: [at('f', '0x7220'), at('f', '0x7220'), at('f', '0x7210'), at(wrapper, '0x7310'), ...WORK],
    strippedRecursion: [at(null, '0x7220'), at(null, '0x7220'), at(null, '0x7210'), at(null, '0x7310'), ...WORK],
  }
  for (const [name, frames] of Object.entries(stacks)) {
    t.deepEqual(sign(SEGV, frames, {code}).frames, ['f', 'main.work', 'main.main'], name)
  }
})

test('a function that was inlined in its wrapper is not taken for one that it called', t => {
  const code = {functionStart: (pc: number) => (pc - (pc % 0x100)) as never, calleesOf: () => new Set([0x7100, 0x7200])}
  const at = (pc: string) => c(null, {pc, moduleOffset: `0x${pc.slice(3)}`})
  const called = (pc: string) => sign(SEGV, [at(pc), at('0x7310'), ...WORK], {code})
  t.deepEqual(called('0x7210').frames, ['libx.so@abcdef01+0x200', 'f', 'main.work', 'main.main'])
  // Where the wrapper itself has left by a jump, the argument of cgocall tells that the frame is not the wrapper's.
  const cgocall = go('runtime.cgocall', {args: '0x7300, 0xc000012345'})
  const jumped = (pc: string) => sign(SEGV, [at(pc), cgocall, ...WORK.slice(1)], {code})
  t.deepEqual(jumped('0x7210').frames, ['libx.so@abcdef01+0x200', 'f', 'main.work', 'main.main'])
  t.deepEqual(jumped('0x7310').frames, ['f', 'main.work', 'main.main'])
})

test('a function that has left by a jump is not taken for the one that it jumped to', t => {
  const code = {functionStart: (pc: number) => (pc - (pc % 0x100)) as never, calleesOf: () => new Set([0x7500])}
  const at = (pc: string) => c(null, {pc, moduleOffset: `0x${pc.slice(3)}`})
  const stack = [at('0x7210'), at('0x7310'), ...WORK]
  t.deepEqual(sign(SEGV, stack, {code}).frames, ['libx.so@abcdef01+0x200', 'f', 'main.work', 'main.main'])
  t.deepEqual(sign(SEGV, [at('0x7510'), at('0x7310'), ...WORK], {code}).frames, ['f', 'main.work', 'main.main'])
})

test('who called through a null pointer is known: the return address had just been pushed', t => {
  const wild = c(null, {module: null, moduleOffset: null, pc: '0x0', foundBy: 'context'})
  const stack = [wild, c('inner', {foundBy: 'scan', inlined: true}), c('outer', {foundBy: 'scan'}), ...WORK]
  t.deepEqual(sign(SEGV, stack).frames, ['inner', 'outer', 'f', 'main.work', 'main.main'])
  const further = [wild, c('f', {foundBy: 'scan'}), c('guess', {foundBy: 'scan', pc: '0x7444'}), go('main.main')]
  t.deepEqual(sign(SEGV, further).frames, ['f', 'main.main'])
})

test('code of runtime/cgo without names is none of the program', t => {
  const start = [go('runtime.asmcgocall'), go('runtime.newm1'), go('runtime.newm'), go('runtime.startm')]
  const abort = libc('abort')
  const named = [abort, c('_cgo_try_pthread_create'), c('_cgo_sys_thread_start'), ...start]
  const stripped = [abort, c(null), c(null, {pc: '0x7333'}), ...start]
  t.is(sign(ABRT, named).exact, sign(ABRT, stripped).exact)
  t.deepEqual(sign(ABRT, stripped).frames, ['runtime.newm1'])
})

test('a panic that was recovered and raised again is that of who raised it first', t => {
  const stack = [go('main.guard.func1'), go('panic'), go('main.work'), go('main.guard'), go('main.main')]
  const again = {...panicOf('x'), header: ['panic: x [recovered]', '\tpanic: x']}
  const once = {...panicOf('x'), header: ['panic: x [recovered, repanicked]']}
  const other = {...panicOf('y'), header: ['panic: x', '\tpanic: y']}
  t.deepEqual(sign(again, stack).frames, ['main.work', 'main.guard', 'main.main'])
  t.is(sign(again, stack).exact, sign(once, stack).exact)
  t.deepEqual(sign(other, stack).frames[0], 'main.guard.func')
})

test('methods that the compiler made are left out', t => {
  const frames = [go('main.T.run'), go('main.(*T).run', {file: '<autogenerated>'}), go('main.main')]
  t.deepEqual(sign(panicOf('x'), frames).frames, ['main.T.run', 'main.main'])
})

test('the closure in which cgo checks pointers is none of the program', t => {
  const frames = [c('f'), ...WORK.slice(0, 2), go('main.work.func1', {inlined: true}), ...WORK.slice(2)]
  t.is(sign(SEGV, frames).exact, sign(SEGV, [c('f'), ...WORK]).exact)
  const started = [c('f'), ...WORK.slice(0, 2), go('main.work.func1'), go('runtime.goexit')]
  t.deepEqual(sign(SEGV, started).frames, ['f', 'main.work.func'])
})

test('recursion is folded, however deep', t => {
  const recursion = (depth: number) => [...Array(depth).fill(c('rec')), go('main.main')]
  t.is(sign(SEGV, recursion(3)).exact, sign(SEGV, recursion(4)).exact)
  const nested = (depth: number) => [...Array.from({length: depth}, (_, at) => c(at % 2 ? 'even' : 'odd')), c('begin')]
  t.is(sign(SEGV, nested(5)).exact, sign(SEGV, nested(7)).exact)
  t.not(sign(SEGV, nested(5)).exact, sign(SEGV, recursion(5)).exact)
})

test('a stack that ran over is signed by what went round, whichever function met the guard', t => {
  const overflow = (top: string[]) => [
    ...top.map(name => go(name)),
    ...Array.from({length: 40}, (_, at) => go(at % 2 ? 'main.over' : 'main.under')),
    go('main.main'),
  ]
  const over = fatalOf('stack overflow')
  const [one, two, three] = [['main.over'], [], ['main.leaf', 'main.over']].map(top => sign(over, overflow(top)))
  t.deepEqual(one?.frames, ['main.over', 'main.under', 'main.main'])
  t.is(one?.exact, two?.exact)
  t.is(one?.exact, three?.exact)
  t.not(one?.exact, sign(over, [...Array(40).fill(go('main.over')), go('main.main')]).exact)
  t.not(one?.exact, sign(panicOf('x'), overflow([])).exact)
})

test('a stack of C that ran over is known by the guard', t => {
  const instruction = {addressKind: 'guard page of the stack of thread 7: stack overflow'}
  const ran = {...SEGV, instruction} as CrashReport
  const stack = (top: string) => [c(top), ...Array.from({length: 80}, (_, at) => c(at % 2 ? 'a' : 'b')), c('main')]
  t.is(sign(ran, stack('a')).exact, sign(ran, stack('memo')).exact)
  t.not(sign(SEGV, stack('a')).exact, sign(SEGV, stack('memo')).exact, 'a fault in a deep leaf is its own')
})

test('panics of two kinds in one function are two bugs', t => {
  const texts = [
    'runtime error: index out of range [5] with length 0',
    'runtime error: slice bounds out of range [:5] with capacity 3',
    'runtime error: invalid memory address or nil pointer dereference',
    'runtime error: integer divide by zero',
    'assignment to entry in nil map',
    'request 4711 failed',
    'user 0815 unknown',
    'interface conversion: interface {} is string, not int',
    'interface conversion: interface {} is string, not bool',
    'interface conversion: main.T is not main.I: missing method Do',
  ]
  const all = texts.map(text => sign(panicOf(text), [go('main.handle'), go('main.main')]).exact)
  t.is(new Set(all).size, texts.length)
})

test('what a panic says of its data does not matter', t => {
  const pairs = [
    ['runtime error: index out of range [5] with length 0', 'runtime error: index out of range [7] with length 3'],
    ['runtime error: slice bounds out of range [:5] with capacity 3', 'runtime error: slice bounds out of range [9:5]'],
    ['request 4711 failed', 'request 8 failed'],
    ['open "/tmp/a": no such file', 'open "/home/b": no such file'],
    ['bad object 0xc000012345', 'bad object 0xc0000ffff0'],
    ['id 3f2b8c1d-0000-4000-8000-aabbccddeeff', 'id 11111111-2222-4333-8444-555555555555'],
    ['took 1.5s', 'took 200ms'],
    ['dial tcp 10.0.0.1:80: refused', 'dial tcp 192.168.17.4:8080: refused'],
    ['ids [1 2 3]', 'ids [7]'],
    ['interface conversion: interface {} is string, not int', 'interface conversion: interface {} is bool, not int'],
  ] as const
  for (const pair of pairs) {
    const [one, two] = pair.map(text => sign(panicOf(text), [go('main.handle')]).exact)
    t.is(one, two, pair.join(' | '))
  }
})

test('what C code said of its own end tells deaths in one function apart', t => {
  const causes = [
    {kind: 'assert', text: "app: a.c:12: f: Assertion `n > 0' failed."},
    {kind: 'assert', text: "app: a.c:14: f: Assertion `p != NULL' failed."},
    {kind: 'malloc', text: 'free(): double free detected in tcache 2, in f (a.c:3)'},
    {kind: 'malloc', text: 'free(): invalid pointer, in f (a.c:3)'},
    {kind: 'c++ exception', text: 'uncaught std::runtime_error: no, in f (a.cc:3)'},
    {kind: 'c++ exception', text: 'uncaught std::logic_error: no, in f (a.cc:3)'},
    {kind: 'stack-smashing', text: 'stack smashing was detected, in f'},
  ]
  const exact = (cause: {kind: string; text: string}) => sign({...ABRT, cause}, [c('f'), c('main')]).exact
  t.is(new Set(causes.map(exact)).size, causes.length)
  const moved = causes.map(({kind, text}) => ({
    kind,
    text: text.replace(/:\d+/g, ':99').replace(/is \d/g, 'is 9').replace(', in f', ', in libx.so'),
  }))
  t.deepEqual(moved.map(exact), causes.map(exact), 'lines, numbers and symbols do not matter')
})

test('a program that has libc in its own file is signed without what libc says: only symbols tell that', t => {
  const [app] = MODULES
  const modules = [app as (typeof MODULES)[number], {...(app as (typeof MODULES)[number]), path: '[vdso]'}]
  const cause = {kind: 'malloc', text: 'free(): invalid pointer, in f (a.c:3)'} as const
  const exact = (...of: Parameters<typeof sign>) => sign(...of).exact
  t.is(exact({...ABRT, cause}, [c('f')], {modules}), exact(ABRT, [c('f')], {modules}))
  t.not(exact({...ABRT, cause}, [c('f')]), exact(ABRT, [c('f')]))
})

test('what only builds with symbols tell of an end is no part of a signature', t => {
  const causes = [
    {kind: 'abort', text: 'abort was called, in f'},
    {kind: 'rust panic', text: 'panicked at src/a.rs:3:5: index out of bounds: the len is 3 but the index is 5, in f'},
    {kind: 'rust panic', text: 'panicked at src/a.rs:3:5, in f'},
    {kind: 'rust oom', text: 'an allocation of memory failed, in f'},
    null,
  ]
  t.is(new Set(causes.map(cause => sign({...ABRT, cause} as CrashReport, [c('f'), c('main')]).exact)).size, 1)
})

test('a signal from outside is signed by sender, signal and program, whatever it met', t => {
  const kill = {...SEGV, signal: 'SIGQUIT', code: 0, senderPid: 1} as CrashReport
  const idle = sign(kill, [go('runtime.futex'), go('runtime.notesleep'), go('runtime.mcall')])
  t.is(idle.exact, sign(kill, [go('main.work'), go('main.main')]).exact)
  t.deepEqual([idle.frames, idle.family], [[], 'signal SIGQUIT from outside app'])
  t.not(idle.exact, sign({...kill, signal: 'SIGABRT'}, []).exact)
  t.not(idle.exact, sign(kill, [], {program: 'tool'}).exact)
  const own = {...kill, senderPid: 7}
  t.not(sign(own, [go('main.a')]).exact, sign(own, [go('main.b')]).exact, 'its own signals have a stack to blame')
  const terminal = {...kill, code: 0x80, senderPid: null} as CrashReport
  t.is(sign(terminal, [go('main.a')]).exact, sign(terminal, [go('main.b')]).exact)
  const wild = {...SEGV, code: 0x80} as CrashReport
  t.not(sign(wild, [c('a')]).exact, sign(wild, [c('b')]).exact, 'a wild pointer is told by the kernel, too')
})

test('functions that every program has do not tell one from another', t => {
  const identity = (name: string) => ({program: 'main.go', identity: () => name})
  const crash = panicOf('boom')
  const stacks = [[go('main.main')], [go('main.main.func1'), go('main.main')], [go('main.init.0')]]
  for (const stack of stacks) {
    t.not(sign(crash, stack, identity('a')).exact, sign(crash, stack, identity('b')).exact)
  }
  const own = [go('main.work'), go('main.main')]
  t.is(
    sign(crash, own, identity('a')).exact,
    sign(crash, own, identity('b')).exact,
    'its next version has more functions',
  )
  const kill = {...SEGV, signal: 'SIGQUIT', code: 0, senderPid: 1} as CrashReport
  t.not(sign(kill, own, identity('a')).exact, sign(kill, own, identity('b')).exact)
})

test('where no frame is left, the runtime, the message and the program stand in', t => {
  const stack = [go('runtime.throw'), go('runtime.scanobject'), go('runtime.gcDrain'), go('runtime.mcall')]
  const one = sign(fatalOf('found bad pointer in Go heap'), stack)
  t.deepEqual(one.frames, ['runtime.scanobject', 'runtime.gcDrain'])
  t.not(one.exact, sign(fatalOf('found bad pointer in Go heap'), stack, {program: 'tool'}).exact)
  t.not(one.exact, sign(fatalOf('bad summary data'), stack).exact)
  t.not(sign(SEGV, []).exact, sign(ABRT, []).exact, 'cut cores are no one bug')
  t.truthy(sign(SEGV, []).exact)
})

test('a thread that could not be made is no bug of whoever came along', t => {
  const start = [go('runtime.newosproc'), go('runtime.newm1'), go('runtime.newm'), go('runtime.startm')]
  const of = (name: string) => sign(fatalOf('newosproc'), [...start, go(name), go('main.main')])
  t.is(of('main.a').exact, of('main.b').exact)
  t.deepEqual(of('main.a').frames, ['runtime.newosproc', 'runtime.newm1'])
})

test('a deadlock is signed by all stacks that wait', t => {
  const waits = (...functions: string[]) => ({
    blocked: () => functions.map(name => ({state: 'chan receive', frames: [go(name), go('main.main')]})),
  })
  const deadlock = fatalOf('all goroutines are asleep - deadlock!')
  const one = sign(deadlock, [], waits('main.a', 'main.b'))
  t.deepEqual(one.frames, ['main.a', 'main.main'])
  t.is(one.exact, sign(deadlock, [], waits('main.b', 'main.a')).exact)
  t.not(one.exact, sign(deadlock, [], waits('main.a', 'main.c')).exact)
})

test('the standard library counts as one frame, which does not make the family', t => {
  const sort = (inner: string) => [go('main.less.func1'), go(`sort.${inner}`), go('sort.Slice'), go('main.main')]
  const [one, two] = [sort('insertionSort_func'), sort('pdqsort_func')].map(frames => sign(panicOf('x'), frames))
  t.deepEqual(one?.frames, ['main.less.func', 'sort.Slice', 'main.main'])
  t.is(one?.exact, two?.exact)
  t.is(sign(panicOf('x'), [go('strings.Repeat'), go('main.pad')]).family, 'panic main.pad -')
  const alone = [go('net/http.(*conn).serve'), go('net/http.(*Server).Serve.gowrap1')]
  t.deepEqual(sign(panicOf('x'), alone).frames, ['net/http.(*conn).serve'])
})

test('a process that did not crash has no signature', t => {
  const none = sign({kind: 'none'} as CrashReport, WORK)
  t.deepEqual([none.exact, none.family, none.frames], [null, null, []])
})

test('frames of the kernel and of the seam between stacks are left out', t => {
  const frames = [c('boom'), frame('signal', '__restore_rt'), frame('switch', 'runtime.asmcgocall'), go('main.main')]
  t.deepEqual(sign(SEGV, frames).frames, ['boom', 'main.main'])
})

test('code without a name is told by what it is, in whatever build and under whatever name of the program', t => {
  const code = {functionStart: (pc: number) => (pc - (pc % 0x100)) as never, fingerprint: () => '0a1b2c3d'}
  const at = (module: string, pc: string) => sign(SEGV, [c(null, {module, pc}), go('main.main')], {code})
  t.deepEqual(at('/usr/lib/libx.so.3', '0x7123').frames, ['libx.so.3~0a1b2c3d', 'main.main'])
  t.is(at('/srv/prog', '0x7123').exact, at('/tmp/other-name', '0x8123').exact)
})

test('what Rust does for its own types, or for any, is of its library; a trait of it for a type of the program is not', t => {
  const index = '<usize as core::slice::index::SliceIndex<[T]>>::index'
  const sum = '<u32 as core::iter::traits::accum::Sum>::sum'
  for (const name of [index, sum, '<&mut I as core::iter::Iterator>::next', '<[T] as core::fmt::Debug>::fmt']) {
    t.is(sign(ABRT, [c(name), c('ledger::Ledger::lookup')]).family, 'signal SIGABRT - ledger::Ledger::lookup')
  }
  const own = '<ledger::Ledger as core::ops::drop::Drop>::drop'
  t.is(sign(ABRT, [c(own), c('ledger::close')]).family, `signal SIGABRT - ${own}`)
})

test('a stack in which frames are missing is signed as no whole one is, wherever the gap and whatever it hides', t => {
  const frames = [libc('strlen'), c('f'), ...WORK]
  const broken = (...gaps: readonly number[]) =>
    sign(SEGV, frames, {gaps: new Set(gaps.flatMap(at => frames[at] ?? []))})
  const {exact, explain, frames: names, family} = broken(0)
  const whole = sign(SEGV, frames)
  t.not(exact, whole.exact)
  t.deepEqual([names, family], [whole.frames, whole.family], 'similar to it')
  t.deepEqual(explain.slice(0, 4), [
    'class: signal SIGSEGV',
    'used strlen: prefix, library of the system',
    'frames are missing here',
    'used f',
  ])
  t.is(explain.at(-1), 'signed as a stack in which frames are missing: no whole one has this signature')
  t.is(broken(1, 3).exact, exact)
  t.is(broken(6).exact, whole.exact, 'further out than all that counts')
})

test('closures of one function that call each other are no recursion: what lies between them counts', t => {
  const within = (inner: string) => [go('main.work.func1.1'), go(inner), go('main.work.func1'), go('main.main')]
  const [sorted, mapped] = ['sort.Slice', 'strings.Map'].map(inner => sign(panicOf('x'), within(inner)))
  t.deepEqual(sorted?.frames, ['main.work.func', 'sort.Slice', 'main.work.func', 'main.main'])
  t.not(sorted?.exact, mapped?.exact)
  const deep = ['main.walk.func1', 'main.walk', 'main.walk.func1', 'main.walk', 'main.main'].map(name => go(name))
  t.deepEqual(sign(panicOf('x'), deep).frames, ['main.walk.func', 'main.walk', 'main.main'])
})
