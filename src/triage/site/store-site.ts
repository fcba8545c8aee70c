import {timingSafeEqual} from 'node:crypto'
import {basename} from 'node:path'
import {describeFailure, type ErrorCode, InputError, messageOf} from '../../base/errors.ts'
import {readWholeFile} from '../../base/whole-file.ts'
import {html} from '../../render/html.ts'
import {renderFailure, renderWhole} from '../../render/json.ts'
import {reviveReport} from '../../render/stored-report.ts'
import {PLAIN_STYLE} from '../../render/style.ts'
import {renderFailurePage, renderListPage, renderSignaturePage} from '../../render/triage-html.ts'
import {MARK_STATES, type MarkState} from '../../report/vocabulary.ts'
import {reportOf} from '../store/added-line.ts'
import type {CrashStore} from '../store/crash-store.ts'
import {findSignature, showSignature} from '../store/signature-details.ts'
import {describeStore, listSignatures, type SignatureQuery} from '../store/signature-list.ts'

export interface SiteRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  /** Of a form or of JSON, as it came. */
  readonly body: string
}

export interface SiteResponse {
  readonly status: number
  readonly type: 'text/html; charset=utf-8' | 'application/json'
  readonly body: string
  /** Where the browser goes on. */
  readonly location?: string
}

export interface SiteOptions {
  readonly store: CrashStore
  readonly tool: {readonly name: string; readonly version: string}
  /** What a mark must bring; undefined: nothing may be marked. */
  readonly token: string | undefined
  readonly author: string
  readonly now: () => string
  /** What the parameters of a list ask for. @throws InputError */
  readonly parseQuery: (query: URLSearchParams) => SignatureQuery
}

/** Of what is not wrong with the request. */
const STATUS_OF: Partial<Readonly<Record<ErrorCode, number>>> = {'not-found': 404, bug: 500, unreachable: 503}
const HTML = 'text/html; charset=utf-8'
const JSON_TYPE = 'application/json'
const REPORT_MAX = 256 * 1024 * 1024
const DAYS = 28
/** Longer ones are no notes. */
const FIELD_MAX = 4096

/**
 * The pages over a store, and the same as JSON below `/api`: `/`, `/signatures/X`, `/reports/KEY`, and with POST
 * `/signatures/X/mark`.
 */
export class StoreSite {
  readonly #options: SiteOptions

  constructor(options: SiteOptions) {
    this.#options = options
  }

  /** Never throws. */
  async answer(request: SiteRequest): Promise<SiteResponse> {
    const isApi = request.path.startsWith('/api/')
    try {
      const parts = request.path
        .split('/')
        .slice(isApi ? 2 : 1)
        .map(decodeURIComponent)
      return (await this.#route(request, parts, isApi)) ?? fail(404, isApi, 'there is nothing here', 'begin at /')
    } catch (error) {
      const {code, message, hint} = describeFailure(error instanceof URIError ? badAddress(error) : error)
      return fail(STATUS_OF[code] ?? 400, isApi, message, hint, code)
    }
  }

  async #route(
    {method, query, body}: SiteRequest,
    parts: readonly string[],
    isApi: boolean,
  ): Promise<SiteResponse | undefined> {
    const [first = '', second, third] = parts
    if (method === 'POST') {
      return first === 'signatures' && second !== undefined && third === 'mark'
        ? this.#mark(second, body, isApi)
        : undefined
    }
    if (method !== 'GET' && method !== 'HEAD') return fail(405, isApi, `${method}: not allowed`, null)
    if (first === (isApi ? 'signatures' : '') && second === undefined) return this.#list(query, isApi)
    if (second === undefined || third !== undefined) return undefined
    if (first === 'signatures') return this.#show(second, isApi)
    return first === 'reports' ? this.#report(second, isApi) : undefined
  }

