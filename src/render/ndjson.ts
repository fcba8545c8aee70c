import type {GoroutineList} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {rendered} from './rendered.ts'

/** One object a line, for programs that read a long list as it comes. */
export const ndjson: Format = {
  ending: '.ndjson',
  diagnostics: 'beside',
  waits: 'shown',
  renderers: {
    goroutines: ({goroutines, groups}) => (goroutines ? renderLines(goroutines) : renderNdjson(groups ?? [])),
  },
}

function* renderLines(goroutines: GoroutineList): Generator<string> {
  for (const {text} of rendered(goroutines, each => JSON.stringify(each))) yield `${text}\n`
}

/** One item a line, nothing else. */
export function* renderNdjson<T>(items: Iterable<T>): Generator<string> {
  for (const item of items) yield `${JSON.stringify(item)}\n`
}
