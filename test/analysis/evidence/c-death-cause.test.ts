// What C and C++ say of their own end, told by the names of the frames and by what lies in memory.
import test from 'ava'
import {RegisterSet} from '../../../src/amd64/register-set.ts'
import type {CrashCause} from '../../../src/analysis/crash/crash-cause.ts'
import {findDeathCause, kindOfMessage} from '../../../src/analysis/evidence/native-cause.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {toAddress} from '../../../src/base/address.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'

interface Called {
  name: string
  module?: string
  file?: string
  inlined?: boolean
  line?: number | null
}

const STACK = 0x7000
const FRAME = 0x40

/** A thread that died in the first of these functions; each has a frame of 64 bytes, all zero but for `words`. */
function deathOf(
  called: readonly (string | Called)[],
  words: Record<number, number | bigint> = {},
  heap = new BytesBuilder(0x100000),
  signal = 6,
) {
  const stack = new BytesBuilder(STACK)
  for (let at = STACK; at < STACK + called.length * FRAME; at += 8) stack.u64(words[at] ?? 0)
  const pieces = [
    {start: STACK, bytes: stack.build()},
    {start: heap.origin, bytes: heap.build()},
  ]
  const memory = {
    read(address: number, length: number) {
      const piece = pieces.find(({start, bytes}) => address >= start && address + length <= start + bytes.length)
      return piece?.bytes.subarray(address - piece.start, address - piece.start + length)
    },
  }
  const frames = called.map((_, index) => {
    const sp = toAddress(STACK + index * FRAME)
    const pc = toAddress(0x400000 + index)
    return {kind: 'native', pc, lookupPc: pc, sp, cfa: toAddress(sp + FRAME), registers: RegisterSet.ofPosition(pc, sp)}
  })
  const symbolizer = {
    locate(pc: number) {
      const frame = called[pc - 0x400000] ?? ''
      const {
        name,
        module = '/opt/app/program',
        file = null,
        inlined = false,
        line = file === null ? null : 7,
      } = typeof frame === 'string' ? {name: frame} : frame
      return [{function: name, module, file, line, inlined}]
    },
  }
  const writable = pieces.map(({start, bytes}) => ({start, end: start + bytes.length, writable: true}))
  const core = {memory, segments: {dumped: () => writable}}
  const moduleAt = (address: number) => (address >= heap.origin ? {} : undefined)
  const process = {memory: {...memory, moduleAt}, core, modules: [], symbolizer} as unknown as DeadProcess
  return findDeathCause(process, {thread: {frames, base: 0}, signal: {number: signal}} as unknown as CrashCause)
}

const libc = (name: string): Called => ({name, module: '/lib/x86_64-linux-gnu/libc.so.6', file: './debug/x.c'})
const libstdcxx = (name: string): Called => ({name, module: '/usr/lib/x86_64-linux-gnu/libstdc++.so.6.0.30'})

test('the place of a failed check is in the program, not in the library that checks', t => {
  const death = deathOf([
    libc('__GI_abort'),
    libc('__libc_message'),
    libc('__GI___fortify_fail'),
    libc('__GI___chk_fail'),
    libc('_IO_str_chk_overflow'),
    libc('outstring_func'),
    {name: 'sprintf', file: '/usr/include/x86_64-linux-gnu/bits/stdio2.h', inlined: true},
    {name: 'label_of', file: '/src/label.c'},
    'main',
  ])
  t.deepEqual(death, {kind: 'fortify', text: 'a buffer overflow was detected, in label_of (/src/label.c:7)'})
})

test('a program that is nothing but libc has its place there', t => {
  const death = deathOf([libc('__GI_abort'), libc('malloc_printerr'), libc('munmap_chunk')])
  t.is(death?.text, 'a check of malloc failed, in munmap_chunk (./debug/x.c:7)')
})

test('copies that the compiler made of libc functions are parts of the end too, in a static program', t => {
  const death = deathOf([
    '__pthread_kill_implementation.constprop.0',
    'raise',
    'abort',
    {name: 'die', file: '/src/die.c'},
  ])
  t.deepEqual(death, {kind: 'abort', text: 'abort was called, in die (/src/die.c:7)'})
})

