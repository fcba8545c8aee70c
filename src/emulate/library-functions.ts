import {type Address, NULL_ADDRESS, toAddress, type Word} from '../base/address.ts'
import {CallEnd} from './call-end.ts'
import type {EmulatedHeap} from './emulated-heap.ts'
import type {EmulatedMemory} from './emulated-memory.ts'
import type {EmulatedModule, EmulatedProgram} from './emulated-program.ts'
import type {Emulator} from './emulator.ts'
import type {OutputRecord} from './output-record.ts'
import {formatPrintf, latin} from './printf.ts'
import {listOfCall, listOfPointer} from './variable-arguments.ts'

/** What the answers to library functions use. */
export interface LibraryContext {
  readonly program: EmulatedProgram
  readonly heap: EmulatedHeap
  readonly output: OutputRecord
}

/** rax; undefined: the function returns nothing. */
type Answer = (emulator: Emulator, context: LibraryContext) => Word | number | undefined

const LENGTH_MAX = 64 * 1024 * 1024
/** Bytes that cost as much as one instruction. */
const BYTES_PER_INSTRUCTION = 16
const ENOMEM = 12
const EINVAL = 22
const FAILED = -1

function lengthOf(emulator: Emulator, index: number): number {
  const word = emulator.argument(index)
  if (word > BigInt(LENGTH_MAX)) throw new CallEnd('memory-limit', `it asked for ${word} bytes at once`)
  emulator.charge(Math.ceil(Number(word) / BYTES_PER_INSTRUCTION))
  return Number(word)
}

/** A size beyond all memory is no memory, as malloc says it. */
function sizeOf(emulator: Emulator, index: number): number | undefined {
  const word = emulator.argument(index)
  return word <= BigInt(LENGTH_MAX) ? Number(word) : undefined
}

function stringAt(emulator: Emulator, index: number, limit = LENGTH_MAX): Uint8Array {
  const text = emulator.memory.cString(emulator.pointer(index), limit)
  emulator.charge(Math.ceil(text.length / BYTES_PER_INSTRUCTION))
  return text
}

function copy({memory}: Emulator, to: number, from: number, length: number): void {
  memory.write(to, memory.read(from, length))
}

function compareBytes(left: Uint8Array, right: Uint8Array): number {
  for (let at = 0; at < left.length && at < right.length; at++) {
    const difference = (left[at] as number) - (right[at] as number)
    if (difference !== 0) return difference
  }
  return left.length - right.length
}

const ALLOCATION: Readonly<Record<string, Answer>> = {
  malloc: (emulator, {heap}) => {
    const size = sizeOf(emulator, 0)
    return size === undefined ? 0 : heap.allocate(size)
  },
  calloc: (emulator, {heap}) => {
    const size = emulator.argument(0) * emulator.argument(1)
    return size > BigInt(LENGTH_MAX) ? 0 : heap.allocate(Number(size))
  },
  realloc: (emulator, {heap}) => {
    const [old, size] = [emulator.pointer(0), sizeOf(emulator, 1)]
    if (size === undefined) return 0
    // Of the dead process's own heap, the word before a block has its size (glibc, malloc.c, mchunkptr).
    const own = heap.sizeOf(old)
    return heap.resize(old, size, own ?? (old === NULL_ADDRESS ? 0 : foreignSize(emulator, old)))
  },
  free: () => undefined,
  cfree: () => undefined,
  memalign: (emulator, {heap}) => heap.allocate(lengthOf(emulator, 1), Number(emulator.argument(0) & 0xffffn)),
  aligned_alloc: (emulator, {heap}) => heap.allocate(lengthOf(emulator, 1), Number(emulator.argument(0) & 0xffffn)),
  posix_memalign: (emulator, {heap}) => {
    const size = sizeOf(emulator, 2)
    if (size === undefined) return ENOMEM
    emulator.memory.setU64(emulator.pointer(0), BigInt(heap.allocate(size, Number(emulator.argument(1) & 0xffffn))))
    return 0
  },
  malloc_usable_size: (emulator, {heap}) => heap.sizeOf(emulator.pointer(0)) ?? 0,
}

const SIZE_BITS = 0xfffffffffffffff8n

function foreignSize({memory}: Emulator, block: Address): number {
  const size = memory.u64(block - 8) & SIZE_BITS
  return size > 8n && size < BigInt(LENGTH_MAX) ? Number(size) - 8 : 0
}

const move: Answer = emulator => {
  copy(emulator, emulator.pointer(0), emulator.pointer(1), lengthOf(emulator, 2))
  return emulator.argument(0)
}

