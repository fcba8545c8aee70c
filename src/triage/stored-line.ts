import type {BatchLine, FailureReport} from '../report/core-report.ts'

/** What an earlier line says, as far as a later run needs it. */
export type StoredLine = Pick<
  BatchLine,
  'path' | 'size' | 'mtime' | 'attempt' | 'executable' | 'goVersion' | 'crash' | 'signature'
> & {
  /** Its code may be one that a later version has. */
  error: (Omit<FailureReport, 'code'> & {code: string}) | null
}

export type Fields = Readonly<Record<string, unknown>>

/** A line of ours, or undefined. It may come from a later release: only what is used is looked at. */
export function parseStoredLine(text: string): StoredLine | undefined {
  const line = fieldsOf(parseJson(text))
  if (!line || typeof line.schemaVersion !== 'string' || typeof line.path !== 'string') return undefined
  return {
    path: line.path,
    size: typeof line.size === 'number' ? line.size : null,
    mtime: textOf(line.mtime),
    // Lines of the releases that did not count are of a first attempt.
    attempt: typeof line.attempt === 'number' && line.attempt >= 1 ? line.attempt : 1,
    executable: executableOf(fieldsOf(line.executable)),
    goVersion: textOf(line.goVersion),
    crash: crashOf(fieldsOf(line.crash)),
    signature: signatureOf(fieldsOf(line.signature)),
    error: errorOf(fieldsOf(line.error)),
  }
}

/** A JSON object; without fields where the text is none. */
export function parseObject(text: string): Fields {
  return fieldsOf(parseJson(text)) ?? {}
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** undefined where it is no object with names. */
export function fieldsOf(value: unknown): Fields | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' ? value : null
}

function executableOf(fields: Fields | undefined): StoredLine['executable'] {
  return fields ? {path: textOf(fields.path), buildId: textOf(fields.buildId)} : null
}

const KINDS = ['signal', 'panic', 'fatal', 'none'] as const

function crashOf(fields: Fields | undefined): StoredLine['crash'] {
  if (!fields) return null
  const number = (value: unknown): number | null => (typeof value === 'number' ? value : null)
  return {
    kind: KINDS.find(kind => kind === fields.kind) ?? 'none',
    signal: textOf(fields.signal),
    codeName: textOf(fields.codeName),
    faultAddress: textOf(fields.faultAddress),
    message: textOf(fields.message),
    thread: number(fields.thread),
    goroutine: number(fields.goroutine),
    image: textOf(fields.image),
    duringCgo: fields.duringCgo === true,
    cause: causeOf(fieldsOf(fields.cause)),
  }
}

function causeOf(fields: Fields | undefined): NonNullable<StoredLine['crash']>['cause'] {
  return fields ? {kind: textOf(fields.kind) ?? 'unknown', text: textOf(fields.text) ?? ''} : null
}

function signatureOf(fields: Fields | undefined): StoredLine['signature'] {
  if (!fields) return null
  const frames = Array.isArray(fields.frames) ? fields.frames.filter(name => typeof name === 'string') : []
  // Lines of the releases that told no version are of the first.
  return {
    version: textOf(fields.version) ?? '1',
    exact: textOf(fields.exact),
    family: textOf(fields.family),
    frames,
    explain: null,
  }
}

function errorOf(fields: Fields | undefined): StoredLine['error'] {
  return fields
    ? {code: textOf(fields.code) ?? 'unknown', message: textOf(fields.message) ?? '', hint: textOf(fields.hint)}
    : null
}
