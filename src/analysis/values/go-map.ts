import {type Address, addressOfWord, type Word} from '../../base/address.ts'
import type {DataType, Member} from '../../dwarf/data-type.ts'
import type {GoValues} from './go-value.ts'
import type {View} from './storage.ts'
import {isMissing, missingValue, moreText, plainValue, type Structured, stateOf, type Value} from './value.ts'
import {type Reading, within} from './value-reader.ts'

/** A map's type: its name and the pointer type that stands for it in memory. */
export interface MapType {
  readonly name: string
  readonly pointer: DataType
}

interface Entry {
  readonly key: View
  readonly keyType: DataType
  readonly element: View
  readonly elementType: DataType
}

/** Groups, tables and buckets that are looked at for one map: of a damaged one they never end. */
const PARTS_MAX = 100_000

/** `map[string]int ["a": 1, "b": 2]`, in the order that the memory has it. */
export function readMap(values: GoValues, {name, pointer}: MapType, view: View, reading: Reading): Value {
  const word = view.unsigned()
  if (isMissing(word)) return missingValue(word)
  const address = addressOfWord(word)
  if (word === 0n) return plainValue(`${name} nil`, null)
  const struct = pointer.target?.bare
  if (address === undefined || !struct) return missingValue('unreadable')
  const walk = new MapWalk(values, reading)
  const there = values.viewAt(address, reading)
  const count = walk.number(struct, there, 'used') ?? walk.number(struct, there, 'count')
  if (count === undefined) return missingValue('unreadable')
  const {limits} = reading.environment
  const most = reading.depth <= limits.depth ? Math.min(count, limits.elements) : 0
  const entries = fieldOf(struct, 'dirPtr') ? walk.swiss(struct, there) : walk.buckets(struct, there)
  return finish(name, count, readEntries(values, most > 0 ? entries : [], most, reading))
}

function readEntries(values: GoValues, entries: Iterable<Entry>, most: number, reading: Reading): ReadEntries {
  const found: ReadEntries = {texts: [], pairs: [], parts: []}
  const deep = within(reading, 1)
  for (const entry of entries) {
    const key = values.read(entry.keyType, entry.key, deep, {showsType: false})
    const value = values.read(entry.elementType, entry.element, deep, {showsType: false})
    if (value.text === '...') break
    found.texts.push(`${key.text}: ${value.text}`)
    found.pairs.push({key: key.structured, value: value.structured})
    found.parts.push(key, value)
    if (found.pairs.length >= most) break
  }
  return found
}

interface ReadEntries {
  readonly texts: string[]
  readonly pairs: {key: Structured; value: Structured}[]
  readonly parts: Value[]
}

function finish(name: string, count: number, {texts, pairs, parts}: ReadEntries): Value {
  const left = count - pairs.length
  if (left > 0) texts.push(moreText(left))
  const isTextual = pairs.every(({key}) => typeof key === 'string')
  const structured: Structured = isTextual
    ? Object.fromEntries(pairs.map(({key, value}) => [String(key), value]))
    : pairs.map(({key, value}) => ({key, value}))
  const state = stateOf(parts)
  return {text: `${name} [${texts.join(', ')}]`, structured, state: left > 0 && state === 'ok' ? 'cut' : state}
}

function fieldOf(type: DataType, name: string): Member | undefined {
  return type.bare.members.find(member => member.name === name)
}

/** Both implementations by the fields that the linker declares for them (cmd/link/internal/ld/dwarf.go). */
class MapWalk {
  readonly #values: GoValues
  readonly #reading: Reading
  #left = PARTS_MAX

  constructor(values: GoValues, reading: Reading) {
    this.#values = values
    this.#reading = reading
  }

  /** A field of whole numbers. */
  number(type: DataType, view: View, name: string): number | undefined {
    const field = fieldOf(type, name)
    const word = field && view.at(field.offset).unsigned(field.type?.size ?? 8)
    return word === undefined || isMissing(word) ? undefined : addressOfWord(word)
  }