test('in a static program what only the implementation may be called is not the place; a file tells the program’s own', t => {
  const inside = ['abort', '__libc_message', 'malloc_printerr', '_int_free', '__free']
  const death = (...rest: (string | Called)[]) => deathOf([...inside, ...rest])?.text
  t.is(death('invalid', 'main'), 'a check of malloc failed, in invalid')
  t.is(
    death('__pthread_once_slow', {name: '__mine', file: '/src/m.c'}),
    'a check of malloc failed, in __mine (/src/m.c:7)',
  )
  const thrown = [libc('abort'), '__cxa_throw', 'operator new(unsigned long)', 'grow']
  t.regex(deathOf(thrown)?.text ?? '', /, in grow$/)
})

test('the frames of Rust that began the program are not its end', t => {
  const std = (name: string): Called => ({name, file: '/rustc/5980/library/std/src/rt.rs'})
  const death = deathOf([
    libc('__GI_abort'),
    std('std::process::abort'),
    {name: 'jobs::run', file: '/src/jobs.rs'},
    std('std::sys::backtrace::__rust_begin_short_backtrace'),
    std('std::panicking::catch_unwind::do_call::<i32>'),
    std('std::rt::lang_start_internal'),
    'main',
  ])
  t.is(death?.text, 'abort was called, in jobs::run (/src/jobs.rs:7)')
})

test('a place without a line is that of its file', t => {
  const death = deathOf([libc('__GI_abort'), {name: 'die', file: '/src/die.c', line: null}])
  t.is(death?.text, 'abort was called, in die (/src/die.c)')
})

test('that Rust found no memory is told by the functions that ended it', t => {
  const rust = (name: string): Called => ({name, file: '/rustc/5980/library/alloc/src/alloc.rs'})
  for (const ends of [
    ['std::alloc::rust_oom', '__rustc::__rust_alloc_error_handler', 'alloc::alloc::handle_alloc_error'],
    ['rust_oom', '__rg_oom', '__rust_alloc_error_handler', 'alloc::alloc::handle_alloc_error::rt_error'],
  ]) {
    const called = [libc('__GI_abort'), rust('std::process::abort'), ...ends.map(rust)]
    const death = deathOf([
      ...called,
      rust('alloc::raw_vec::handle_error'),
      {name: 'index::grow', file: '/src/index.rs'},
    ])
    t.deepEqual(death, {kind: 'rust oom', text: 'an allocation of memory failed, in index::grow (/src/index.rs:7)'})
  }
})

test('a header of the language without a line is not where a function is: the compiler had merged code there', t => {
  const merged = {name: 'make', file: '/usr/include/c++/12/bits/std_thread.h'}
  const called = [libc('abort'), libstdcxx('std::terminate()')]
  const death = (line: number | null) => deathOf([...called, {...merged, line}, {name: 'main', file: '/src/main.cc'}])
  t.regex(death(150)?.text ?? '', /, in main \(\/src\/main\.cc:7\)$/)
  t.regex(death(null)?.text ?? '', /, in make \(\/usr\/include\/c\+\+\/12\/bits\/std_thread\.h\)$/)
})

test('an abort in what the unwinder calls is no terminate, unless it calls the personality of C++', t => {
  const libgcc = (name: string): Called => ({name, module: '/lib/x86_64-linux-gnu/libgcc_s.so.1'})
  const noted = {name: 'note_frame(_Unwind_Context*, void*)', file: '/src/trace.cc'}
  t.deepEqual(deathOf([libc('__GI_abort'), noted, libgcc('_Unwind_Backtrace'), 'trace', 'main']), {
    kind: 'abort',
    text: 'abort was called, in note_frame(_Unwind_Context*, void*) (/src/trace.cc:7)',
  })
  const checked = deathOf([
    libc('__GI_abort'),
    libc('__assert_fail_base'),
    libc('__GI___assert_fail'),
    {name: 'stop', file: '/src/stop.cc'},
    libgcc('_Unwind_ForcedUnwind'),
    libc('__pthread_unwind'),
  ])
  t.deepEqual(checked, {kind: 'assert', text: 'an assertion failed, in stop (/src/stop.cc:7)'})
  const unnamed = libstdcxx('')
  const called = [libstdcxx('__gxx_personality_v0'), libgcc('_Unwind_RaiseException'), libstdcxx('__cxa_throw')]
  const terminated = deathOf([libc('__GI_abort'), unnamed, ...called, {name: 'raise_it', file: '/src/a.cc'}])
  t.is(terminated?.kind, 'c++ terminate')
})

