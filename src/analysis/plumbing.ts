/** Frames that are on a stack because of how a program dies or crosses into C, not because of what it did. */

/** C functions between a fault and the end of the process. */
const C_PLUMBING = new Set([
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
  'abort',
  'crosscall1',
  'crosscall2',
  'crosscall_amd64',
  'gsignal',
  'malloc_printerr',
  'pthread_kill',
  'raise',
  'tgkill',
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
  '__gnu_cxx::__verbose_terminate_handler()',
  '__cxxabiv1::__terminate(void (*)())',
  'std::terminate()',
  '__cxa_throw',
  '__cxa_rethrow',
  'x_cgo_thread_start',
  'x_cgo_callers',
])

/** Why a C frame does not tell one bug from another, or undefined where it does. */
export function cPlumbing(name: string): string | undefined {
  const base = name.startsWith('__GI_') ? name.slice(5) : name
  if (C_PLUMBING.has(base)) return 'death or start of a thread'
  if (/^_cgo_[0-9a-f]+_C(?:func|2func|macro)_/.test(name) || /^_cgoexp_/.test(name)) return 'cgo glue'
  if (
    /^(rust_panic|__rust_start_panic|rust_begin_unwind|core::panicking::|std::panicking::|std::sys::backtrace::)/.test(
      name,
    )
  )
    return 'panic machinery'
  return undefined
}

/** Why a Go frame does not tell one bug from another, or undefined where it does. */
export function goPlumbing(name: string): string | undefined {
  if (name === 'panic') return 'panic machinery'
  if (/\._Cfunc_|\._C2func_|\._cgoexpwrap_|^_cgoexp_|^_cgo|\._cgo_cmalloc|\._Cmacro_/.test(name)) return 'cgo glue'
  if (name.startsWith('runtime.') || name.startsWith('runtime/internal/') || name.startsWith('internal/runtime/'))
    return 'runtime'
  return undefined
}

/**
 * The C function that a cgo wrapper's symbol stands for, as the programmer wrote it: `_cgo_0a1b2c_Cfunc_sqlite3_step` and
 * `main._Cfunc_sqlite3_step` → `sqlite3_step`. cgo calls malloc under a name of its own (cmd/cgo/out.go).
 */
export function cgoWrapperTarget(symbol: string): string | undefined {
  const name =
    /^_cgo_[0-9a-f]+_C(?:2?func|macro)_(.+)$/.exec(symbol)?.[1] ??
    /\._C(?:2?func|macro)_([^.]+?)(?:\.abi\w+)?$/.exec(symbol)?.[1]
  return name !== undefined && /^_C[mM]alloc$/.test(name) ? 'malloc' : name
}
