import {setTimeout as pause} from 'node:timers/promises'
import type {Deadline} from '../base/deadline.ts'
import {InputError, messageOf} from '../base/errors.ts'
import {Patience} from './patience.ts'

export interface ExchangeOptions {
  readonly deadline?: Deadline | undefined
  /** Seconds without 100 kB of data after which a server is given up. */
  readonly timeoutSeconds?: number | undefined
}

const DEFAULT_TIMEOUT_SECONDS = 60
const ATTEMPTS = 4
const FIRST_PAUSE_MS = 200
/** Of what a server says of an error. */
const EXPLANATION_MAX = 4096
/** "Too Many Requests" (RFC 6585); what begins with 5 is the server's fault, and may be gone the next time. */
const TOO_MANY_REQUESTS = 429

/** A server's answer, the body of which is read once. */
export interface Exchange {
  readonly response: Response
  /** The body as it comes. @throws InputError unreachable, where it stops before its end */
  chunks(): AsyncGenerator<Uint8Array>
  /** Gives up what was not read. */
  end(): Promise<void>
}

/**
 * Sends a request until it is answered: a server that is not there, is silent, or has a fault of its own is asked some
 * times more, later and later.
 * @param name of what is asked for, in messages
 * @param make the request, anew for each time; of a long body it says how much was taken
 * @throws InputError unreachable
 */
export async function exchange(
  name: string,
  make: (sent: (bytes: number) => void) => Promise<Request>,
  options: ExchangeOptions = {},
): Promise<Exchange> {
  for (let attempt = 1; ; attempt++) {
    try {
      const begun = await beginExchange(name, make, options)
      const {status} = begun.response
      if (status < 500 && status !== TOO_MANY_REQUESTS) return begun
      throw unreachable(name, `${status} ${await explanationOf(begun)}`.trim())
    } catch (error) {
      const wait = FIRST_PAUSE_MS * 2 ** (attempt - 1) * (1 + Math.random())
      const isLast = attempt === ATTEMPTS || wait > (options.deadline?.left ?? Number.POSITIVE_INFINITY)
      if (isLast || !isUnreachable(error)) throw error
      await pause(wait)
    }
  }
}

async function beginExchange(
  name: string,
  make: (sent: (bytes: number) => void) => Promise<Request>,
  options: ExchangeOptions,
): Promise<Exchange> {
  const {deadline, timeoutSeconds = DEFAULT_TIMEOUT_SECONDS} = options
  const patience = new Patience(timeoutSeconds, Math.ceil((deadline?.left ?? Number.POSITIVE_INFINITY) / 1000))
  let response: Response
  try {
    const request = await make(bytes => patience.received(bytes))
    response = await fetch(request, {signal: patience.signal})
  } catch (error) {
    patience.end()
    throw error instanceof InputError ? error : unreachable(name, reasonOf(error), error)
  }
  const end = async (): Promise<void> => {
    patience.end()
    if (response.body?.locked === false) response.body.cancel().catch(() => {})
  }
  return {response, chunks: () => readBody(name, response, patience), end}
}

async function* readBody(name: string, response: Response, patience: Patience): AsyncGenerator<Uint8Array> {
  try {
    if (response.body) yield* patience.chunks(response.body)
  } catch (error) {
    throw error instanceof InputError ? error : unreachable(name, reasonOf(error), error)
  } finally {
    patience.end()
  }
}

/** What the server says of an error: S3's code and message, else the beginning of a text. */
export async function explanationOf(answer: Exchange): Promise<string> {
  let text = ''
  try {
    const decoder = new TextDecoder()
    for await (const chunk of answer.chunks()) {
      text += decoder.decode(chunk, {stream: true})
      if (text.length > EXPLANATION_MAX) break
    }
  } catch {
    // The status alone then.
  }
  await answer.end()
  const [, code] = /<Code>([^<]*)<\/Code>/.exec(text) ?? []
  const [, message] = /<Message>([^<]*)<\/Message>/.exec(text) ?? []
  if (code !== undefined) return message === undefined ? code : `${code}: ${message}`
  return answer.response.statusText
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof InputError && error.code === 'unreachable'
}

export function unreachable(name: string, reason: string, cause?: unknown): InputError {
  const hint = 'check the address and the network, and try again later'
  return new InputError('unreachable', `${name}: ${reason}`, hint, {cause})
}

/** What fetch says of a failure is in its cause. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined
  return cause instanceof Error && cause.message !== '' ? cause.message : messageOf(error)
}
