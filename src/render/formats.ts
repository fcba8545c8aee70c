import {folded} from './folded.ts'
import type {Format} from './format.ts'
import {html} from './html.ts'
import {json} from './json.ts'
import {markdown} from './markdown.ts'
import {ndjson} from './ndjson.ts'
import {pprof} from './pprof.ts'
import {speedscope} from './speedscope.ts'
import {tree} from './stack-tree.ts'
import {text} from './text.ts'

/** Every format, by the name that a user gives it. */
export const FORMATS = {
  text,
  json,
  ndjson,
  html,
  markdown,
  folded,
  speedscope,
  pprof,
  tree,
} as const satisfies Readonly<Record<string, Format>>

export type FormatName = keyof typeof FORMATS

export const FORMAT_NAMES = Object.keys(FORMATS) as FormatName[]
