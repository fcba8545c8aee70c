import test from 'ava'
import {
  cgoWrapperTarget,
  cPlumbing,
  goPlumbing,
  isDeathOfC,
  libcName,
} from '../../../src/analysis/frames/irrelevant-frames.ts'

const DEATH = 'the end of the process'
const THREAD = 'the start of a thread'
const CGO = 'cgo glue'

test('a C frame is left out for what it does, not for whose it is', t => {
  const expected = {
    abort: DEATH,
    __GI_abort: DEATH,
    __pthread_kill_implementation: DEATH,
    'std::terminate()': DEATH,
    rust_begin_unwind: DEATH,
    'core::panicking::panic_fmt': DEATH,
    __restore_rt: DEATH,
    start_thread: THREAD,
    __GI___clone3: THREAD,
    __clone3: THREAD,
    crosscall2: THREAD,
    _cgo_0123456789ab_Cfunc_sqlite3_step: CGO,
    _cgo_0123456789ab_C2func_open: CGO,
    _cgoexp_0123456789ab_goCallback: CGO,
    main: undefined,
    sqlite3_step: undefined,
    aborted: undefined,
    'std::vector<int>::push_back(int&&)': undefined,
  }
  for (const [name, reason] of Object.entries(expected)) t.is(cPlumbing(name), reason, name)
})

test('what ends the process is one thing, what begins a thread another', t => {
  t.true(isDeathOfC('__assert_fail'))
  t.false(isDeathOfC('start_thread'))
})

test('a Go frame of the runtime or of cgo is left out', t => {
  const expected = {
    panic: 'panic machinery',
    'runtime.cgocall': 'runtime',
    'runtime/internal/atomic.Load': 'runtime',
    'internal/runtime/maps.(*Map).Put': 'runtime',
    'main._Cfunc_f': CGO,
    'github.com/a/b._C2func_open': CGO,
    _cgoexp_0123456789ab_goCallback: CGO,
    'main._cgoexpwrap_0123456789ab_goCallback': CGO,
    'main.main': undefined,
    'runtimex.Run': undefined,
    'main.panic': undefined,
  }
  for (const [name, reason] of Object.entries(expected)) t.is(goPlumbing(name), reason, name)
})

test('the C function behind a wrapper of cgo has the name that the programmer wrote', t => {
  const expected = {
    _cgo_0123456789ab_Cfunc_sqlite3_step: 'sqlite3_step',
    _cgo_0123456789ab_C2func_open: 'open',
    _cgo_0123456789ab_Cmacro_ERRNO: 'ERRNO',
    'main._Cfunc_f': 'f',
    'main._Cfunc_f.abi0': 'f',
    'github.com/a/b._C2func_open': 'open',
    'main._Cfunc__CMalloc': 'malloc',
    _cgo_0123456789ab_Cfunc__Cmalloc: 'malloc',
    sqlite3_step: undefined,
    'main.f': undefined,
  }
  for (const [symbol, name] of Object.entries(expected)) t.is(cgoWrapperTarget(symbol), name, symbol)
})

test('a function of the C library goes by its own name', t => {
  const expected = {__GI_abort: 'abort', ___pthread_mutex_lock: 'pthread_mutex_lock', __GI___assert_fail: 'assert_fail'}
  for (const [name, plain] of Object.entries(expected)) t.is(libcName(name), plain)
  t.is(libcName(null), '')
})