const fill: Answer = emulator => {
  const length = lengthOf(emulator, 2)
  emulator.memory.write(emulator.pointer(0), new Uint8Array(length).fill(Number(emulator.argument(1) & 0xffn)))
  return emulator.argument(0)
}

const compareMemory: Answer = emulator => {
  const length = lengthOf(emulator, 2)
  const [left, right] = [
    emulator.memory.read(emulator.pointer(0), length),
    emulator.memory.read(emulator.pointer(1), length),
  ]
  return compareBytes(left, right)
}

function find(isLast: boolean): Answer {
  return emulator => {
    const bytes = emulator.memory.read(emulator.pointer(0), lengthOf(emulator, 2))
    const wanted = Number(emulator.argument(1) & 0xffn)
    const index = isLast ? bytes.lastIndexOf(wanted) : bytes.indexOf(wanted)
    return index < 0 ? 0 : emulator.pointer(0) + index
  }
}

const MEMORY: Readonly<Record<string, Answer>> = {
  memcpy: move,
  memmove: move,
  __memcpy_chk: move,
  __memmove_chk: move,
  mempcpy: (emulator, context) => {
    move(emulator, context)
    return emulator.argument(0) + emulator.argument(2)
  },
  memset: fill,
  __memset_chk: fill,
  memcmp: compareMemory,
  bcmp: compareMemory,
  __memcmpeq: compareMemory,
  memrchr: find(true),
  bzero: emulator => {
    emulator.memory.write(emulator.pointer(0), new Uint8Array(lengthOf(emulator, 1)))
    return undefined
  },
  /** It may stop before the end of what it was given: memory behind what is found need not be there. */
  memchr: emulator => {
    const length = emulator.argument(2)
    const wanted = Number(emulator.argument(1) & 0xffn)
    const start = emulator.pointer(0)
    for (let at = 0; at < length; at++) {
      if (at % 4096 === 0) emulator.charge(256)
      if (emulator.memory.u8(start + at) === wanted) return start + at
    }
    return 0
  },
}

function writeText(emulator: Emulator, place: number, text: Uint8Array): number {
  emulator.memory.write(place, text)
  emulator.memory.setU8(place + text.length, 0)
  return place + text.length
}

function lower(text: Uint8Array): Uint8Array {
  return text.map(byte => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte))
}

function compareTexts(fold: (text: Uint8Array) => Uint8Array, isLimited: boolean): Answer {
  return emulator => {
    const limit = isLimited ? Number(emulator.argument(2)) : LENGTH_MAX
    const [left, right] = [stringAt(emulator, 0, limit), stringAt(emulator, 1, limit)]
    return compareBytes(fold(left), fold(right))
  }
}

function findCharacter(choose: (text: Uint8Array, wanted: number) => number, endsAtEnd: boolean): Answer {
  return emulator => {
    const text = stringAt(emulator, 0)
    const wanted = Number(emulator.argument(1) & 0xffn)
    const index = wanted === 0 ? text.length : choose(text, wanted)
    if (index >= 0) return emulator.pointer(0) + index
    return endsAtEnd ? emulator.pointer(0) + text.length : 0
  }
}

const copyText: Answer = emulator => {
  writeText(emulator, emulator.pointer(0), stringAt(emulator, 1))
  return emulator.argument(0)
}

const appendText: Answer = emulator => {
  writeText(emulator, emulator.pointer(0) + stringAt(emulator, 0).length, stringAt(emulator, 1))
  return emulator.argument(0)
}

const same = (text: Uint8Array) => text

const TEXT: Readonly<Record<string, Answer>> = {
  strlen: emulator => stringAt(emulator, 0).length,
  strnlen: emulator => stringAt(emulator, 0, Number(emulator.argument(1))).length,
  strcmp: compareTexts(same, false),
  strncmp: compareTexts(same, true),
  strcasecmp: compareTexts(lower, false),
  strncasecmp: compareTexts(lower, true),
  strcpy: copyText,
  __strcpy_chk: copyText,
  stpcpy: emulator => writeText(emulator, emulator.pointer(0), stringAt(emulator, 1)),
  strncpy: emulator => {
    const length = lengthOf(emulator, 2)
    const bytes = new Uint8Array(length)
    bytes.set(stringAt(emulator, 1, length))
    emulator.memory.write(emulator.pointer(0), bytes)
    return emulator.argument(0)
  },
  strcat: appendText,
  __strcat_chk: appendText,
  strncat: emulator => {
    const end = emulator.pointer(0) + stringAt(emulator, 0).length
    writeText(emulator, end, stringAt(emulator, 1, Number(emulator.argument(2))))
    return emulator.argument(0)
  },
  strchr: findCharacter((text, wanted) => text.indexOf(wanted), false),
  index: findCharacter((text, wanted) => text.indexOf(wanted), false),
  strchrnul: findCharacter((text, wanted) => text.indexOf(wanted), true),
  strrchr: findCharacter((text, wanted) => text.lastIndexOf(wanted), false),
  rindex: findCharacter((text, wanted) => text.lastIndexOf(wanted), false),
  strstr: emulator => {
    const index = latin(stringAt(emulator, 0)).indexOf(latin(stringAt(emulator, 1)))
    return index < 0 ? 0 : emulator.pointer(0) + index
  },
}

