/** Frames that are on a stack because of how a program dies or crosses into C, not because of what it did. */

/** C functions between a fault and the end of the process. */
const DEATH = new Set([
  '__assert_fail',
  '__assert_fail_base',
  '__assert_perror_fail',
  '__assert',
  '__chk_fail',
  '__fortify_fail',
  '__stack_chk_fail',
  '__libc_message',
  '__libc_message_impl',
  '__pthread_kill',
  '__pthread_kill_implementation',
  '__pthread_kill_internal',
  '__restore_rt',
  'OPENSSL_die',
  'abort',
  'g_assertion_message',
  'g_assertion_message_expr',
  'gsignal',
  'malloc_printerr',
  'pthread_kill',
  'raise',
  'tgkill',
  '__gnu_cxx::__verbose_terminate_handler',
  '__cxxabiv1::__terminate',
  'std::terminate',
  '__cxa_throw',
  '__cxa_rethrow',
  '__cxa_pure_virtual',
  '__cxa_deleted_virtual',
  '__clang_call_terminate',
  'abort_message',
  'x_cgo_callers',
])

/** C functions that a thread begins in. */
const BEGINNING = new Set([
  'crosscall1',
  'crosscall2',
  'crosscall_amd64',
  'threadentry',
  'start_thread',
  'clone',
  'clone3',
  '__clone',
  '__clone3',
  '_start',
  '__libc_start_main',
  '__libc_start_main_impl',
  '__libc_start_call_main',
  'x_cgo_thread_start',
])

const DEATH_OF_RUST =
  /^(?:__rustc::|rust_panic(?:_with_hook)?(?!\w)|__rust_start_panic|rust_begin_unwind(?!\w)|std::alloc::(?:rust_oom|default_alloc_error_hook|handle_alloc_error)(?!\w)|alloc::alloc::handle_alloc_error(?!\w)|alloc::raw_vec::handle_error(?!\w)|__rust_alloc_error_handler|__r(?:g|dl)_oom$|core::panicking::|core::option::(?:unwrap|expect)_failed|core::result::unwrap_failed|std::panicking::|std::process::abort|std::sys(?:_common)?::(?:backtrace|pal)::|std::rt::)/

/** Rust's own frames below `main` and a thread's function, and those that catch a panic there. */
const BEGINNING_OF_RUST =
  /^std::rt::lang_start|^std::panic(?:king)?::(?:try|catch_unwind)(?!\w)|^std::sys.*::(?:__rust_begin_short_backtrace|thread_start)(?!\w)/

/** Whether a C function is on the stack only because the process was ending. */
export function isDeathOfC(name: string): boolean {
  return DEATH.has(withoutParameters(withoutAlias(name))) || (DEATH_OF_RUST.test(name) && !BEGINNING_OF_RUST.test(name))
}

function withoutParameters(name: string): string {
  return name.endsWith(')') && name.includes('(') ? name.slice(0, name.indexOf('(')) : name
}

/** Why a C frame does not tell one bug from another, or undefined where it does. */
export function cPlumbing(name: string): string | undefined {
  if (isDeathOfC(name)) return 'the end of the process'
  if (BEGINNING.has(withoutAlias(name)) || BEGINNING_OF_RUST.test(name)) return 'the start of a thread'
  if (/^_cgo_[0-9a-f]+_C(?:func|2func|macro)_/.test(name) || /^_cgoexp_/.test(name)) return 'cgo glue'
  return undefined
}

/** glibc's own calls of its functions go by an alias; of a function that the compiler has copied the copy may run. */
function withoutAlias(name: string): string {
  return name.replace(/^__GI_/, '').replace(/(?:\.[a-z_]+(?:\.\d+)*)+$/, '')
}

/**
 * The name of a function of the C library without what glibc puts before its own: `abort` for `__GI_abort` and for
 * `_abort`.
 */
export function libcName(name: string | null): string {
  return withoutAlias(name ?? '').replace(/^_+/, '')
}

/** Why a Go frame does not tell one bug from another, or undefined where it does. */
export function goPlumbing(name: string): string | undefined {
  if (name === 'panic') return 'panic machinery'
  if (name === 'crosscall2') return 'cgo glue'
  if (/\._Cfunc_|\._C2func_|\._cgoexpwrap_|^_cgoexp_|^_cgo|\._cgo_cmalloc|\._Cmacro_/.test(name)) return 'cgo glue'
  if (name.startsWith('runtime.') || name.startsWith('runtime/internal/') || name.startsWith('internal/runtime/'))
    return 'runtime'
  return undefined
}

/**
 * The C function that a cgo wrapper's symbol stands for, as the programmer wrote it: `_cgo_0a1b2c_Cfunc_sqlite3_step`
 * and `main._Cfunc_sqlite3_step` → `sqlite3_step`. cgo calls malloc under a name of its own (cmd/cgo/out.go).
 */
export function cgoWrapperTarget(symbol: string): string | undefined {
  const name =
    /^_cgo_[0-9a-f]+_C(?:2?func|macro)_(.+)$/.exec(symbol)?.[1] ??
    /\._C(?:2?func|macro)_([^.]+?)(?:\.abi\w+)?$/.exec(symbol)?.[1]
  return name !== undefined && /^_C[mM]alloc$/.test(name) ? 'malloc' : name
}
