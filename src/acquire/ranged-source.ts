import {Worker} from 'node:worker_threads'
import {checkRange} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import {InputError, TruncatedFileError} from '../base/errors.ts'
import {unreachable} from './http-exchange.ts'
import type {RemoteFile} from './remote-file.ts'
import type {ClosableSource} from './sparse-sink.ts'

const BLOCK_SIZE = 256 * 1024
/** What is read from one end to the other is asked for in parts that grow to this. */
const PART_MAX = 4 * 1024 * 1024
/** Fetched blocks that are kept: 128 MiB of them, those that were read last. */
const BLOCKS_MAX = 512
/** Time in which the thread looks at nothing but the answer; between two such, this one may be ended. */
const LOOK_MS = 200
const EXPLANATION_SIZE = 1024
/** What the thread says, in the first word of `control`; the second is the number of bytes. */
const SAYS = {nothing: 0, bytes: 1, changed: 2, refused: 3, failed: 4} as const

/**
 * Runs in a thread with an event loop of its own, for the one that reads a core waits for each byte. It keeps to what
 * exchange() does.
 */
const THREAD = `
const {parentPort, workerData: {url, headers, version, control, bytes, explanation, says, attempts, seconds}} =
  require('node:worker_threads')
const tell = (word, size) => {
  Atomics.store(control, 1, size)
  Atomics.store(control, 0, word)
  Atomics.notify(control, 0)
}
const explain = (word, text) => tell(word, new TextEncoder().encodeInto(text, explanation).written)
const isTransient = status => status >= 500 || status === 429
const ask = async (from, to) => {
  const range = {range: 'bytes=' + from + '-' + (to - 1), 'if-match': version, 'accept-encoding': 'identity'}
  const signal = AbortSignal.timeout(seconds * 1000)
  const response = await fetch(url, {headers: {...headers, ...range}, signal})
  if (isTransient(response.status)) throw new Error(String(response.status))
  if (response.status === 412 || (response.ok && response.headers.get('etag') !== version)) return tell(says.changed, 0)
  if (response.status !== 206) return explain(says.refused, response.status + ' ' + response.statusText)
  let done = 0
  for await (const chunk of response.body) {
    bytes.set(chunk.subarray(0, to - from - done), done)
    done += chunk.length
  }
  if (done < to - from) throw new Error(done + ' bytes of ' + (to - from) + ' were sent')
  tell(says.bytes, to - from)
}
parentPort.on('message', async ({from, to}) => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask(from, to)
    } catch (error) {
      if (attempt === attempts) return explain(says.failed, error.cause?.message || error.message)
      await new Promise(resolve => setTimeout(resolve, 200 * 2 ** (attempt - 1) * (1 + Math.random())))
    }
  }
})
`
const ATTEMPTS = 4
const TIMEOUT_SECONDS = 60

/** A file on a server of which the parts that are read are fetched, when they are read. */
export class RangedSource implements ClosableSource {
  readonly name: string
  readonly size: number
  readonly #deadline: Deadline | undefined
  readonly #thread: Worker
  readonly #control = new Int32Array(new SharedArrayBuffer(8))
  readonly #bytes = new Uint8Array(new SharedArrayBuffer(PART_MAX))
  readonly #explanation = new Uint8Array(new SharedArrayBuffer(EXPLANATION_SIZE))
  readonly #blocks = new Map<number, Uint8Array>()
  /** The block behind the last part that was fetched, and how long that was. */
  #next = -1
  #partSize = BLOCK_SIZE

  private constructor(file: RemoteFile, size: number, target: Request, deadline: Deadline | undefined) {
    this.name = file.name
    this.size = size
    this.#deadline = deadline
    this.#thread = new Worker(THREAD, {
      eval: true,
      execArgv: [],
      workerData: {
        url: target.url,
        headers: Object.fromEntries(target.headers),
        version: file.version,
        control: this.#control,
        bytes: this.#bytes,
        explanation: this.#explanation,
        says: SAYS,
        attempts: ATTEMPTS,
        seconds: TIMEOUT_SECONDS,
      },
    })
    this.#thread.unref()
  }

  /** undefined where the server gives no parts, or does not say which version they are of. */
  static async open(file: RemoteFile, deadline: Deadline | undefined): Promise<RangedSource | undefined> {
    const {size, version, hasRanges} = file
    if (size === undefined || version === undefined || !hasRanges) return undefined
    return new RangedSource(file, size, await file.standingRequest(), deadline)
  }

  /** @throws TruncatedFileError · InputError where the server does not give it */
  read(offset: number, length: number): Uint8Array {
    checkRange(this, offset, length)
    const first = Math.floor(offset / BLOCK_SIZE)
    const within = offset - first * BLOCK_SIZE
    if (within + length <= BLOCK_SIZE) return this.#block(first).subarray(within, within + length)
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const index = Math.floor((offset + done) / BLOCK_SIZE)
      const part = this.#block(index).subarray(offset + done - index * BLOCK_SIZE)
      bytes.set(part.subarray(0, length - done), done)
      done += part.length
    }
    return bytes
  }

  #block(index: number): Uint8Array {
    const known = this.#blocks.get(index)
    if (known) return this.#keep(index, known)
    this.#partSize = index === this.#next ? Math.min(this.#partSize * 2, PART_MAX) : BLOCK_SIZE
    const start = index * BLOCK_SIZE
    const end = Math.min(start + this.#partSize, this.size)
    const part = this.#fetch(start, end)
    const blocks = Math.ceil(part.length / BLOCK_SIZE)
    // The first one last: it is the one that is read now.
    for (let at = blocks - 1; at >= 0; at--) this.#keep(index + at, part.slice(at * BLOCK_SIZE, (at + 1) * BLOCK_SIZE))
    this.#next = index + blocks
    return this.#blocks.get(index) as Uint8Array
  }

  #keep(index: number, block: Uint8Array): Uint8Array {
    this.#blocks.delete(index)
    this.#blocks.set(index, block)
    const [oldest] = this.#blocks.keys()
    if (this.#blocks.size > BLOCKS_MAX && oldest !== undefined) this.#blocks.delete(oldest)
    return block
  }

  /** A view of what the thread shares, until the next call. */
  #fetch(from: number, to: number): Uint8Array {
    const control = this.#control
    Atomics.store(control, 0, SAYS.nothing)
    this.#thread.postMessage({from, to})
    while (Atomics.load(control, 0) === SAYS.nothing) {
      Atomics.wait(control, 0, SAYS.nothing, LOOK_MS)
      // What was not fetched in time is missing, as what a file does not hold.
      if (this.#deadline?.isOver(`fetching ${this.name}`)) throw new TruncatedFileError(this.name, to - from, from)
    }
    const size = Atomics.load(control, 1)
    const text = (): string => new TextDecoder().decode(new Uint8Array(this.#explanation.subarray(0, size)))
    switch (Atomics.load(control, 0)) {
      case SAYS.bytes:
        return this.#bytes.subarray(0, size)
      case SAYS.changed:
        throw new InputError('unreadable', `${this.name}: it was changed while it was read`, 'try again')
      case SAYS.refused:
        throw new InputError('unreadable', `${this.name}: the server refuses it: ${text()}`, 'try again')
      default:
        throw unreachable(this.name, text())
    }
  }

  close(): void {
    void this.#thread.terminate()
  }
}
