/** What a server must send within the timeout (debuginfod_find_debuginfo(3), DEBUGINFOD_TIMEOUT). */
const BYTES_PER_TIMEOUT = 100_000
/** The longest that a timer of Node's can wait. */
const TIMER_SECONDS_MAX = 2_147_483

/** Gives a server up that does not send enough within a time, or takes too long for a whole file. */
export class Patience {
  readonly #stop = new AbortController()
  readonly #timeoutSeconds: number
  readonly #whole: NodeJS.Timeout
  #idle: NodeJS.Timeout
  #received = 0

  constructor(timeoutSeconds: number, maxSeconds: number) {
    this.#timeoutSeconds = timeoutSeconds
    this.#idle = this.#abortAfter(timeoutSeconds, 'too little data in')
    this.#whole = this.#abortAfter(maxSeconds, 'not done after')
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /**
   * A body as it comes. Of one whose encoding is damaged fetch() tells neither its end nor an error, and does not let
   * go of it (undici of Node 20): so what is waited for is the next piece or the end of the patience.
   * @throws what ended the patience
   */
  async *chunks(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
    const {signal} = this
    const reader = body.getReader()
    const givenUp = new Promise<never>((_, failed) => {
      if (signal.aborted) failed(signal.reason)
      signal.addEventListener('abort', () => failed(signal.reason), {once: true})
    })
    givenUp.catch(() => {})
    try {
      for (;;) {
        const {done, value} = await Promise.race([reader.read(), givenUp])
        if (done) return
        this.received(value.length)
        yield value
      }
    } finally {
      reader.cancel().catch(() => {})
    }
  }

  received(bytes: number): void {
    this.#received += bytes
    if (this.#received < BYTES_PER_TIMEOUT) return
    this.#received = 0
    clearTimeout(this.#idle)
    this.#idle = this.#abortAfter(this.#timeoutSeconds, 'too little data in')
  }

  end(): void {
    clearTimeout(this.#idle)
    clearTimeout(this.#whole)
    this.#stop.abort()
  }

  #abortAfter(seconds: number, reason: string): NodeJS.Timeout {
    const abort = (): void => this.#stop.abort(new DOMException(`${reason} ${seconds} s`, 'TimeoutError'))
    return setTimeout(abort, Math.min(seconds, TIMER_SECONDS_MAX) * 1000)
  }
}
