/** A document with one long list, made and written an item at a time. */
export interface JsonStream<T> {
  /** What stands before the list. */
  head: object
  key: string
  items: Iterable<T>
  /** What stands behind it; asked for when the list is through. */
  tail: () => object
}

/** One JSON document in pieces, one item of the list a line, so that a million of them never stand in memory together. */
export function* renderJsonStream<T>({head, key, items, tail}: JsonStream<T>): Generator<string> {
  yield `${JSON.stringify(head, null, 2).slice(0, -2)},\n  ${JSON.stringify(key)}: [`
  let separator = '\n    '
  for (const item of items) {
    yield separator + JSON.stringify(item)
    separator = ',\n    '
  }
  const end = separator === '\n    ' ? ']' : '\n  ]'
  yield `${end},\n${JSON.stringify(tail(), null, 2).slice(2)}\n`
}

/** One item a line, nothing else. */
export function* renderNdjson<T>(items: Iterable<T>): Generator<string> {
  for (const item of items) yield `${JSON.stringify(item)}\n`
}
