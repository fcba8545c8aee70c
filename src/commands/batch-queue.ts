import {setTimeout as sleep} from 'node:timers/promises'
import {Flags} from '@oclif/core'
import {isRemote} from '../acquire/remote-file.ts'
import {describeFailure, InputError} from '../base/errors.ts'
import {printable} from '../base/printable.ts'
import {renderPassedOver} from '../render/batch-text.ts'
import type {BatchLine} from '../report/core-report.ts'
import {noCounts} from '../triage/batch-run.ts'
import type {CoreQueue} from '../triage/queue/core-queue.ts'
import type {QueuedCore} from '../triage/queue/queued-core.ts'
import {listWork, type PassedOver, type WorkItem} from '../triage/work-list.ts'

/** Flags of a batch whose cores are analysed elsewhere. */
export const queueFlags = {
  queue: Flags.string({
    description: 'put the cores into the queue of this database, from which worker takes them',
    helpValue: 'URL',
  }),
  priority: Flags.integer({
    description: 'with --queue: higher ones are taken first',
    helpValue: 'N',
    min: -1000,
    max: 1000,
    default: 0,
  }),
  'queue-depth': Flags.integer({
    description: 'with --queue: so many cores may wait, at most',
    helpValue: 'N',
    min: 1,
    default: 100_000,
  }),
  'queue-full': Flags.option({
    options: ['wait', 'refuse'] as const,
    default: 'wait' as const,
    description: 'with --queue: what is done when so many wait',
  })(),
  again: Flags.boolean({description: 'with --queue: cores that could not be analysed are put in again'}),
}

/** Flags of a batch that analyses. */
const ELSEWHERE = ['output', 'store', 'resume', 'reports', 'group', 'exe'] as const

/** @throws InputError bad-argument where a flag is for those who analyse */
export function checkQueueFlags(flags: Readonly<Partial<Record<(typeof ELSEWHERE)[number], unknown>>>): void {
  const given = ELSEWHERE.find(name => flags[name])
  if (given === undefined) return
  const hint = `leave out --${given}: results are in the store of that database, reports are written by worker`
  throw new InputError('bad-argument', `--${given} with --queue: nothing is analysed here`, hint)
}

export interface QueueRequest {
  readonly queue: string
  readonly priority: number
  readonly 'queue-depth': number
  readonly 'queue-full': 'wait' | 'refuse'
  readonly again: boolean
  readonly attempts: number
  readonly quiet: boolean
  readonly labels: BatchLine['labels']
  readonly tool: {readonly name: string; readonly version: string}
  readonly tell: (text: string) => void
}

interface PutCounts {
  queued: number
  known: number
  errors: number
}

/** Cores that are put in at once: a batch that is killed has put in all before. */
const CHUNK = 64
const WAIT_MS = 1000
const PATIENCE_MS = 60_000

/**
 * Puts the cores that the paths and addresses stand for into a queue.
 * @throws InputError queue-full, and where the database cannot be reached
 */
export async function putInQueue(operands: readonly string[], request: QueueRequest): Promise<PutCounts> {
  const {CoreQueue} = await import('../triage/queue/core-queue.ts')
  const queue = await CoreQueue.open(request.queue, {tool: request.tool})
  const counts: PutCounts = {queued: 0, known: 0, errors: 0}
  const {passedOver} = noCounts()
  try {
    let chunk: QueuedCore[] = []
    for await (const found of findCores(operands, request)) {
      if (typeof found === 'string') passedOver[found]++
      else if (found instanceof Error) tellError(found, request, counts)
      else chunk.push(found)
      if (chunk.length < CHUNK) continue
      await putChunk(queue, chunk, request, counts)
      chunk = []
    }
    await putChunk(queue, chunk, request, counts)
  } finally {
    await queue.close()
    if (!request.quiet) tellCounts(counts, renderPassedOver(passedOver), request)
  }
  return counts
}

function tellError(error: Error, {tell}: QueueRequest, counts: PutCounts): void {
  const {message, hint} = describeFailure(error)
  counts.errors++
  tell(`${printable(message)}${hint === null ? '' : `\n  ${printable(hint)}`}`)
}

function tellCounts({queued, known, errors}: PutCounts, others: string, {tell}: QueueRequest): void {
  const parts = [`${queued} queued`]
  if (known > 0) parts.push(`${known} known`)
  if (errors > 0) parts.push(`${errors} cannot be read`)
  tell(`${parts.join(', ')}${others && `; ${others}`}`)
}

/** @throws InputError queue-full */
async function putChunk(
  queue: CoreQueue,
  chunk: readonly QueuedCore[],
  request: QueueRequest,
  counts: PutCounts,
): Promise<void> {
  const {priority, attempts, again, 'queue-depth': depthMax, 'queue-full': whenFull} = request
  let isTold = request.quiet
  for (let left = chunk; left.length > 0; ) {
    const waiting = left
    const result = await patiently(() => queue.put(waiting, {depthMax, priority, attempts, again}))
    counts.queued += result.queued
    counts.known += result.known
    left = result.left
    if (left.length === 0) return
    if (whenFull === 'refuse') throw isFull(queue.name, depthMax)
    if (!isTold) request.tell(`${depthMax} cores wait; going on when there is room`)
    isTold = true
    await sleep(WAIT_MS)
  }
}

/** A database that restarts is waited for, for some time. @throws InputError */
async function patiently<Result>(work: () => Promise<Result>): Promise<Result> {
  const {isPassing} = await import('../triage/store/postgres-errors.ts')
  for (let left = PATIENCE_MS; ; left -= WAIT_MS) {
    try {
      return await work()
    } catch (error) {
      if (left <= 0 || !isPassing(error)) throw error
      await sleep(WAIT_MS)
    }
  }
}

function isFull(name: string, depthMax: number): InputError {
  return new InputError(
    'queue-full',
    `${name}: ${depthMax} cores wait already`,
    'start more workers, or allow more with --queue-depth; without --queue-full refuse it waits',
  )
}

type Found = QueuedCore | PassedOver | Error

/** Files first: an address may take its time. */
async function* findCores(operands: readonly string[], {labels}: QueueRequest): AsyncGenerator<Found> {
  const {identifyAddress, identifyFile} = await import('../triage/queue/core-identity.ts')
  for (const item of listWork(operands.filter(operand => !isRemote(operand)))) {
    if (!isFound(item)) yield item
    else yield item.error ?? (await identifyFile(item, labels)) ?? 'packed, no core'
  }
  for (const address of operands.filter(isRemote)) {
    yield await identifyAddress(address, labels, {environment: process.env}).catch((error: Error) => error)
  }
}

function isFound(item: WorkItem | PassedOver): item is WorkItem {
  return typeof item !== 'string'
}
