// A server of PostgreSQL that goes away at the wrong moment; one that answers as little as it can stands in.
import {once} from 'node:events'
import {type AddressInfo, createServer, type Server, type Socket} from 'node:net'
import test from 'ava'
import {InputError} from '../../src/base/errors.ts'
import {PostgresPool} from '../../src/triage/store/postgres.ts'
import {isPassing} from '../../src/triage/store/postgres-errors.ts'

/** A message of the protocol (PostgreSQL manual, "Message Formats"): its letter, its length with that, the rest. */
function message(letter: string, ...rest: readonly (string | number[])[]): Buffer {
  const body = Buffer.concat(rest.map(each => Buffer.from(each as string)))
  const length = Buffer.alloc(4)
  length.writeInt32BE(body.length + 4)
  return Buffer.concat([Buffer.from(letter), length, body])
}

const WELCOME = Buffer.concat([message('R', [0, 0, 0, 0]), message('Z', 'I')])
const DONE = Buffer.concat([message('C', 'BEGIN\0'), message('Z', 'T')])

/** Answers a log-in, and then each message as if it were done; or as it is told. */
async function serve(
  onSocket: (socket: Socket) => void,
  welcome: Buffer = WELCOME,
  done: Buffer = DONE,
): Promise<Server> {
  const server = createServer(socket => {
    onSocket(socket)
    let isStarted = false
    socket.on('data', () => {
      socket.write(isStarted ? done : welcome)
      isStarted = true
    })
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

test('a connection that breaks between two statements of a transaction fails that, not the process', async t => {
  const sockets: Socket[] = []
  const server = await serve(socket => sockets.push(socket))
  const {port} = server.address() as AddressInfo
  const pool = new PostgresPool(`postgres://u@127.0.0.1:${port}/d`, {size: 1, access: 'write', settings: 'SET x = 1'})
  const isBroken = (): Promise<unknown> =>
    pool.transaction(async connection => {
      const [socket] = sockets.splice(0)
      if (!socket) throw new Error('there is no connection')
      socket.destroy()
      await once(socket, 'close')
      await connection.query('SELECT 1')
    })
  const error = await t.throwsAsync(isBroken)
  t.true(isPassing(error), error?.message)
  t.is(await pool.transaction(async () => 'the next one has another connection'), 'the next one has another connection')
  await pool.close()
  server.close()
})

test('a server that takes statements and never answers is given up, in a transaction too', async t => {
  const server = createServer(socket => {
    socket.once('data', () => socket.write(WELCOME))
    socket.on('error', () => {})
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const {port} = server.address() as AddressInfo
  const options = {size: 1, access: 'read', settings: 'SET x = 1', answerMs: 50} as const
  for (const ask of [
    (pool: PostgresPool) => pool.query('SELECT 1'),
    (pool: PostgresPool) => pool.transaction(connection => connection.query('SELECT 1')),
  ]) {
    const pool = new PostgresPool(`postgres://u@127.0.0.1:${port}/d`, options)
    const error = await t.throwsAsync(ask(pool), {instanceOf: InputError})
    t.is(error?.code, 'unreachable')
    await pool.close()
  }
  server.close()
})

/** Claims more columns than there can be. */
const BAD_ROW = message('D', [0xff, 0xff, 0, 0])
const COLUMNS = message(
  'T',
  [0, 1],
  'a\0',
  Array.from({length: 18}, () => 0),
)
const ROW = message('D', [0, 1, 0, 0, 0, 1], 'x')

const NONSENSE: Readonly<Record<string, {after: 'log-in' | 'statement'; says: Buffer}>> = {
  'a row of which nothing is there': {after: 'statement', says: BAD_ROW},
  'a row before its columns': {after: 'statement', says: Buffer.concat([ROW, DONE])},
  'a message of no kind': {after: 'statement', says: message('?', 'x')},
  'a failure without a code': {after: 'statement', says: Buffer.concat([message('E', 'Mno\0\0'), message('Z', 'I')])},
  'a failure of its own': {after: 'statement', says: Buffer.concat([message('E', 'CXX000\0\0'), message('Z', 'I')])},
  'a log-in of no kind': {after: 'log-in', says: message('R', [0, 0, 0, 99])},
  'a log-in of SCRAM that goes on before it began': {after: 'log-in', says: message('R', [0, 0, 0, 11], 'x')},
  'no to a log-in, and stays': {after: 'log-in', says: message('E', 'CXX000\0\0')},
  'rows without end': {after: 'statement', says: Buffer.concat([COLUMNS, ...Array.from({length: 1000}, () => ROW)])},
}

for (const [what, {after, says}] of Object.entries(NONSENSE)) {
  test(`a server that says ${what} is an error of the input`, async t => {
    const server = await serve(() => {}, after === 'log-in' ? says : WELCOME, says)
    const url = `postgres://u@127.0.0.1:${(server.address() as AddressInfo).port}/d`
    const pool = new PostgresPool(url, {size: 1, access: 'read', settings: 'SET x = 1', answerMax: 10_000})
    for (const ask of [() => pool.query('SELECT 1'), () => pool.transaction(({query}) => query('SELECT 1'))]) {
      const error = await t.throwsAsync(ask, {instanceOf: InputError})
      t.is(error?.code, what === 'rows without end' ? 'too-large' : 'unreadable')
      t.true(error?.message.startsWith(`${url}: `), error?.message)
    }
    await pool.close()
    server.close()
  })
}

test('what the work of a transaction throws itself stays what it is', async t => {
  const server = await serve(() => {})
  const url = `postgres://u@127.0.0.1:${(server.address() as AddressInfo).port}/d`
  const pool = new PostgresPool(url, {size: 1, access: 'write', settings: 'SET x = 1'})
  const mistake = new TypeError('x is not a function')
  t.is(await t.throwsAsync(pool.transaction(() => Promise.reject(mistake))), mistake)
  await pool.close()
  server.close()
})
