import type {Server} from 'node:http'
import type {AddressInfo} from 'node:net'
import {InputError, messageOf} from '../base/errors.ts'

export interface ListeningServer {
  readonly url: string
  close(): Promise<void>
}

/**
 * Waits until a server listens.
 * @param flag the one that names its port
 * @throws InputError where the port is taken or may not be used
 */
export async function listenAt(
  server: Server,
  {host, port}: {host: string; port: number},
  flag: string,
): Promise<ListeningServer> {
  await new Promise<void>((done, failed) => {
    server.once('error', cause => {
      const message = `${host}:${port}: ${messageOf(cause)}`
      failed(new InputError('bad-argument', message, `choose another ${flag}, or 0`, {cause}))
    })
    server.listen({host, port}, () => done())
  })
  const {port: actual} = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}/`,
    close: () =>
      new Promise(done => {
        server.close(() => done())
        server.closeAllConnections()
      }),
  }
}
