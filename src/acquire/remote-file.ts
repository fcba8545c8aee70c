import {InputError} from '../base/errors.ts'
import type {Environment} from './aws-settings.ts'
import {
  type Exchange,
  type ExchangeOptions,
  exchange,
  explanationOf,
  isUnreachable,
  unreachable,
} from './http-exchange.ts'
import {isS3, parseS3Place, S3Bucket} from './s3-bucket.ts'

export interface RemoteOptions extends ExchangeOptions {
  /** Says where S3 is and who asks. */
  readonly environment: Environment
}

/** How a file is asked for: by a request for each time, or by one that another may send again and again for a day. */
interface Door {
  request(headers: Readonly<Record<string, string>>): Promise<Request>
  standing(): Promise<Request>
}

/** How often a body is taken up again where it broke off, without a byte in between. */
const BREAKS_MAX = 3
const RANGE_NOT_SATISFIABLE = 416
const PARTIAL_CONTENT = 206
const PRECONDITION_FAILED = 412
/** To be asked for as it lies there: an encoding would be undone on the way, and ranges are of the encoded bytes. */
const AS_IT_IS = {'accept-encoding': 'identity'}

/** Whether a core is named by an address: `s3://BUCKET/KEY`, `https://…`, `http://…`. */
export function isRemote(path: string): boolean {
  return /^(?:s3|https?):\/\//.test(path)
}

/** What a file is called in messages and reports: of an address nothing that lets anybody in. */
export function remoteName(address: string): string {
  if (!isRemote(address) || isS3(address) || !URL.canParse(address)) return address
  const url = new URL(address)
  return `${url.protocol}//${url.host}${url.pathname}`
}

/** A file on a server, as it was when it was opened. */
export class RemoteFile {
  readonly name: string
  /** undefined: the server does not say. */
  readonly size: number | undefined
  /** Its ETag: another one is another content (RFC 9110, 8.8.3); undefined where the server gives none. */
  readonly version: string | undefined
  /** The server gives parts of it. */
  readonly hasRanges: boolean
  readonly #door: Door
  readonly #options: RemoteOptions

  private constructor(address: string, facts: RemoteFacts, door: Door, options: RemoteOptions) {
    this.name = remoteName(address)
    this.size = facts.size
    this.version = facts.version
    this.hasRanges = facts.hasRanges
    this.#door = door
    this.#options = options
  }

  /** @throws InputError not-found, unreadable, unreachable, unsupported */
  static async open(address: string, options: RemoteOptions): Promise<RemoteFile> {
    const door = await openDoor(address, options)
    const name = remoteName(address)
    // HEAD is refused by some servers, and says nothing of ranges on others: the first byte is asked for.
    const answer = await exchange(name, () => door.request({...AS_IT_IS, range: 'bytes=0-0'}), options)
    if (answer.response.status !== RANGE_NOT_SATISFIABLE && !answer.response.ok) throw await refusal(name, answer)
    await answer.end()
    return new RemoteFile(address, factsOf(answer.response), door, options)
  }

  /** `length` bytes at `start`. @throws InputError where they are not there, or no longer as they were */
  async read(start: number, length: number): Promise<Uint8Array> {
    if (length === 0) return new Uint8Array(0)
    const bytes = new Uint8Array(length)
    let done = 0
    for await (const chunk of this.#chunks(start, start + length)) {
      bytes.set(chunk.subarray(0, length - done), done)
      done += chunk.length
      if (done >= length) break
    }
    if (done < length) throw unreachable(this.name, `${done} bytes of ${length} were sent`)
    return bytes
  }

  /** A request for it that may be sent again and again, with ranges, for a day. */
  standingRequest(): Promise<Request> {
    return this.#door.standing()
  }

  /** The whole file, in pieces as they come. @throws InputError */
  chunks(): AsyncGenerator<Uint8Array> {
    return this.#chunks(0)
  }

  /** What breaks off is taken up again where it broke, if the server gives parts. */
  async *#chunks(start: number, end = this.size): AsyncGenerator<Uint8Array> {
    for (let at = start, breaks = 0; at !== end; ) {
      const from = at
      try {
        for await (const chunk of this.#body(at, end)) {
          at += chunk.length
          yield chunk
        }
        if (end === undefined || at >= end) return
        throw unreachable(this.name, `${at - start} bytes of ${end - start} were sent`)
      } catch (error) {
        breaks = at > from ? 1 : breaks + 1
        if (breaks > BREAKS_MAX || !this.#mayGoOn(error, at)) throw error
      }
    }
  }

