import {type Address, toAddress} from '../../base/address.ts'
import {readAddress, readU32, readWord} from '../../base/memory-reader.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'

type Frame = UnwindFrame

/** What a panic of Rust said, as far as memory holds it. */
export interface RustPanic {
  /** undefined where it was no text (panic_any), or is gone. */
  readonly text: string | undefined
  /** `src/table.rs:5:41`. */
  readonly location: string | undefined
}

interface NamedFrame {
  readonly frame: Frame
  readonly name: string
}

/**
 * Functions of the standard library that a panic runs through, by what is common to their names in old and new
 * releases.
 */
const PANIC =
  /^(?:__rustc::|std::panicking::|core::panicking::)?_*(?:rust_panic|rust_begin_unwind|rust_start_panic|begin_panic|panic_handler|panic_fmt|panic_with_hook)/
/** Their closure holds the message while the hook runs: `std::panicking::begin_panic_handler::{{closure}}`. */
const HOLDER = /panicking::(?:begin_panic_handler|panic_handler|begin_panic)\b.*closure/
/** Panics that come of another one that met a frame which must not be unwound. */
const SECOND = /panicking::panic_(?:cannot_unwind|in_cleanup|nounwind)/
const FRAME_LIMIT = 4096
const TEXT_LIMIT = 64 * 1024

/** The panic whose frames are on the stack, innermost first; undefined where there is none. */
export function findRustPanic(process: DeadProcess, frames: readonly NamedFrame[]): RustPanic | undefined {
  const panicking = frames.filter(({name}) => PANIC.test(name))
  if (panicking.length === 0) return undefined
  const location = panicking.map(({frame}) => findLocation(process, frame)).findLast(found => found !== undefined)
  const isSecond = frames.some(({name}) => SECOND.test(name))
  const held = frames.filter(({name}) => HOLDER.test(name)).map(({frame}) => findMessage(process, frame))
  const message = held.findLast(found => found !== undefined)
  // The message of the panic that cannot go on says only that; what it came of is in the exception.
  const thrown = message === undefined || isSecond ? thrownMessage(process) : undefined
  const text = thrown === undefined || message === undefined ? (thrown ?? message) : `${message}, after: ${thrown}`
  return {text, location}
}

function* wordsOf({memory}: DeadProcess, {sp, cfa}: Frame): Generator<Address> {
  const end = Math.min(cfa ?? sp, sp + FRAME_LIMIT)
  for (let at: number = sp; at + 8 <= end; at += 8)
    if (readWord(memory, toAddress(at)) !== undefined) yield toAddress(at)
}

/** core::panic::Location: a string, the line and the column. */
function findLocation(process: DeadProcess, frame: Frame): string | undefined {
  const {memory} = process
  for (const at of wordsOf(process, frame)) {
    const location = readAddress(memory, at)
    if (location === undefined || location < 4096 || location % 8 !== 0) continue
    const line = readU32(memory, toAddress(location + 16)) ?? 0
    const column = readU32(memory, toAddress(location + 20)) ?? 0
    if (line < 1 || line > 10_000_000 || column < 1 || column > 100_000) continue
    const file = readStr(process, location)
    if (file?.endsWith('.rs')) return `${file}:${line}:${column}`
  }
  return undefined
}

/** A String that the hook had made of the arguments, or a &'static str, which lies in a module's read-only data. */
function findMessage(process: DeadProcess, frame: Frame): string | undefined {
  const places = [...wordsOf(process, frame)]
  for (const at of places) {
    const text = at + 24 <= (frame.cfa ?? 0) ? readString(process, at) : undefined
    if (text !== undefined) return text
  }
  for (const at of places) {
    const pointer = readAddress(process.memory, at)
    const text = pointer !== undefined && process.memory.moduleAt(pointer) ? readStr(process, at) : undefined
    if (text !== undefined) return text
  }
  return undefined
}

/** &str: pointer and length. */
function readStr({memory}: DeadProcess, at: Address): string | undefined {
  const pointer = readAddress(memory, at)
  const length = readAddress(memory, toAddress(at + 8))
  return pointer === undefined || length === undefined ? undefined : readText(memory, pointer, length)
}

/** String: its length is last; capacity and pointer, whose order the compiler chooses, stand before. */
function readString({memory}: DeadProcess, at: Address): string | undefined {
  const [first, second, length] = [0, 8, 16].map(offset => readAddress(memory, toAddress(at + offset)))
  if (first === undefined || second === undefined || length === undefined) return undefined
  const [capacity, pointer] = first < second ? [first, second] : [second, first]
  if (capacity < length || capacity > TEXT_LIMIT || pointer <= TEXT_LIMIT) return undefined
  return readText(memory, pointer, length)
}

function readText(memory: DeadProcess['memory'], pointer: Address, length: number): string | undefined {
  if (length < 1 || length > TEXT_LIMIT || pointer < 4096) return undefined
  const bytes = memory.read(pointer, length)
  if (!bytes) return undefined
  try {
    const text = new TextDecoder('utf-8', {fatal: true}).decode(bytes)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: a message has none but line ends and tabs
    return /[\u0000-\u0008\u000b\u000c\u000e-\u001f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/** exception_class of panic_unwind: `MOZ\0RUST`, as a double to search for. */
const CLASS_BYTES = [0x4d, 0x4f, 0x5a, 0, 0x52, 0x55, 0x53, 0x54]
const SEARCH_LIMIT = 256 * 1024 * 1024
const SEARCH_PIECE = 1024 * 1024
/** struct Exception of panic_unwind: _Unwind_Exception (32 bytes), canary, then the Box<dyn Any>: data and vtable. */
const CAUSE = 40
const STR_SIZE = 16
const STRING_SIZE = 24

/** The message in an exception that is on its way, or that no frame took. */
function thrownMessage(process: DeadProcess): string | undefined {
  const {memory} = process
  for (const exception of findExceptions(process)) {
    const data = readAddress(memory, toAddress(exception + CAUSE))
    const vtable = readAddress(memory, toAddress(exception + CAUSE + 8))
    const size = vtable === undefined ? undefined : readAddress(memory, toAddress(vtable + 8))
    if (data === undefined || data < 4096) continue
    const text =
      size === STRING_SIZE ? readString(process, data) : size === STR_SIZE ? readStr(process, data) : undefined
    if (text !== undefined) return text
  }
  return undefined
}

function* findExceptions({core}: DeadProcess): Generator<Address> {
  const wanted = new Float64Array(Uint8Array.from(CLASS_BYTES).buffer)[0] as number
  let searched = 0
  for (const {start, end, writable} of core.segments.dumped()) {
    if (!writable) continue
    for (let at: number = start; at < end && searched < SEARCH_LIMIT; at += SEARCH_PIECE) {
      const length = Math.min(SEARCH_PIECE, end - at)
      searched += length
      const bytes = core.memory.read(toAddress(at), length)?.slice(0, length - (length % 8))
      if (!bytes) continue
      const words = new Float64Array(bytes.buffer)
      for (let index = words.indexOf(wanted); index >= 0; index = words.indexOf(wanted, index + 1)) {
        yield toAddress(at + index * 8)
      }
    }
  }
}