  async #list(query: URLSearchParams, isApi: boolean): Promise<SiteResponse> {
    const {store, tool, parseQuery} = this.#options
    const {states: _, ...found} = await listSignatures(store, parseQuery(query))
    const list = {schemaVersion: '1' as const, tool, store: await describeStore(store), ...found}
    return isApi ? asJson(list) : {status: 200, type: HTML, body: renderListPage(list, Object.fromEntries(query))}
  }

  async #show(prefix: string, isApi: boolean): Promise<SiteResponse> {
    const {store, tool, token, now} = this.#options
    const details = await showSignature(store, await findSignature(store, prefix), {days: DAYS, now: now()})
    const shown = {schemaVersion: '1' as const, tool, ...details}
    return isApi ? asJson(shown) : {status: 200, type: HTML, body: renderSignaturePage(shown, token)}
  }

  /** The file is the one that the store names for that core, and is called by its key. */
  async #report(key: string, isApi: boolean): Promise<SiteResponse> {
    const {store} = this.#options
    const [row] = await store.all('SELECT line FROM core WHERE key = ?', key)
    const path = row ? reportOf(String(row.line)) : null
    if (path === null || basename(path) !== `${key}.json`) {
      throw new InputError('not-found', `${key}: no report`, 'write them: gotrace-core batch --reports DIR')
    }
    const body = new TextDecoder().decode(readWholeFile(path, REPORT_MAX))
    if (isApi) return {status: 200, type: JSON_TYPE, body}
    return {status: 200, type: HTML, body: renderReport(path, body)}
  }

  async #mark(prefix: string, body: string, isApi: boolean): Promise<SiteResponse> {
    const {store, token, author} = this.#options
    if (token === undefined) return fail(403, isApi, 'nothing may be marked here', 'start it with serve --writable')
    const fields = isApi ? parseFields(body) : new URLSearchParams(body)
    if (!isSame(fields.get('token') ?? '', token)) return fail(403, isApi, 'not sent from this page', 'load it again')
    const state = (Object.keys(MARK_STATES) as MarkState[]).find(each => each === fields.get('state'))
    const build = textOf(fields, 'build')
    if (state === undefined || (state === 'fixed') !== (build !== null)) {
      throw new InputError('bad-argument', 'no such mark', 'choose a state; fixed, and it alone, has a build')
    }
    const exact = await findSignature(store, prefix)
    await store.mark({exact, state, build, buildTime: null, note: textOf(fields, 'note'), author})
    if (isApi) return this.#show(exact, true)
    return {status: 303, type: HTML, body: '', location: `/signatures/${encodeURIComponent(exact)}`}
  }
}

/** @throws InputError where the file is no report, or a damaged one */
function renderReport(path: string, body: string): string {
  try {
    const report = reviveReport(JSON.parse(body))
    const pieces = html.renderers.analyze?.(report, {style: PLAIN_STYLE, view: 'whole', registers: false}) ?? []
    return [...pieces].join('')
  } catch (cause) {
    const hint = 'write it anew: gotrace-core batch --reports DIR'
    throw new InputError('unreadable', `${path}: no report, or a damaged one: ${messageOf(cause)}`, hint, {cause})
  }
}

function asJson(document: object): SiteResponse {
  return {status: 200, type: JSON_TYPE, body: [...renderWhole(document)].join('')}
}

function fail(
  status: number,
  isApi: boolean,
  message: string,
  hint: string | null,
  code: ReturnType<typeof describeFailure>['code'] = 'bad-argument',
): SiteResponse {
  return isApi
    ? {status, type: JSON_TYPE, body: renderFailure({code, message, hint})}
    : {status, type: HTML, body: renderFailurePage(message, hint)}
}

function badAddress(cause: URIError): InputError {
  return new InputError('bad-argument', 'no address', 'begin at /', {cause})
}

/** @throws InputError where it is no JSON object */
function parseFields(body: string): URLSearchParams {
  try {
    const fields: unknown = JSON.parse(body)
    return new URLSearchParams(fields as Record<string, string>)
  } catch (cause) {
    throw new InputError('bad-argument', 'no JSON object', 'send {"token", "state", "build", "note"}', {cause})
  }
}

function textOf(fields: URLSearchParams, name: string): string | null {
  const text = fields.get(name)?.slice(0, FIELD_MAX).trim() ?? ''
  return text === '' ? null : text
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
