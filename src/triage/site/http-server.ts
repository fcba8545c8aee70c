import {createServer, type IncomingMessage, type Server, type ServerResponse} from 'node:http'
import type {AddressInfo} from 'node:net'
import {type ListeningServer, listenAt} from '../listening-server.ts'
import type {SiteRequest, SiteResponse, StoreSite} from './store-site.ts'

const BODY_MAX = 64 * 1024
/** Pages load nothing and send forms to this site alone. A report has its own, narrower one inside. */
const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'Cross-Origin-Resource-Policy': 'same-origin',
  // With no-referrer a browser says of a form that it comes from nowhere (Fetch, "append a request Origin header").
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
}

/**
 * Serves a site. A page of another site in the same browser gets nothing: requests must name this server as their
 * host, which a name that was bound anew to this address does not.
 * @throws InputError where the port is taken or may not be used
 */
export async function serveSite(site: StoreSite, place: {host: string; port: number}): Promise<ListeningServer> {
  const server = createServer((request, response) => void handle(site, server, request, response))
  return listenAt(server, place, '--port')
}

async function handle(
  site: StoreSite,
  server: Server,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const answer = isOwnHost(request, server) ? await answerOf(site, request) : undefined
  if (!answer) {
    response.writeHead(403, HEADERS).end()
    return
  }
  const {status, type, body, location} = answer
  response.writeHead(status, {
    ...HEADERS,
    'Content-Type': type,
    ...(location === undefined ? {} : {Location: location}),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Of a loopback address the names of this machine alone; else whatever the one who opened it calls it. */
function isOwnHost({headers, socket}: IncomingMessage, server: Server): boolean {
  const {port} = server.address() as AddressInfo
  const isLoopback = /^(?:127\.|::1$|::ffff:127\.)/.test(socket.localAddress ?? '')
  const names = ['localhost', '127.0.0.1', '[::1]', socket.localAddress ?? '']
  return !isLoopback || names.some(name => headers.host === `${name}:${port}` || (port === 80 && headers.host === name))
}

async function answerOf(site: StoreSite, request: IncomingMessage): Promise<SiteResponse | undefined> {
  const body = await readBody(request)
  const {origin, host} = request.headers
  if (body === undefined || (origin !== undefined && origin !== `http://${host}`)) return undefined
  // No URL: two slashes at its start would be a host.
  const [path = '/', query = ''] = (request.url ?? '/').split('?', 2)
  const asked: SiteRequest = {method: request.method ?? 'GET', path, query: new URLSearchParams(query), body}
  return await site.answer(asked)
}

/** undefined where it is too long, or broken off. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const parts: Uint8Array[] = []
  let length = 0
  try {
    for await (const part of request) {
      length += (part as Uint8Array).length
      if (length > BODY_MAX) return undefined
      parts.push(part as Uint8Array)
    }
  } catch {
    return undefined
  }
  return Buffer.concat(parts).toString('utf8')
}
