import type {VariableReport} from '../../report/core-report.ts'

/** Why bytes of a value are not there. */
export type Missing = 'optimized-out' | 'not-saved' | 'unreadable'

export type Structured = VariableReport['structured']

/** A value, or a part of one, as text and as data. */
export interface Value {
  readonly text: string
  readonly structured: Structured
  readonly state: VariableReport['state']
}

const MISSING_TEXTS: Readonly<Record<Missing, string>> = {
  'optimized-out': '<optimized out>',
  'not-saved': '<not saved>',
  unreadable: '<unreadable>',
}

export function missingValue(why: Missing): Value {
  return {text: MISSING_TEXTS[why], structured: null, state: why}
}

export function isMissing<T extends object | bigint>(found: T | Missing): found is Missing {
  return typeof found === 'string'
}

export function plainValue(text: string, structured: Structured = text): Value {
  return {text, structured, state: 'ok'}
}

/** What limits have left out of a value. */
export function cutValue(text: string, structured: Structured = null): Value {
  return {text, structured, state: 'cut'}
}

/** The worst first. */
const STATES: readonly Value['state'][] = ['unreadable', 'not-saved', 'optimized-out', 'cut']

/** The state of a value that is made of others: the worst of theirs. */
export function stateOf(parts: readonly Pick<Value, 'state'>[]): Value['state'] {
  return STATES.find(state => parts.some(part => part.state === state)) ?? 'ok'
}

/** A whole number as JSON holds it: exactly, else as text. */
export function integer(value: bigint): Structured {
  return value >= -(2n ** 53n) && value <= 2n ** 53n ? Number(value) : String(value)
}

/** Fields by name; a name that is there twice (a base class and a field) keeps the first. */
export function record(entries: readonly (readonly [name: string, value: Value])[]): Structured {
  const out: Record<string, Structured> = Object.create(null) as Record<string, Structured>
  for (const [name, value] of entries) if (!(name in out)) out[name] = value.structured
  return {...out}
}

/** How many elements a limit has left out, as a part of the text; '' for none. */
export function moreText(left: number): string {
  return left > 0 ? `...+${left} more` : ''
}
