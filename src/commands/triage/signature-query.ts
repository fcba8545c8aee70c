import {InputError} from '../../base/errors.ts'
import {SIGNATURE_STATES, type SignatureState} from '../../report/vocabulary.ts'
import {LIST_ORDERS, type SignatureQuery} from '../../triage/store/signature-list.ts'
import {parseLabels} from '../labels.ts'
import {parseMoment, parseWords} from './triage-command.ts'

export const STATES = Object.keys(SIGNATURE_STATES) as SignatureState[]

/** A list of signatures as a user asks for it: flags of `triage list`, or fields of the page. */
export interface AskedList {
  readonly since?: string | undefined
  readonly until?: string | undefined
  readonly 'new-since'?: string | undefined
  readonly state?: string | undefined
  readonly program?: string | undefined
  readonly family?: string | undefined
  readonly label?: readonly string[] | undefined
  readonly sort?: (typeof LIST_ORDERS)[number]
  readonly limit?: number | undefined
  readonly days: number
}

/** @throws InputError bad-argument where a time or a word cannot be understood */
export function parseSignatureQuery(asked: AskedList, now: number): SignatureQuery {
  const moment = (name: 'since' | 'until' | 'new-since'): string | undefined =>
    asked[name] === undefined ? undefined : parseMoment(asked[name], `--${name}`, now)
  return {
    exact: undefined,
    since: moment('since'),
    until: moment('until'),
    newSince: moment('new-since'),
    states: asked.state === undefined ? undefined : parseWords(asked.state, '--state', STATES),
    program: asked.program,
    family: asked.family,
    labels: Object.entries(parseLabels(asked.label ?? [])).map(([key, value]) => ({key, value})),
    sort: asked.sort ?? 'count',
    limit: asked.limit,
    days: asked.days,
    now: new Date(now).toISOString(),
  }
}

const DAYS = 28
const DAYS_MAX = 366
const LIMIT = 500

/** The same of the address of a page; a field that was left empty asks for nothing. */
export function parsePageQuery(query: URLSearchParams, now: number): SignatureQuery {
  const text = (name: string): string | undefined => query.get(name)?.trim() || undefined
  return parseSignatureQuery(
    {
      since: text('since'),
      until: text('until'),
      'new-since': text('new-since'),
      state: text('state'),
      program: text('program'),
      family: text('family'),
      label: query.getAll('label'),
      sort: LIST_ORDERS.find(order => order === text('sort')) ?? 'count',
      limit: numberOf(text('limit'), 'limit', LIMIT, Number.MAX_SAFE_INTEGER),
      days: numberOf(text('days'), 'days', DAYS, DAYS_MAX),
    },
    now,
  )
}

function numberOf(text: string | undefined, name: string, otherwise: number, max: number): number {
  if (text === undefined) return otherwise
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
  if (number <= max) return number
  throw new InputError('bad-argument', `${name} ${text}: no number`, `write a number up to ${max}`)
}
