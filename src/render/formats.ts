import type {Format} from './format.ts'
import {json} from './json.ts'
import {ndjson} from './ndjson.ts'
import {text} from './text.ts'

/** Every format, by the name that a user gives it. */
export const FORMATS = {text, json, ndjson} as const satisfies Readonly<Record<string, Format>>

export type FormatName = keyof typeof FORMATS
