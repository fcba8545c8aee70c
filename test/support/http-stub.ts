import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'

export interface HttpStub {
  readonly url: string
  /** `METHOD path` and the range that was asked for. */
  readonly requests: string[]
  close(): void
}

type Answer = (request: IncomingMessage, response: ServerResponse, count: number) => void

/** A server on this machine that answers as it is told. */
export async function startHttpStub(answer: Answer): Promise<HttpStub> {
  const requests: string[] = []
  const server: Server = createServer((request, response) => {
    const {method, url = '', headers} = request
    requests.push(`${method} ${url}${headers.range === undefined ? '' : ` ${headers.range}`}`)
    answer(request, response, requests.length)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close() {
      server.closeAllConnections()
      server.close()
    },
  }
}

/** Serves bytes as servers of files do: whole, or the part that is asked for (RFC 9110, 14). */
export function serveBytes(
  {headers}: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  tag = '"one"',
): void {
  if (headers['if-match'] !== undefined && headers['if-match'] !== tag) {
    response.writeHead(412).end()
    return
  }
  const [, from = '', to = ''] = /^bytes=(\d+)-(\d*)$/.exec(headers.range ?? '') ?? []
  if (from === '') {
    response.writeHead(200, {etag: tag, 'content-length': bytes.length}).end(bytes)
    return
  }
  const [start, end] = [Number(from), to === '' ? bytes.length : Math.min(Number(to) + 1, bytes.length)]
  if (start >= bytes.length) {
    response.writeHead(416, {'content-range': `bytes */${bytes.length}`}).end()
    return
  }
  const range = `bytes ${start}-${end - 1}/${bytes.length}`
  const part = bytes.subarray(start, end)
  response.writeHead(206, {etag: tag, 'content-range': range, 'content-length': part.length}).end(part)
}
