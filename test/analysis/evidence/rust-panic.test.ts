// What a panic of Rust said, from the frames that it runs through.
import test from 'ava'
import {findRustPanic} from '../../../src/analysis/evidence/rust-panic.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {toAddress} from '../../../src/base/address.ts'
import type {UnwindFrame} from '../../../src/unwind/unwind-frame.ts'
import {BytesBuilder} from '../../support/bytes-builder.ts'
import {memoryOf} from '../../support/memory-of.ts'

const STACK = 0x7ffc00000000
const HEAP = 0x7f0000000000
const CODE = 0x560000000000
const FRAME = 0x100
/** Of an old release and of a new one. */
const HOLDERS = [
  'std::panicking::begin_panic_handler::{{closure}}',
  '_RNCNvNtCs_3std9panicking13panic_handler0 closure',
]
const HOLDER = HOLDERS[0] as string

interface Parts {
  stack: BytesBuilder
  heap: BytesBuilder
  /** Read-only data of a module. */
  data: BytesBuilder
}

function panic(names: readonly string[], build: (parts: Parts) => void) {
  const parts = {stack: new BytesBuilder(STACK), heap: new BytesBuilder(HEAP), data: new BytesBuilder(CODE)}
  build(parts)
  const {stack, heap, data} = parts
  const memory = memoryOf(stack.padTo(FRAME * names.length), heap, data)
  const process = {
    memory: {...memory, moduleAt: (address: number) => (address >= CODE && address < CODE + 0x1000 ? {} : undefined)},
    core: {memory, segments: {dumped: () => [{start: HEAP, end: heap.here, writable: true}]}},
  } as unknown as DeadProcess
  const frames = names.map((name, index) => {
    const sp = toAddress(STACK + index * FRAME)
    return {name, frame: {sp, cfa: toAddress(sp + FRAME)} as UnwindFrame}
  })
  return findRustPanic(process, frames)
}

function text(builder: BytesBuilder, content: string): number {
  builder.align(8)
  const at = builder.here
  builder.text(content)
  return at
}

/** core::panic::Location. */
function location(data: BytesBuilder, file: string, line: number, column: number): number {
  const name = text(data, file)
  data.align(8)
  const at = data.here
  data.u64(name, file.length).u32(line, column)
  return at
}

test('the String that the hook made, and the place of the panic', t => {
  const found = panic(['core::panicking::panic_fmt', HOLDER, 'app::run'], ({stack, heap, data}) => {
    const message = 'index out of bounds: the len is 3 but the index is 9'
    stack.padTo(0x20).u64(location(data, 'src/table.rs', 5, 41))
    stack.padTo(FRAME + 0x40).u64(64, text(heap, message), message.length)
  })
  t.deepEqual(found, {text: 'index out of bounds: the len is 3 but the index is 9', location: 'src/table.rs:5:41'})
})

test('the compiler chooses which of capacity and pointer comes first', t => {
  const found = panic([HOLDER, 'rust_panic'], ({stack, heap}) => {
    stack.padTo(0x40).u64(text(heap, 'told'), 16, 4)
  })
  t.is(found?.text, 'told')
})

test('a &str counts where it lies in a module, and nowhere else', t => {
  const inModule = panic([HOLDER, 'rust_panic'], ({stack, data}) => stack.padTo(0x40).u64(text(data, 'explicit'), 8))
  const onHeap = panic([HOLDER, 'rust_panic'], ({stack, heap}) => stack.padTo(0x40).u64(text(heap, 'left over'), 9))
  t.is(inModule?.text, 'explicit')
  t.is(onHeap?.text, undefined)
})

test('what is no place of a Rust source is none', t => {
  for (const [file, line, column] of [
    ['src/table.c', 5, 41],
    ['src/table.rs', 0, 41],
    ['src/table.rs', 5, 0],
  ] as const) {
    const found = panic(['rust_panic'], ({stack, data}) => stack.padTo(0x20).u64(location(data, file, line, column)))
    t.is(found?.location, undefined, `${file}:${line}:${column}`)
  }
})

test('after a panic that cannot go on the message of the one before it is in the exception', t => {
  const found = panic(['core::panicking::panic_cannot_unwind', HOLDER, 'rust_panic'], ({stack, heap, data}) => {
    const message = 'panic in a function that cannot unwind'
    stack.padTo(FRAME + 0x40).u64(64, text(heap, message), message.length)
    const first = text(heap, 'the first one')
    heap.align(8)
    const string = heap.here
    heap.u64(32, first, 13)
    const vtable = text(data, 'droppppp')
    data.u64(24)
    // _Unwind_Exception with panic_unwind's class, the canary, then the box.
    heap.align(16).text('MOZ\0RUST').u64(0, 0, 0, 0, string, vtable)
  })
  t.is(found?.text, 'panic in a function that cannot unwind, after: the first one')
})

test('no frame of a panic, no panic', t => {
  t.is(
    panic(['app::panic_button', 'main'], () => undefined),
    undefined,
  )
})