  #mayGoOn(error: unknown, at: number): boolean {
    return isUnreachable(error) && this.#options.deadline?.left !== 0 && (this.hasRanges || at === 0)
  }

  async *#body(start: number, end: number | undefined): AsyncGenerator<Uint8Array> {
    const isPart = start > 0 || end !== this.size
    const range: Record<string, string> = isPart ? {range: `bytes=${start}-${end === undefined ? '' : end - 1}`} : {}
    const same: Record<string, string> = this.version === undefined ? {} : {'if-match': this.version}
    const headers = {...AS_IT_IS, ...range, ...same}
    const answer = await exchange(this.name, () => this.#door.request(headers), this.#options)
    try {
      if (answer.response.status === PRECONDITION_FAILED || this.#isOther(answer.response)) throw this.#changed()
      if (!answer.response.ok) throw await refusal(this.name, answer)
      if (isPart && answer.response.status !== PARTIAL_CONTENT) {
        throw new InputError(
          'unreadable',
          `${this.name}: the server gives no parts of it`,
          'fetch it, and name the file',
        )
      }
      yield* answer.chunks()
    } finally {
      await answer.end()
    }
  }

  /** Not all servers look at If-Match. */
  #isOther({ok, headers}: Response): boolean {
    return ok && this.version !== undefined && versionOf(headers) !== this.version
  }

  #changed(): InputError {
    return new InputError('unreadable', `${this.name}: it was changed while it was read`, 'try again')
  }
}

interface RemoteFacts {
  readonly size: number | undefined
  readonly version: string | undefined
  readonly hasRanges: boolean
}

function factsOf({status, headers}: Response): RemoteFacts {
  const hasRanges = status === PARTIAL_CONTENT
  const size = Number(
    hasRanges ? /\/(\d+)$/.exec(headers.get('content-range') ?? '')?.[1] : headers.get('content-length'),
  )
  // What is asked for a byte that is not there is empty.
  if (status === RANGE_NOT_SATISFIABLE) return {size: 0, version: undefined, hasRanges: false}
  const isKnown = Number.isSafeInteger(size) && (hasRanges || headers.has('content-length'))
  return {size: isKnown ? size : undefined, version: versionOf(headers), hasRanges}
}

/** A weak one is of a content that is alike, not the same. */
function versionOf(headers: Headers): string | undefined {
  const tag = headers.get('etag')
  return tag === null || tag.startsWith('W/') ? undefined : tag
}

async function openDoor(address: string, {environment}: RemoteOptions): Promise<Door> {
  if (isS3(address)) {
    const {bucket, key} = parseS3Place(address)
    if (key === '') throw new InputError('bad-argument', `${address}: a bucket, no file`, 'it is s3://BUCKET/KEY')
    const opened = await S3Bucket.open(bucket, environment)
    return {request: headers => opened.request(key, {headers}), standing: () => opened.standingRequest(key)}
  }
  if (!URL.canParse(address)) throw new InputError('bad-argument', `${address}: no address`, 'check it')
  const {url, authorization} = withoutLogin(new URL(address))
  const request: Door['request'] = async headers => new Request(url, {headers: {...headers, ...authorization}})
  return {request, standing: () => request({})}
}

/** fetch() takes no address with a user's name and password: they go into a header (RFC 7617). */
export function withoutLogin(url: URL): {url: URL; authorization: Record<string, string>} {
  const {username, password} = url
  if (username === '' && password === '') return {url, authorization: {}}
  url.username = ''
  url.password = ''
  const login = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64')
  return {url, authorization: {authorization: `Basic ${login}`}}
}

async function refusal(name: string, answer: Exchange): Promise<InputError> {
  const {status, headers} = answer.response
  const said = `${status} ${await explanationOf(answer)}`.trim()
  if (status === 404 || status === 410) return new InputError('not-found', `${name}: ${said}`, 'check the address')
  const region = headers.get('x-amz-bucket-region')
  const hint =
    status === 301 && region !== null
      ? `the bucket is in another region: AWS_REGION=${region}`
      : 'check who you are for the server (AWS_PROFILE or AWS_ACCESS_KEY_ID for S3), and what that user may read'
  return new InputError('unreadable', `${name}: the server refuses it: ${said}`, hint)
}