test('libc++ names a pure virtual call by its function alone', t => {
  const libcxxabi = (name: string): Called => ({name, module: '/usr/lib/x86_64-linux-gnu/libc++abi.so.1.0'})
  const death = deathOf([
    libc('__GI_abort'),
    libcxxabi('abort_message'),
    libcxxabi('__cxa_pure_virtual'),
    'draw(Shape*)',
  ])
  t.deepEqual(death, {kind: 'c++ terminate', text: 'a pure virtual function was called, in draw(Shape*)'})
})

test('a pure virtual call is called by its name', t => {
  const death = deathOf([
    libc('__GI_abort'),
    libstdcxx('std::terminate()'),
    libstdcxx('__cxa_pure_virtual'),
    {name: 'draw(Shape*)', file: '/src/shape.cc'},
  ])
  t.deepEqual(death, {
    kind: 'c++ terminate',
    text: 'a pure virtual function was called, in draw(Shape*) (/src/shape.cc:7)',
  })
})

/**
 * A thrown std::runtime_error whose text is `text`; labels: `object` (after its header) and, where asked for,
 * `dependent`.
 */
function thrownError(text: string, dependent?: {classWord: bigint; objectAt: number}): BytesBuilder {
  const heap = new BytesBuilder(0x100000)
  heap.u64(0, 0).label('typeinfo').u64(0, 'name').u64(0, 0)
  heap.label('name').bytes(new TextEncoder().encode('St13runtime_error\0')).align(16)
  heap
    .label('text')
    .bytes(new TextEncoder().encode(`${text}\0`))
    .align(16)
  heap.u64('typeinfo', 0, 0, 0, 0, 0, 0, 0, 0, 0).label('unwind').u64(0x474e5543432b2b00n, 0, 0, 0)
  heap.label('object').u64('name', 'text').align(16)
  if (dependent) {
    const before: (string | number)[] = new Array(12).fill(0)
    before[12 - dependent.objectAt / 8] = 'object'
    heap
      .u64(...before)
      .label('dependent')
      .u64(dependent.classWord, 0, 0, 0)
  }
  return heap
}

for (const [library, classWord, objectAt] of [
  ['libstdc++', 0x474e5543432b2b01n, 80],
  ['libc++', 0x434c4e47432b2b01n, 88],
] as const) {
  test(`an exception thrown by std::rethrow_exception of ${library} is the one that it stands for`, t => {
    const heap = thrownError('no space', {classWord, objectAt})
    heap.build()
    const death = deathOf(
      [
        libc('__GI_abort'),
        libstdcxx('std::terminate()'),
        libstdcxx('std::rethrow_exception(std::__exception_ptr::exception_ptr)'),
        {name: 'wait_for(Job*)', file: '/src/job.cc'},
      ],
      {[STACK + 2 * FRAME + 16]: heap.addressOf('dependent')},
      heap,
    )
    t.deepEqual(death, {
      kind: 'c++ exception',
      text: 'uncaught std::runtime_error: no space, in wait_for(Job*) (/src/job.cc:7)',
    })
  })
}

test('who threw is not the helper of the library, nor a function of its headers', t => {
  const heap = thrownError('map::at')
  heap.build()
  const death = deathOf(
    [
      libc('__GI_abort'),
      libstdcxx('std::terminate()'),
      libstdcxx('__cxa_throw'),
      libstdcxx('std::__throw_out_of_range(char const*)'),
      {name: 'std::map<int, int>::at(int const&)', file: '/usr/include/c++/12/bits/stl_map.h'},
      {name: 'price(Item)', file: '/src/price.cc'},
    ],
    {[STACK + 2 * FRAME + 8]: heap.addressOf('object')},
    heap,
  )
  t.is(death?.text, 'uncaught std::runtime_error: map::at, in price(Item) (/src/price.cc:7)')
})

