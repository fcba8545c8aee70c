import {createHash} from 'node:crypto'
import type {BatchLine} from '../../report/core-report.ts'
import {parseJson} from '../stored-line.ts'

/** A core that waits to be analysed: plain data, which is in the queue as JSON. */
export interface QueuedCore {
  /** A path that workers see too, or an address: it may have a password in it. */
  readonly source: string
  /** What lines and reports call it. */
  readonly path: string
  readonly size: number | null
  /** ISO 8601, UTC; null where nothing tells. */
  readonly mtime: string | null
  /** Of its process where that was read, else of the file: the same core waits once. */
  readonly key: string
  readonly labels: BatchLine['labels']
}

type Fields = Readonly<Record<string, unknown>>

/** What a queue holds may be of a later release, or somebody else's; undefined where it is no core. */
export function parseQueuedCore(value: unknown): QueuedCore | undefined {
  const data = (typeof value === 'string' ? parseJson(value) : value) as Fields | null | undefined
  if (typeof data !== 'object' || data === null) return undefined
  const {source, path, size, mtime, key, labels} = data
  if (typeof source !== 'string' || source === '' || typeof key !== 'string') return undefined
  return {
    source,
    path: typeof path === 'string' ? path : source,
    key,
    size: typeof size === 'number' ? size : null,
    mtime: typeof mtime === 'string' && isMoment(mtime) ? mtime : null,
    labels: textsOf(labels),
  }
}

function isMoment(text: string): boolean {
  const time = Date.parse(text)
  return !Number.isNaN(time) && new Date(time).toISOString() === text
}

function textsOf(value: unknown): QueuedCore['labels'] {
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(Object.entries(value).filter(([, text]) => typeof text === 'string'))
}

const VERSION = '8'
/** Of its two bits the first is 1 and the second 0. */
const VARIANTS = '89ab'

/** The ID of the job of a core: the same for the same key (RFC 9562, version 8). */
export function jobIdOf(key: string): string {
  const digest = createHash('sha256').update(key).digest('hex')
  const variant = VARIANTS[Number.parseInt(digest[16] ?? '0', 16) % VARIANTS.length]
  return [
    digest.slice(0, 8),
    digest.slice(8, 12),
    `${VERSION}${digest.slice(13, 16)}`,
    `${variant}${digest.slice(17, 20)}`,
    digest.slice(20, 32),
  ].join('-')
}