function formatAt(emulator: Emulator, index: number): string {
  return latin(stringAt(emulator, index))
}

function formatted(emulator: Emulator, format: number, isList: boolean): string {
  const list = isList ? listOfPointer(emulator.memory, emulator.pointer(format + 1)) : listOfCall(emulator, format + 1)
  try {
    return formatPrintf(emulator.memory, formatAt(emulator, format), list)
  } catch (error) {
    if (error instanceof RangeError) throw new CallEnd('instruction', `${error.message} in a call of printf`)
    throw error
  }
}

function intoBuffer(memory: EmulatedMemory, place: number, size: bigint, text: string): number {
  const kept = size > BigInt(text.length) ? text : text.slice(0, size === 0n ? 0 : Number(size) - 1)
  if (size > 0n) {
    memory.write(
      place,
      Uint8Array.from(kept, character => character.charCodeAt(0)),
    )
    memory.setU8(place + kept.length, 0)
  }
  return text.length
}

const NO_SIZE = 0x7fffffffn

/** Into a buffer of a size that is an argument. */
function sprintfSized(format: number, isList: boolean): Answer {
  return emulator =>
    intoBuffer(emulator.memory, emulator.pointer(0), emulator.argument(1), formatted(emulator, format, isList))
}

function sprintf(format: number, isList: boolean): Answer {
  return emulator => intoBuffer(emulator.memory, emulator.pointer(0), NO_SIZE, formatted(emulator, format, isList))
}

function print(format: number, isList: boolean): Answer {
  return (emulator, {output}) => output.write(formatted(emulator, format, isList))
}

const printText =
  (index: number, end: string): Answer =>
  (emulator, {output}) =>
    output.write(formatAt(emulator, index) + end)
const printByte: Answer = (emulator, {output}) => {
  const byte = Number(emulator.argument(0) & 0xffn)
  output.write(String.fromCharCode(byte))
  return byte
}

const PRINTING: Readonly<Record<string, Answer>> = {
  snprintf: sprintfSized(2, false),
  vsnprintf: sprintfSized(2, true),
  __snprintf_chk: sprintfSized(4, false),
  __vsnprintf_chk: sprintfSized(4, true),
  sprintf: sprintf(1, false),
  vsprintf: sprintf(1, true),
  __sprintf_chk: sprintf(3, false),
  __vsprintf_chk: sprintf(3, true),
  printf: print(0, false),
  vprintf: print(0, true),
  __printf_chk: print(1, false),
  __vprintf_chk: print(1, true),
  fprintf: print(1, false),
  vfprintf: print(1, true),
  dprintf: print(1, false),
  __fprintf_chk: print(2, false),
  __vfprintf_chk: print(2, true),
  puts: printText(0, '\n'),
  fputs: printText(0, ''),
  perror: printText(0, '\n'),
  putchar: printByte,
  fputc: printByte,
  putc: printByte,
  fflush: () => 0,
  fwrite: (emulator, {output}) => {
    const size = emulator.argument(1) * emulator.argument(2)
    if (size > BigInt(LENGTH_MAX)) return 0
    output.write(latin(emulator.memory.read(emulator.pointer(0), Number(size))))
    return emulator.argument(2)
  },
}

/** Nobody else runs: every lock is had at once. */
const succeed: Answer = () => 0
const LOCKS = ['mutex_lock', 'mutex_trylock', 'mutex_unlock', 'mutex_init', 'mutex_destroy', 'rwlock_rdlock', 'rwlock_wrlock', 'rwlock_tryrdlock', 'rwlock_trywrlock', 'rwlock_unlock', 'rwlock_init', 'rwlock_destroy', 'spin_lock', 'spin_trylock', 'spin_unlock', 'cond_signal', 'cond_broadcast', 'cond_init', 'cond_destroy', 'setcancelstate', 'setcanceltype', 'sigmask'] // biome-ignore format: a list

