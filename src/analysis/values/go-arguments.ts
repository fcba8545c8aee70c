import {type Address, addressOfWord, offsetAddress} from '../../base/address.ts'
import type {GoArgument} from '../../gosym/go-argument.ts'
import type {GoFunction} from '../../gosym/go-function.ts'
import type {VariableReport} from '../../report/core-report.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {FrameOrigin} from '../process/frame-origins.ts'
import {littleEndian} from './storage.ts'
import {renderText, textAt} from './text-value.ts'
import {cutValue, missingValue, plainValue, stateOf, type Value} from './value.ts'
import type {ValueEnvironment} from './value-reader.ts'

/** What the words of a frame are up to Go 1.16. */
const SHARED_AREA = 'arguments and results'
/** Longer ones are hardly the text that two words may be. */
const TEXT_MAX = 2n ** 24n

/**
 * The arguments of a Go function that no DWARF describes, as far as the runtime's own tables do: their sizes, which are
 * pointers, and whether the place that each has in memory held it. The values are those that the caller passed.
 * null where the tables describe none, as of inlined calls and assembly.
 */
export function readGoArguments(
  {images}: Pick<DeadProcess, 'images'>,
  origin: FrameOrigin,
  environment: ValueEnvironment,
): VariableReport[] | null {
  const fn = images.map(({tables}) => tables?.functionAt(origin.lookupPc)).find(found => found !== undefined)
  const {cfa, index, count} = origin
  if (!fn || cfa === undefined || index !== count - 1) return null
  const found = fn.argumentsAt(livenessPc(fn, origin))
  if (!found) return null
  const hasTypes = fn.version.atLeast(17)
  const area = new ArgumentArea(cfa, environment, hasTypes ? isFilled(fn, origin) : true)
  if (!hasTypes) return found.length === 0 ? [] : [argument(area.group(found), SHARED_AREA)]
  const receiver = receiverOf(fn.name)
  return found.map((each, at) => argument(area.read(each), at === 0 && isWord(each) ? receiver : undefined))
}

function argument({text, structured, state}: Value, type: string | undefined): VariableReport {
  const kind = 'argument'
  return {name: null, kind, type: type ?? null, value: text, structured, address: null, register: null, state}
}

/** Up to 1.20 liveness was looked up where inlined code was called (runtime.gentraceback: tracepc). */
function livenessPc(fn: GoFunction, {lookupPc}: FrameOrigin): Address {
  return fn.version.atLeast(21) ? lookupPc : (fn.inlineFrames(lookupPc).at(-1)?.pc ?? lookupPc)
}

/**
 * Whether arguments that are always in their places were there: behind a call they were; before the function had a
 * frame, those that came in registers may still have been there alone. 1.17 does not say which are always there.
 */
function isFilled(fn: GoFunction, {pc, lookupPc}: FrameOrigin): boolean {
  return fn.isAssembly || (fn.version.atLeast(18) && (pc !== lookupPc || fn.hasFrameAt(pc)))
}

function isWord(part: GoArgument): boolean {
  return part.kind === 'word' && part.size === 8
}

/** `pkg.(*T).M` is a method of *pkg.T, and nothing else is called so. */
function receiverOf(name: string): string | undefined {
  const found = /^(?<path>.*[/])?(?<pkg>[^/(]*)\.\(\*(?<type>[^()]+)\)\.\w+$/.exec(name)
  return found ? `*${found.groups?.pkg}.${found.groups?.type}` : undefined
}

class ArgumentArea {
  readonly #start: Address
  readonly #environment: ValueEnvironment
  readonly #isFilled: boolean

  constructor(start: Address, environment: ValueEnvironment, isFilled: boolean) {
    this.#start = start
    this.#environment = environment
    this.#isFilled = isFilled
  }

  read(part: GoArgument): Value {
    switch (part.kind) {
      case 'group':
        return this.group(part.parts)
      case 'more':
        return cutValue('...')
      case 'far':
        return missingValue('unreadable')
      default: {
        const word = this.#word(part)
        return typeof word === 'bigint' ? this.#number(word, part.isPointer) : missingValue(word)
      }
    }
  }

  group(parts: readonly GoArgument[]): Value {
    const values = parts.map(part => this.read(part))
    const text = `{${values.map(value => value.text).join(', ')}}`
    const likely = this.#likelyText(parts)
    return {
      text: likely === undefined ? text : `${text} <perhaps ${likely}>`,
      structured: values.map(({structured}) => structured),
      state: stateOf(values),
    }
  }

  #word({offset, size, isLive}: GoArgument & {kind: 'word'}): bigint | 'not-saved' | 'unreadable' {
    if (!(isLive ?? this.#isFilled)) return 'not-saved'
    const at = offsetAddress(this.#start, offset)
    const bytes = at === undefined ? undefined : this.#environment.memory.read(at, Math.min(size, 8))
    return bytes ? littleEndian(bytes) : 'unreadable'
  }

  /** Whether a number has a sign the tables do not tell: as the traceback of Go writes it. */
  #number(word: bigint, isPointer: boolean): Value {
    const text = `0x${word.toString(16)}`
    if (!isPointer) return plainValue(text, text)
    const fault = this.#environment.pointerFault(word)
    const address = addressOfWord(word)
    const name = fault === undefined && address !== undefined ? this.#environment.nameAt(address) : undefined
    const note = fault ?? name
    return plainValue(note === undefined ? text : `${text} <${note}>`, {pointer: text, ...(fault && {fault})})
  }

  /** Two words may be a string, a pointer and a number, or half an interface: what would be its text, if it is one. */
  #likelyText([first, second, ...others]: readonly GoArgument[]): string | undefined {
    if (first?.kind !== 'word' || second?.kind !== 'word' || others.length > 0 || second.isPointer) return undefined
    if (!first.isPointer || second.size !== 8) return undefined
    const [data, length] = [this.#word(first), this.#word(second)]
    if (typeof data !== 'bigint' || typeof length !== 'bigint' || length === 0n || length > TEXT_MAX) return undefined
    const address = addressOfWord(data)
    const {memory, limits} = this.#environment
    const found = address === undefined ? undefined : textAt(memory, address, Number(length), limits.bytes)
    return found && isPlainText(found.text) ? renderText(found) : undefined
  }
}

/** Of letters and signs: U+FFFD stands for bytes that are none. */
function isPlainText(text: string): boolean {
  return text !== '' && !/[^\P{C}\t\n\r]|\uFFFD/u.test(text)
}
