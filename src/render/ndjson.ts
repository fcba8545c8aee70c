import type {Format} from './format.ts'

/** One object a line, for programs that read a long list as it comes. */
export const ndjson: Format = {
  ending: '.ndjson',
  diagnostics: 'beside',
  waits: 'shown',
  renderers: {
    goroutines: ({goroutines, groups}) => renderNdjson<unknown>(goroutines ?? groups ?? []),
  },
}

/** One item a line, nothing else. */
export function* renderNdjson<T>(items: Iterable<T>): Generator<string> {
  for (const item of items) yield `${JSON.stringify(item)}\n`
}