const std = (name: string): Called => ({name, file: '/rustc/59807616e1fa/library/std/src/panicking.rs'})

/** The frames of a panic; what the hook had at hand is in the closure's, the place in that of rust_begin_unwind. */
const PANICKING = [
  libc('__GI_abort'),
  std('std::process::abort'),
  std('rust_panic'),
  std('std::panicking::rust_panic_with_hook'),
  std('std::panicking::begin_panic_handler::{{closure}}'),
  std('rust_begin_unwind'),
  std('core::panicking::panic_fmt'),
  {name: 'orders::check', file: 'src/orders.rs'},
]
const CLOSURE = STACK + 4 * FRAME
const BEGIN = STACK + 5 * FRAME

function rustHeap(message: string): BytesBuilder {
  const heap = new BytesBuilder(0x100000)
  const encoder = new TextEncoder()
  const file = 'src/orders.rs'
  heap.label('file').bytes(encoder.encode(file)).align(16).label('message').bytes(encoder.encode(message)).align(16)
  heap.label('location').u64('file', file.length).u32(12, 41)
  heap.label('vtable').u64(0, 24, 8, 0).label('string').u64(0x40, 'message', message.length).align(16)
  // struct Exception of panic_unwind.
  heap.label('exception').bytes(encoder.encode('MOZ\0RUST')).u64(0, 0, 0, 'file', 'string', 'vtable')
  return heap
}

test('a panic of Rust is told by the text that its hook printed, and by its place', t => {
  const heap = rustHeap('bad value 7')
  heap.build()
  const words = {
    [CLOSURE + 8]: 0x28,
    [CLOSURE + 16]: heap.addressOf('message'),
    [CLOSURE + 24]: 11,
    [BEGIN + 16]: heap.addressOf('location'),
  }
  t.deepEqual(deathOf(PANICKING, words, heap), {
    kind: 'rust panic',
    text: 'panicked at src/orders.rs:12:41: bad value 7, in orders::check (src/orders.rs:7)',
  })
})

test('a text that was given to the exception is found there', t => {
  const heap = rustHeap('no such order')
  heap.build()
  t.is(
    deathOf(PANICKING, {[BEGIN + 16]: heap.addressOf('location')}, heap)?.text,
    'panicked at src/orders.rs:12:41: no such order, in orders::check (src/orders.rs:7)',
  )
})

test('a panic without any text is one all the same', t => {
  t.deepEqual(deathOf(PANICKING), {kind: 'rust panic', text: 'panicked, in orders::check (src/orders.rs:7)'})
})

/**
 * An object of class `Own : std::exception` whose what() returns the member behind its vtable, thrown; or a bare value.
 */
function thrownObject(
  name: string,
  object: (heap: BytesBuilder) => void,
  {base = 'St9exception', what = '48 8b 47 08 c3'} = {},
): BytesBuilder {
  const encoder = new TextEncoder()
  const heap = new BytesBuilder(0x100000)
  heap.label('base').u64(0, 'base-name').u64(0, 0).label('type').u64(0, 'name').u64('base', 0)
  heap
    .label('name')
    .bytes(encoder.encode(`${name}\0`))
    .align(16)
  heap
    .label('base-name')
    .bytes(encoder.encode(`${base}\0`))
    .align(16)
  heap.label('text').bytes(encoder.encode('out of paper\0')).align(16)
  heap.label('what').hex(what).align(16).label('vtable').u64(0, 0, 'what').align(16)
  heap.u64('type', 0, 0, 0, 0, 0, 0, 0, 0, 0).u64(0x474e5543432b2b00n, 0, 0, 0).label('object')
  object(heap)
  heap.align(16).zeros(32)
  heap.build()
  return heap
}

