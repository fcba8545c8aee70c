import {InputError} from '../base/errors.ts'
import {loadPeer} from '../base/optional-peer.ts'
import {type AwsSettings, type Environment, readAwsSettings} from './aws-settings.ts'

/** What is used of the package aws4fetch: it signs requests (AWS General Reference, "Signature Version 4"). */
interface Signer {
  sign(url: string, init: RequestInit & {aws?: {signQuery: boolean}}): Promise<Request>
}
type SignerPackage = {AwsClient: new (options: Record<string, string | undefined>) => Signer}

/** An object's place: `s3://BUCKET/KEY`, the key as it is, nothing of it escaped. */
export interface S3Place {
  readonly bucket: string
  readonly key: string
}

/** @throws InputError where the text names no bucket */
export function parseS3Place(text: string): S3Place {
  const [, bucket, key = ''] = /^s3:\/\/([A-Za-z0-9][A-Za-z0-9._-]*)(?:\/(.*))?$/s.exec(text) ?? []
  if (bucket !== undefined) return {bucket, key}
  throw new InputError('bad-argument', `${text}: no place in S3`, 'it is s3://BUCKET/KEY')
}

export function isS3(text: string): boolean {
  return text.startsWith('s3://')
}

/** fetch() adds to it where a range is asked for (Fetch, "HTTP-network-or-cache fetch"), behind the signature. */
const NOT_SIGNED = 'accept-encoding'

/** Signs requests for the objects of one bucket. */
export class S3Bucket {
  readonly #base: string
  readonly #signer: Signer

  private constructor(base: string, signer: Signer) {
    this.#base = base
    this.#signer = signer
  }

  /**
   * Few have their cores in a bucket: the package is an optional peer.
   * @throws InputError where it or the credentials are missing
   */
  static async open(bucket: string, environment: Environment): Promise<S3Bucket> {
    const {AwsClient} = loadPeer<SignerPackage>('aws4fetch', 's3://', 'aws4fetch@1.0.20')
    const settings = await readAwsSettings(environment)
    const {region, credentials} = settings
    return new S3Bucket(baseOf(bucket, settings), new AwsClient({...credentials, region, service: 's3'}))
  }

  /** A request for an object, which is good for some minutes. */
  async request(key: string, init: RequestInit = {}): Promise<Request> {
    const headers = new Headers(init.headers)
    const encoding = headers.get(NOT_SIGNED)
    headers.delete(NOT_SIGNED)
    const request = await this.#signer.sign(this.#addressOf(key), {...init, headers})
    if (encoding !== null) request.headers.set(NOT_SIGNED, encoding)
    return request
  }

  /** A request for an object that is good for a day, with any range: its signature stands in the address. */
  standingRequest(key: string): Promise<Request> {
    return this.#signer.sign(this.#addressOf(key), {aws: {signQuery: true}})
  }

  #addressOf(key: string): string {
    return `${this.#base}/${key.split('/').map(escapePart).join('/')}`
  }
}

/** By name where the bucket can be part of a name for which AWS has a certificate, else by path. */
function baseOf(bucket: string, {endpoint, region}: AwsSettings): string {
  if (endpoint !== undefined) return `${endpoint}/${bucket}`
  const domain = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`
  return /^[a-z0-9-]+$/.test(bucket) ? `https://${bucket}.${domain}` : `https://${domain}/${bucket}`
}

/** All but the unreserved characters of RFC 3986, as the signature has them. A part of dots alone would be resolved. */
function escapePart(part: string): string {
  if (part === '.' || part === '..') throw new InputError('bad-argument', `${part}: no part of a key`, 'name another')
  return encodeURIComponent(part).replace(/[!'()*]/g, char => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
}