const ONCE_DONE = 2

const THREADS: Readonly<Record<string, Answer>> = {
  ...Object.fromEntries(LOCKS.map(name => [`pthread_${name}`, succeed])),
  sigprocmask: succeed,
  sched_yield: succeed,
  /** glibc and musl both leave 2 behind. */
  pthread_once: emulator => {
    const [control, routine] = [emulator.pointer(0), emulator.pointer(1)]
    if ((emulator.memory.u32(control) & ONCE_DONE) === 0) {
      emulator.call(routine)
      emulator.memory.setU32(control, ONCE_DONE)
    }
    return 0
  },
  pthread_create: () => EINVAL,
}

/** struct dl_phdr_info (glibc, elf/link.h): fields of 8 bytes, but for the count of headers. */
const PHDR_INFO_SIZE = 64

function eachModule(emulator: Emulator, {program, heap}: LibraryContext): number {
  const [callback, data] = [emulator.pointer(0), emulator.argument(1)]
  const info = heap.allocate(PHDR_INFO_SIZE)
  const {memory} = emulator
  let result = 0
  for (const module of program.modules) {
    if (!module.programHeaders) continue
    memory.write(info, new Uint8Array(PHDR_INFO_SIZE))
    memory.setU64(info, BigInt.asUintN(64, BigInt(module.loadBias)))
    memory.setU64(info + 8, BigInt(heap.text(module.isExecutable ? '' : module.path)))
    memory.setU64(info + 16, BigInt(module.programHeaders.address))
    memory.setU16(info + 24, module.programHeaders.count)
    memory.setU64(info + 32, BigInt(program.modules.length))
    result = Number(BigInt.asIntN(32, emulator.call(callback, BigInt(info), BigInt(PHDR_INFO_SIZE), data)))
    if (result !== 0) break
  }
  return result
}

/** Dl_info: the file, where it begins, and the symbol that covers an address. */
function describeAddress(emulator: Emulator, {program, heap}: LibraryContext): number {
  const [address, info] = [emulator.pointer(0), emulator.pointer(1)]
  const module = moduleAt(program, address)
  if (!module) return 0
  const symbol = module.symbolAt(address)
  const fields = [heap.text(module.path), module.start, symbol ? heap.text(symbol.name) : 0, symbol?.address ?? 0]
  for (const [index, field] of fields.entries()) emulator.memory.setU64(info + index * 8, BigInt(field))
  return 1
}

export function moduleAt({modules}: EmulatedProgram, address: Address): EmulatedModule | undefined {
  return modules.find(({start, end}) => address >= start && address < end)
}

function end(name: string): Answer {
  return () => {
    throw new CallEnd('aborted', `it called ${name}`)
  }
}

const ENDS = ['abort', '__stack_chk_fail', '__assert_fail', '__fortify_fail', '__chk_fail', 'exit', '_exit', '_Exit', 'quick_exit', 'raise', 'longjmp', 'siglongjmp'] // biome-ignore format: a list

/** There is no time in a core that goes on; their own code would ask the processor. */
const CLOCKS = ['clock_gettime', 'gettimeofday', 'time', 'clock', 'times', 'timespec_get']

function withoutClock(name: string): Answer {
  return (_, {output}) => {
    output.refuse(name)
    return FAILED
  }
}

const PROGRAM: Readonly<Record<string, Answer>> = {
  ...Object.fromEntries(ENDS.map(name => [name, end(name)])),
  dl_iterate_phdr: eachModule,
  dladdr: describeAddress,
  dlopen: () => 0,
  dlsym: (emulator, {program}) => {
    const name = latin(stringAt(emulator, 1))
    for (const module of program.modules) {
      const symbol = module.lookup(name)
      if (symbol && !symbol.isIndirect) return toAddress(symbol.address)
    }
    return 0
  },
  ...Object.fromEntries(CLOCKS.map(name => [name, withoutClock(name)])),
  fork: () => FAILED,
  vfork: () => FAILED,
  system: () => FAILED,
}

/** Functions that are answered by name, and not run. */
export const LIBRARY: ReadonlyMap<string, Answer> = new Map(
  [ALLOCATION, MEMORY, TEXT, PRINTING, THREADS, PROGRAM].flatMap(table => Object.entries(table)),
)