  #pointer(type: DataType, view: View, name: string): {address: Address; target: DataType} | undefined {
    const field = fieldOf(type, name)
    const target = field?.type?.bare.target
    const address = this.number(type, view, name)
    return target && address ? {address: address as Address, target} : undefined
  }

  #at(address: number): View {
    return this.#values.viewAt(address as Address, this.#reading)
  }

  /** internal/runtime/maps, Go 1.24 and later: one group, or a directory of tables of groups. */
  *swiss(map: DataType, view: View): Generator<Entry> {
    const length = this.number(map, view, 'dirLen') ?? 0
    const directory = this.#pointer(map, view, 'dirPtr')
    if (!directory) return
    if (length === 0) {
      const group = this.#groupOf(directory.target)
      if (group) yield* this.#group(group, this.#at(directory.address))
      return
    }
    const tableType = directory.target.bare.target
    if (!tableType) return
    const seen = new Set<number>()
    for (let index = 0; index < length && this.#left-- > 0; index++) {
      const word = this.#at(directory.address + index * 8).unsigned()
      const address = isMissing(word) ? undefined : addressOfWord(word)
      if (!address || seen.has(address)) continue
      seen.add(address)
      yield* this.#table(tableType, this.#at(address))
    }
  }

  /** The directory of a small map points at its only group. */
  #groupOf(directory: DataType): DataType | undefined {
    const pointed = directory.bare
    const table = pointed.kind === 'pointer' ? pointed.target?.bare : pointed
    const groups = table && fieldOf(table, 'groups')?.type?.bare
    const data = groups && fieldOf(groups, 'data')?.type?.bare.target
    return data ?? (fieldOf(pointed, 'ctrl') ? pointed : undefined)
  }

  *#table(type: DataType, view: View): Generator<Entry> {
    const field = fieldOf(type, 'groups')
    const groups = field?.type?.bare
    if (!field || !groups) return
    const there = view.at(field.offset)
    const data = this.#pointer(groups, there, 'data')
    const mask = this.number(groups, there, 'lengthMask')
    if (!data || mask === undefined) return
    const size = data.target.size ?? 0
    for (let index = 0; index <= mask && size > 0 && this.#left-- > 0; index++) {
      yield* this.#group(data.target, this.#at(data.address + index * size))
    }
  }

  /** A slot is full where the highest bit of its control byte is not set. */
  *#group(type: DataType, view: View): Generator<Entry> {
    const control = view.bytes(8)
    if (isMissing(control)) return
    const slots = fieldOf(type, 'slots')
    for (let index = 0; index < 8; index++) {
      if ((control[index] as number) >= 0x80) continue
      const entry = slots ? this.#slot(slots, view, index) : this.#split(type, view, index)
      if (entry) yield entry
    }
  }

  #slot(slots: Member, view: View, index: number): Entry | undefined {
    const slot = slots.type?.bare.target?.bare
    const [key, element] = slot ? [fieldOf(slot, 'key'), fieldOf(slot, 'elem')] : []
    if (!slot || !key || !element) return undefined
    const at = view.at(slots.offset + index * (slot.size ?? 0))
    return this.#entry(key.type, at.at(key.offset), element.type, at.at(element.offset))
  }

  /** GOEXPERIMENT=mapsplitgroup: keys and elements each in an array of their own. */
  #split(type: DataType, view: View, index: number): Entry | undefined {
    const [keys, elements] = [fieldOf(type, 'keys'), fieldOf(type, 'elems')]
    const [key, element] = [keys?.type?.bare.target, elements?.type?.bare.target]
    if (!keys || !elements || !key || !element) return undefined
    const place = (field: Member, of: DataType) => view.at(field.offset + index * (of.size ?? 0))
    return this.#entry(key, place(keys, key), element, place(elements, element))
  }

  #entry(
    keyType: DataType | undefined,
    key: View,
    elementType: DataType | undefined,
    element: View,
  ): Entry | undefined {
    return keyType && elementType ? {key, keyType, element, elementType} : undefined
  }

  /**
   * hmap, up to Go 1.23. While it grows, what has not moved yet is in the old buckets, and nothing is in both
   * (runtime/map.go, evacuate).
   */
  *buckets(map: DataType, view: View): Generator<Entry> {
    const shift = this.number(map, view, 'B') ?? 0
    const flags = this.number(map, view, 'flags') ?? 0
    if (shift > 48) return
    const count = 2 ** shift
    const old = this.#pointer(map, view, 'oldbuckets')
    const current = this.#pointer(map, view, 'buckets')
    const type = current?.target ?? old?.target
    if (!type) return
    const SAME_SIZE_GROW = 8
    const isSameSize = Math.floor(flags / SAME_SIZE_GROW) % 2 === 1
    if (old) yield* this.#bucketArray(old.target, old.address, isSameSize ? count : Math.ceil(count / 2), true)
    if (current) yield* this.#bucketArray(current.target, current.address, count, false)
  }

  *#bucketArray(type: DataType, start: number, count: number, isOld: boolean): Generator<Entry> {
    const size = type.size ?? 0
    for (let index = 0; index < count && size > 0 && this.#left-- > 0; index++) {
      const view = this.#at(start + index * size)
      const first = view.unsigned(1)
      if (isOld && !isMissing(first) && isEvacuated(first)) continue
      yield* this.#chain(type, view)
    }
  }

  /** A bucket and those that it overflows into. */
  *#chain(type: DataType, first: View): Generator<Entry> {
    const [hashes, keys, elements] = [fieldOf(type, 'tophash'), fieldOf(type, 'keys'), fieldOf(type, 'values')]
    const [key, element] = [keys?.type?.bare.target, elements?.type?.bare.target]
    if (!hashes || !keys || !elements || !key || !element) return
    const many = hashes.type?.bare.dimensions[0] ?? 8
    let view: View | undefined = first
    while (view && this.#left-- > 0) {
      const tops: Uint8Array | string = view.at(hashes.offset).bytes(many)
      if (typeof tops === 'string') return
      for (let index = 0; index < many; index++) {
        if ((tops[index] as number) < MIN_TOP_HASH) continue
        const place = (field: Member, of: DataType): View => (view as View).at(field.offset + index * (of.size ?? 0))
        yield {key: place(keys, key), keyType: key, element: place(elements, element), elementType: element}
      }
      const next = this.number(type, view, 'overflow')
      view = next ? this.#at(next) : undefined
    }
  }
}

/** Smaller marks say that a slot is empty or has moved; 4 is a hash up to Go 1.11, a mark since (runtime/map.go). */
const MIN_TOP_HASH = 5

function isEvacuated(top: Word): boolean {
  return top >= 2n && top < BigInt(MIN_TOP_HASH)
}
