import type {ByteSource} from '../base/byte-source.ts'
import type {Deadline} from '../base/deadline.ts'
import {InputError} from '../base/errors.ts'
import type {Environment} from './aws-settings.ts'
import {exchange, explanationOf} from './http-exchange.ts'
import {parseS3Place, S3Bucket} from './s3-bucket.ts'
import type {Kept, StoreEntry, SymbolStore} from './symbol-store.ts'

/** Of one PUT (Amazon S3 User Guide, "Uploading objects"). */
const SIZE_MAX = 5 * 1024 ** 3
const CHUNK_SIZE = 256 * 1024

/** A symbol store in a bucket: `PREFIX/buildid/KEY/executable` and `debuginfo`. An object appears when it is whole. */
export class S3Store implements SymbolStore {
  readonly name: string
  readonly #bucket: S3Bucket
  readonly #prefix: string
  readonly #deadline: Deadline | undefined

  private constructor(name: string, bucket: S3Bucket, prefix: string, deadline: Deadline | undefined) {
    this.name = name
    this.#bucket = bucket
    this.#prefix = prefix
    this.#deadline = deadline
  }

  /**
   * @param deadline of all that is put there
   * @throws InputError
   */
  static async open(address: string, environment: Environment, deadline?: Deadline): Promise<S3Store> {
    const {bucket, key} = parseS3Place(address.replace(/\/+$/, ''))
    return new S3Store(address, await S3Bucket.open(bucket, environment), key === '' ? '' : `${key}/`, deadline)
  }

  /** A request for what lies below the prefix. */
  request(path: string): Promise<Request> {
    return this.#bucket.request(`${this.#prefix}${path}`)
  }

  async *keep(file: ByteSource, entries: readonly StoreEntry[]): AsyncGenerator<Kept> {
    for (const entry of entries) yield await this.#put(file, entry)
  }

  async #put(file: ByteSource, {key, artifact}: StoreEntry): Promise<Kept> {
    const path = `buildid/${key}/${artifact}`
    const name = `${this.name.replace(/\/+$/, '')}/${path}`
    if (file.size > SIZE_MAX) throw new InputError('too-large', `${file.name}: too large for a bucket`, 'leave it out')
    const object = `${this.#prefix}${path}`
    const patience = {deadline: this.#deadline}
    const asked = await exchange(name, () => this.#bucket.request(object, {method: 'HEAD'}), patience)
    await asked.end()
    if (asked.response.ok) return 'held'
    const answer = await exchange(name, sent => this.#bucket.request(object, upload(file, sent)), patience)
    if (answer.response.ok) {
      await answer.end()
      return 'stored'
    }
    const {status} = answer.response
    const hint = 'check the bucket, and what AWS_PROFILE or AWS_ACCESS_KEY_ID may write'
    throw new InputError('not-writable', `${name}: ${status} ${await explanationOf(answer)}`, hint)
  }
}

type Upload = RequestInit & {duplex: 'half'}

/** In pieces, as they are taken; S3 wants to know the length before (API Reference, "PutObject"). */
function upload(file: ByteSource, sent: (bytes: number) => void): Upload {
  let at = 0
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      const length = Math.min(CHUNK_SIZE, file.size - at)
      if (length === 0) return controller.close()
      controller.enqueue(new Uint8Array(file.read(at, length)))
      at += length
      sent(length)
    },
  })
  return {method: 'PUT', headers: {'content-length': String(file.size)}, body, duplex: 'half'}
}
