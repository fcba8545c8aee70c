import {createServer} from 'node:http'
import {type ListeningServer, listenAt} from '../listening-server.ts'
import type {QueueCounts} from './core-queue.ts'
import type {WorkerMetrics} from './worker-metrics.ts'

export interface WorkerServerOptions {
  readonly metrics: WorkerMetrics
  readonly counts: () => Promise<QueueCounts>
  /** After so long without an answer of the database the worker is not ready. */
  readonly silentSeconds: number
}

interface Answer {
  readonly status: number
  readonly body: string
}

const TEXT = 'text/plain; version=0.0.4; charset=utf-8'

/**
 * What tells of a worker: `/healthz` whether it runs, `/readyz` whether it reaches the database, `/metrics` for
 * Prometheus.
 * @throws InputError where the port is taken or may not be used
 */
export async function serveWorker(
  options: WorkerServerOptions,
  place: {host: string; port: number},
): Promise<ListeningServer> {
  const server = createServer((request, response) => {
    void answerWorker(request.url ?? '/', options).then(({status, body}) => {
      response.writeHead(status, {
        'Content-Type': TEXT,
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      })
      response.end(body)
    })
  })
  return listenAt(server, place, '--metrics-port')
}

/** Never rejects. */
export async function answerWorker(path: string, options: WorkerServerOptions, now = Date.now()): Promise<Answer> {
  const {metrics, counts, silentSeconds} = options
  if (path === '/healthz') return {status: 200, body: 'ok\n'}
  if (path === '/readyz') {
    const age = (now - (metrics.answeredAt ?? 0)) / 1000
    if (metrics.isDraining) return {status: 503, body: 'draining\n'}
    return age <= silentSeconds ? {status: 200, body: 'ok\n'} : {status: 503, body: 'the database does not answer\n'}
  }
  if (path !== '/metrics') return {status: 404, body: 'there are /healthz, /readyz and /metrics\n'}
  return {status: 200, body: metrics.render(await counts().catch(() => undefined), now)}
}
