import {type Address, addressOfWord, toAddress} from '../../base/address.ts'
import {BoundedCache} from '../../base/bounded-cache.ts'
import type {DataType, Member} from '../../dwarf/data-type.ts'
import type {GoValues} from './go-value.ts'
import type {View} from './storage.ts'
import {isMissing, missingValue, moreText, plainValue, stateOf, type Value} from './value.ts'
import {type Reading, within} from './value-reader.ts'

/** A channel's type: its name, what it carries, and the pointer type that stands for it in memory. */
export interface ChannelType {
  readonly name: string
  readonly element: DataType | undefined
  readonly pointer: DataType
}

/** Goroutines that are named of each queue. */
const WAITERS_SHOWN = 8
/** A damaged queue has no end. */
const WAITERS_MAX = 100_000
/** Goroutines in the queues that are kept. */
const KEPT_MAX = 1_000_000

/** Queues that were read, by address and field: of thousands that wait for one channel each has it among its values. */
export type ChannelQueues = BoundedCache<string, readonly (number | null)[]>

export function newChannelQueues(): ChannelQueues {
  return new BoundedCache(KEPT_MAX, queue => 1 + queue.length)
}

/** `chan int 2/4 [11,22]`, `chan string 0/0 (1 sends: goroutine 7)`: what is in it, and who waits (runtime.hchan). */
export function readChannel(values: GoValues, type: ChannelType, view: View, reading: Reading): Value {
  const {name, element, pointer} = type
  const word = view.unsigned()
  if (isMissing(word)) return missingValue(word)
  if (word === 0n) return plainValue(`${name} nil`, null)
  const address = addressOfWord(word)
  const channel = pointer.target?.bare
  if (address === undefined || !channel) return missingValue('unreadable')
  const there = values.viewAt(address, reading)
  const field = (path: string) => fieldOf(channel, there, path)
  const [length, capacity] = [field('qcount'), field('dataqsiz')]
  if (length === undefined || capacity === undefined || length > capacity) return missingValue('unreadable')
  const queue = (path: string) =>
    values.queues.of(`${address}.${path}`, () => waiters(values, channel, {there, path}, reading))
  return describe(name, {
    length,
    capacity,
    isClosed: (field('closed') ?? 0) !== 0,
    buffer: element ? readBuffer(values, element, {length, capacity, field}, reading) : [],
    receivers: queue('recvq'),
    senders: queue('sendq'),
  })
}

interface Channel {
  readonly length: number
  readonly capacity: number
  readonly isClosed: boolean
  readonly buffer: readonly Value[]
  readonly receivers: readonly (number | null)[]
  readonly senders: readonly (number | null)[]
}

function describe(name: string, {length, capacity, isClosed, buffer, receivers, senders}: Channel): Value {
  const left = length - buffer.length
  const items = [...buffer.map(({text}) => text), ...(left > 0 ? [moreText(left)] : [])]
  const notes = [
    ...(isClosed ? ['closed'] : []),
    ...nameWaiters(receivers, 'receive', 'receives'),
    ...nameWaiters(senders, 'send', 'sends'),
  ]
  const note = notes.length > 0 ? ` (${notes.join('; ')})` : ''
  return {
    text: `${name} ${length}/${capacity}${length > 0 ? ` [${items.join(',')}]` : ''}${note}`,
    structured: {
      length,
      capacity,
      closed: isClosed,
      buffer: buffer.map(({structured}) => structured),
      receivers: receivers.slice(0, WAITERS_SHOWN),
      senders: senders.slice(0, WAITERS_SHOWN),
    },
    state: left > 0 ? 'cut' : stateOf(buffer),
  }
}

interface ChannelFields {
  readonly length: number
  readonly capacity: number
  field(path: string): number | undefined
}

/** A ring: the oldest stands at `recvx`. */
function readBuffer(
  values: GoValues,
  element: DataType,
  {length, capacity, field}: ChannelFields,
  reading: Reading,
): Value[] {
  const [buffer, first] = [field('buf'), field('recvx')]
  const size = element.size ?? 0
  if (reading.depth > reading.environment.limits.depth || !buffer || first === undefined || capacity === 0) return []
  const found: Value[] = []
  for (let index = 0; index < Math.min(length, reading.environment.limits.elements); index++) {
    const at = toAddress(buffer + ((first + index) % capacity) * size)
    found.push(values.read(element, values.viewAt(at, reading), within(reading, 1), {showsType: false}))
  }
  return found
}

/** The number in a field, by its path. */
function fieldOf(type: DataType, view: View, path: string): number | undefined {
  let [at, struct]: [View, DataType | undefined] = [view, type]
  for (const name of path.split('.')) {
    const member: Member | undefined = struct?.bare.members.find(each => each.name === name)
    if (!member) return undefined
    at = at.at(member.offset)
    struct = member.type
  }
  const word = at.unsigned(struct?.size ?? 8)
  return isMissing(word) ? undefined : addressOfWord(word)
}

/** The goroutines of a queue of sudogs, null for one that cannot be read. */
function waiters(
  values: GoValues,
  channel: DataType,
  {there, path}: {there: View; path: string},
  reading: Reading,
): (number | null)[] {
  const found: (number | null)[] = []
  const queue = channel.bare.members.find(({name}) => name === path)?.type?.bare
  const type = queue?.members.find(({name}) => name === 'first')?.type?.bare.target
  let next = fieldOf(channel, there, `${path}.first`)
  const seen = new Set<number>()
  while (type && next && !seen.has(next) && found.length < WAITERS_MAX) {
    seen.add(next)
    const sudog = values.viewAt(next as Address, reading)
    const g = fieldOf(type, sudog, 'g')
    found.push((g ? values.types.goroutineOf(g as Address) : undefined) ?? null)
    next = fieldOf(type, sudog, 'next')
  }
  return found
}

function nameWaiters(found: readonly (number | null)[], many: string, one: string): string[] {
  if (found.length === 0) return []
  const names = found.slice(0, WAITERS_SHOWN).map(id => `${id ?? '?'}`)
  const more = found.length > WAITERS_SHOWN ? ', …' : ''
  const verb = found.length === 1 ? one : many
  return [`${found.length} ${verb}: goroutine ${names.join(', ')}${more}`]
}
