/** Lists of an answer that are made as they are read, and can be read once. */
const STREAMED = ['goroutines', 'groups', 'threads']

/**
 * One answer for several renderers that take turns: each reads the streamed lists from their start, and what is made
 * for the first of them is kept until the last has read it. As long as none runs ahead that is an item or two.
 * @param readers how many will read
 */
export function shareAnswer<Answer extends object>(answer: Answer, readers: number): Answer {
  if (readers === 1) return answer
  const shared = new Map<PropertyKey, unknown>()
  return new Proxy(answer, {
    get(target, key) {
      if (shared.has(key)) return shared.get(key)
      const value: unknown = Reflect.get(target, key, target)
      const own =
        typeof value === 'function' ? value.bind(target) : isStream(key, value) ? share(value, readers) : value
      if (own !== value) shared.set(key, own)
      return own
    },
  })
}

function isStream(key: PropertyKey, value: unknown): value is Iterable<unknown> {
  const isIterable = typeof value === 'object' && value !== null && Symbol.iterator in value
  return isIterable && !Array.isArray(value) && STREAMED.includes(String(key))
}

function share<T>(source: Iterable<T>, readers: number): Iterable<T> {
  const iterator = source[Symbol.iterator]()
  const kept: T[] = []
  /** Of all items, the one that `kept` begins with. */
  let first = 0
  const positions: number[] = []
  const take = (reader: number): IteratorResult<T> => {
    const position = positions[reader] ?? 0
    if (position - first === kept.length) {
      const next = iterator.next()
      if (next.done) return next
      kept.push(next.value)
    }
    const value = kept[position - first] as T
    positions[reader] = position + 1
    const slowest = positions.length < readers ? 0 : Math.min(...positions)
    kept.splice(0, slowest - first)
    first = Math.max(first, slowest)
    return {done: false, value}
  }
  return {
    [Symbol.iterator]() {
      const reader = positions.push(first) - 1
      return {next: () => take(reader)}
    },
  }
}

/** The pieces of several documents in turns, each with the index of its document. */
export function* inTurns<T>(documents: readonly Iterable<T>[]): Generator<{index: number; piece: T}> {
  const pending = documents.map((document, index) => ({index, pieces: document[Symbol.iterator]()}))
  while (pending.length > 0) {
    for (const each of [...pending]) {
      const next = each.pieces.next()
      if (next.done) pending.splice(pending.indexOf(each), 1)
      else yield {index: each.index, piece: next.value}
    }
  }
}