function uncaught(heap: BytesBuilder): string | undefined {
  const frames = [libc('__GI_abort'), libstdcxx('std::terminate()'), libstdcxx('__cxa_throw'), 'print']
  return deathOf(frames, {[STACK + 2 * FRAME + 8]: heap.addressOf('object')}, heap)?.text
}

test('what() of a class of the program is what its code returns', t => {
  const heap = thrownObject('3Own', builder => builder.u64('vtable', 'text'))
  t.is(uncaught(heap), 'uncaught Own: out of paper, in print')
})

test('a text that a class of the program holds is not what its what() returns, where that cannot be carried out', t => {
  const thrown = (name: string) => {
    // what() calls something else.
    return thrownObject(name, heap => heap.u64('vtable', 'text'), {base: 'St13runtime_error', what: 'ff d0 c3'})
  }
  t.is(uncaught(thrown('3Own')), 'uncaught Own (its what() is not known; it holds the text: out of paper), in print')
  t.is(uncaught(thrown('St12out_of_range')), 'uncaught std::out_of_range: out of paper, in print')
})

test('a value that is no object is shown', t => {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setFloat64(0, 2.5, true)
  for (const [name, word, text] of [
    ['i', 0xffffffffn, 'int: -1'],
    ['l', 2n ** 64n - 2n, 'long: -2'],
    ['b', 1n, 'bool: true'],
    ['c', 0x63n, 'char: "c"'],
    ['d', bits.getBigUint64(0, true), 'double: 2.5'],
  ] as const) {
    t.is(uncaught(thrownObject(name, builder => builder.u64(word))), `uncaught ${text}, in print`)
  }
})

const glib = (name: string): Called => ({name, module: '/usr/lib/x86_64-linux-gnu/libglib-2.0.so.0.7400.6'})

test('a fatal message of GLib is found among the fields that it was made into', t => {
  const encoder = new TextEncoder()
  const heap = new BytesBuilder(0x100000)
  heap.label('key').bytes(encoder.encode('MESSAGE\0')).align(16)
  heap.label('text').bytes(encoder.encode('cannot open the database\0')).align(16).zeros(64)
  heap.build()
  const words = {[STACK + FRAME + 8]: heap.addressOf('key'), [STACK + FRAME + 16]: heap.addressOf('text')}
  const logging = [
    glib('g_log_structured_array'),
    glib('g_log_default_handler'),
    glib('g_logv'),
    glib('g_log'),
    'store',
  ]
  t.deepEqual(deathOf(logging, words, heap, 5), {kind: 'glib', text: 'cannot open the database, in store'})
  t.is(deathOf(logging, words, heap, 11), null, 'a fault in there is no message')
  t.is(deathOf(['poke', 'on_message', ...logging], words, heap, 5), null, 'nor a trap in a handler of the program')
})

test('an assertion of GLib is one', t => {
  const death = deathOf([libc('__GI_abort'), glib('g_assertion_message_expr'), 'store'])
  t.deepEqual(death, {kind: 'assert', text: 'an assertion of GLib failed, in store'})
})

test('glibc’s last message tells which of its checks failed, or that none did', t => {
  const said = {
    'free(): invalid pointer': 'malloc',
    'malloc(): smallbin double linked list corrupted': 'malloc',
    'munmap_chunk(): invalid pointer': 'malloc',
    'double free or corruption (!prev)': 'malloc',
    'corrupted size vs. prev_size': 'malloc',
    "*** Error in `./a b': free(): invalid size: 0x0000000001c4b010 ***": 'malloc',
    '*** stack smashing detected ***: terminated': 'stack-smashing',
    '*** buffer overflow detected ***: terminated': 'fortify',
    "a.c:3: f: Assertion `n > 0' failed.": 'assert',
    'FATAL: exception not rethrown': 'libc',
    'The futex facility returned an unexpected error code.': 'libc',
    'libgcc_s.so.1 must be installed for pthread_exit to work': 'libc',
  }
  const kinds = Object.fromEntries(Object.keys(said).map(text => [text, kindOfMessage(text, undefined)]))
  t.deepEqual(kinds, said)
  t.is(kindOfMessage('what an old release says', 'malloc'), 'malloc')
})
