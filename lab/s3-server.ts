import {createHash, createHmac} from 'node:crypto'
import {createServer, type IncomingMessage, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'

/** Who may ask. */
const S3_LOGIN = {AWS_ACCESS_KEY_ID: 'AKIDLAB', AWS_SECRET_ACCESS_KEY: 'lab/secret+key', AWS_REGION: 'eu-lab-1'}

/**
 * A server of objects by the protocol of S3, as far as it is used: PUT, HEAD and GET, ranges too, of buckets named in
 * the path. What is not signed as AWS says is refused (AWS General Reference, "Signature Version 4").
 */
export class S3Server {
  /** By `/BUCKET/KEY`. */
  readonly objects = new Map<string, Uint8Array>()
  /** `METHOD /BUCKET/KEY STATUS`. */
  readonly log: string[] = []
  readonly url: string
  readonly #close: () => void

  private constructor(port: number, close: () => void) {
    this.url = `http://127.0.0.1:${port}`
    this.#close = close
  }

  static async start(): Promise<S3Server> {
    let server: S3Server | undefined
    const http = createServer((request, response) => void server?.answer(request, response))
    await new Promise<void>(done => http.listen(0, '127.0.0.1', done))
    server = new S3Server((http.address() as AddressInfo).port, () => {
      http.closeAllConnections()
      http.close()
    })
    return server
  }

  /** The settings of a client of this server. */
  get environment(): Record<string, string> {
    return {...S3_LOGIN, AWS_ENDPOINT_URL: this.url}
  }

  close(): void {
    this.#close()
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Uint8Array[] = []
    for await (const part of request) parts.push(part as Uint8Array)
    const [path = ''] = (request.url ?? '').split('?')
    const name = decodeURIComponent(path)
    const status = isSigned(request) ? this.serve(request, response, name, Buffer.concat(parts)) : forbid(response)
    this.log.push(`${request.method} ${name} ${status}`)
  }

  private serve({method, headers}: IncomingMessage, response: ServerResponse, name: string, body: Uint8Array): number {
    if (method === 'PUT') this.objects.set(name, body)
    const bytes = this.objects.get(name)
    if (!bytes || method === 'PUT') return end(response, bytes ? 200 : 404)
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`
    if (headers['if-match'] !== undefined && headers['if-match'] !== etag) return end(response, 412)
    const [, from, to = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
    if (from === undefined) return end(response, 200, bytes, {etag}, method)
    const [start, last] = [Number(from), to === '' ? bytes.length - 1 : Math.min(Number(to), bytes.length - 1)]
    if (start > last) return end(response, 416)
    const range = {etag, 'content-range': `bytes ${start}-${last}/${bytes.length}`}
    return end(response, 206, bytes.subarray(start, last + 1), range, method)
  }
}

function end(
  response: ServerResponse,
  status: number,
  body: Uint8Array = new Uint8Array(0),
  headers: Record<string, string> = {},
  method = 'GET',
): number {
  response.writeHead(status, {...headers, 'content-length': body.length}).end(method === 'HEAD' ? undefined : body)
  return status
}

function forbid(response: ServerResponse): number {
  return end(response, 403, Buffer.from('<Error><Code>SignatureDoesNotMatch</Code></Error>'))
}

const hmac = (key: string | Uint8Array, text: string): Buffer => createHmac('sha256', key).update(text).digest()

/** Whether header or query name our key, and have the signature that the secret makes of the request. */
function isSigned(request: IncomingMessage): boolean {
  const {method = '', url = '', headers} = request
  const [path = '', query = ''] = url.split('?')
  const claim = claimOf(request)
  if (!claim || claim.id !== S3_LOGIN.AWS_ACCESS_KEY_ID) return false
  const {scope, names, signature, date, body} = claim
  if (!scope.includes(`/${S3_LOGIN.AWS_REGION}/`)) return false
  const textOf = (name: string): string => String(headers[name] ?? '').trim()
  const signed = names.split(';').map(name => `${name}:${textOf(name).replace(/ +/g, ' ')}\n`)
  const parameters = query.split('&').filter(part => !part.startsWith('X-Amz-Signature='))
  const canonical = [method, path, parameters.sort().join('&'), signed.join(''), names, body].join('\n')
  const digest = createHash('sha256').update(canonical).digest('hex')
  const toSign = ['AWS4-HMAC-SHA256', date, scope, digest].join('\n')
  const secret = `AWS4${S3_LOGIN.AWS_SECRET_ACCESS_KEY}`
  const key = scope.split('/').reduce<string | Buffer>((made, part) => hmac(made, part), secret)
  return hmac(key, toSign).toString('hex') === signature
}

interface Claim {
  readonly id: string
  /** Day, region, service. */
  readonly scope: string
  /** Of the headers that are signed. */
  readonly names: string
  readonly signature: string
  readonly date: string
  /** What is signed of the body. */
  readonly body: string
}

function claimOf({url = '', headers}: IncomingMessage): Claim | undefined {
  const query = new URLSearchParams(url.split('?')[1])
  const text = (name: string): string => query.get(`X-Amz-${name}`) ?? ''
  if (query.has('X-Amz-Signature')) {
    const [id = '', ...scope] = text('Credential').split('/')
    const [names, signature, date] = [text('SignedHeaders'), text('Signature'), text('Date')]
    return {id, scope: scope.join('/'), names, signature, date, body: 'UNSIGNED-PAYLOAD'}
  }
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/([^,]+), ?SignedHeaders=([^,]+), ?Signature=(\w+)$/
  const [, id, scope = '', names = '', signature = ''] = pattern.exec(headers.authorization ?? '') ?? []
  if (id === undefined) return undefined
  const body = String(headers['x-amz-content-sha256'] ?? 'UNSIGNED-PAYLOAD')
  return {id, scope, names, signature, date: String(headers['x-amz-date']), body}
}
