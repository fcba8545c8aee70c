import {Function as Func, Location, Sample, ValueType} from 'pprof-format'
import {InputError} from '../../base/errors.ts'
import {type DumpedFrame, PROFILE_DEPTH, plainState, withoutTypeArguments} from '../../traceback/dumped-stack.ts'
import type {DumpedStacks} from '../../traceback/dumped-stacks.ts'

/** What our own profiles say of each sample. */
const STATE_LABEL = 'goroutine state'

/** Fields of `Profile` in profile.proto. */
const FIELD = {sampleType: 1, sample: 2, location: 4, function: 5, string: 6} as const
/** Functions, places and texts of one program; more are a file that was made to fill memory. */
const ITEMS_MAX = 1_000_000
/** The encodings of protobuf.dev: a number, 8 bytes, a message or text, 4 bytes. */
const WIRE = {number: 0, long: 1, bytes: 2, short: 5} as const

/**
 * Reads the stacks of a goroutine profile in the format of pprof, unpacked: message by message, for as objects all of
 * them are a hundred times as large.
 * @returns what it is of: `goroutine`, or something else, of which no stack is read; undefined: it is no profile
 * @throws InputError where it has more than any program
 */
export function parsePprof(path: string, bytes: Uint8Array, stacks: DumpedStacks): string | undefined {
  try {
    return new ProfileReader(path, bytes).read(stacks)
  } catch (error) {
    if (error instanceof InputError) throw error
    return undefined
  }
}

class ProfileReader {
  readonly #path: string
  readonly #bytes: Uint8Array
  readonly #texts: Uint8Array[] = []
  readonly #kinds: ValueType[] = []
  readonly #functions = new Map<number, Func>()
  readonly #locations = new Map<number, readonly DumpedFrame[]>()

  constructor(path: string, bytes: Uint8Array) {
    this.#path = path
    this.#bytes = bytes
  }

  read(stacks: DumpedStacks): string | undefined {
    for (const bytes of this.#all(FIELD.string)) this.#check(this.#texts.push(bytes))
    for (const bytes of this.#all(FIELD.sampleType)) this.#check(this.#kinds.push(ValueType.decode(bytes)))
    if (this.#kinds.length === 0) return undefined
    const kinds = this.#kinds.map(({type}) => this.#text(type))
    const column = kinds.findIndex(kind => kind === 'goroutine' || kind === 'goroutines')
    if (column < 0) return kinds.join(', ')
    // What messages refer to may stand behind them.
    for (const bytes of this.#all(FIELD.function)) this.#addFunction(bytes)
    for (const bytes of this.#all(FIELD.location)) this.#addLocation(bytes)
    for (const bytes of this.#all(FIELD.sample)) this.#addSample(bytes, column, stacks)
    return 'goroutine'
  }

  *#all(wanted: number): Generator<Uint8Array> {
    for (const {field, bytes} of readMessages(this.#bytes)) if (field === wanted) yield bytes
  }

  #addFunction(bytes: Uint8Array): void {
    const made = Func.decode(bytes)
    this.#check(this.#functions.set(Number(made.id), made).size)
  }

  #addLocation(bytes: Uint8Array): void {
    const {id, line: lines} = Location.decode(bytes)
    const frames = lines.map(({functionId, line}) => {
      const known = this.#functions.get(Number(functionId))
      const file = known ? this.#text(known.filename) : ''
      const name = known ? withoutTypeArguments(this.#text(known.name)) : '?'
      return {function: name, file: file || null, line: Number(line) || null, isC: isOfC(name, file)}
    })
    this.#check(this.#locations.set(Number(id), frames).size)
  }

  #addSample(bytes: Uint8Array, column: number, stacks: DumpedStacks): void {
    const {locationId, value, label} = Sample.decode(bytes)
    const state = label.find(({key}) => this.#text(key) === STATE_LABEL)
    const frames = locationId.flatMap(id => this.#locations.get(Number(id)) ?? [])
    stacks.add({
      count: Number(value[column] ?? 0),
      goroutines: [],
      state: state ? plainState(this.#text(state.str)) : null,
      frames,
      createdBy: null,
      isPartial: false,
      cutAfter: locationId.length >= PROFILE_DEPTH ? frames.length : null,
    })
  }

  #text(index: number | bigint): string {
    return new TextDecoder().decode(this.#texts[Number(index)])
  }

  /** @throws InputError */
  #check(count: number): void {
    if (count <= ITEMS_MAX) return
    throw new InputError('too-large', `${this.#path}: more than ${ITEMS_MAX} functions or texts`, 'take it anew')
  }
}

/** The messages and texts that a message holds, with their fields. @throws RangeError where it is damaged */
function* readMessages(bytes: Uint8Array): Generator<{field: number; bytes: Uint8Array}> {
  let at = 0
  const readNumber = (): number => {
    let value = 0
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = bytes[at++]
      if (byte === undefined) break
      value += (byte % 128) * scale
      if (byte < 128) return value
    }
    throw new RangeError('a number that does not end')
  }
  while (at < bytes.length) {
    const tag = readNumber()
    const wire = tag % 8
    if (wire === WIRE.number) readNumber()
    else if (wire === WIRE.long) at += 8
    else if (wire === WIRE.short) at += 4
    else if (wire === WIRE.bytes) {
      const length = readNumber()
      if (length > bytes.length - at) throw new RangeError('a message that does not end')
      yield {field: Math.floor(tag / 8), bytes: bytes.subarray(at, at + length)}
      at += length
    } else throw new RangeError(`an encoding that nobody knows: ${wire}`)
  }
}

/** Go's own profiles have no C; others that we make do. A name of Go has its package before a dot. */
function isOfC(name: string, file: string): boolean {
  return !name.includes('.') || (file !== '' && !/\.(?:go|s)$/.test(file))
}
