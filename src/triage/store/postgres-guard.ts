import type {Duplex} from 'node:stream'
import {InputError} from '../../base/errors.ts'
import {notPostgres} from './postgres-errors.ts'

/** The part of pg's `Connection` that is used. */
export interface WireConnection {
  /** Has the messages read that come from a socket, or from TLS over it. */
  attachListeners(stream: Duplex): void
  on(event: 'dataRow' | 'readyForQuery', listener: () => void): void
}

/** What one statement may answer, in bytes: rows are kept until the last one is here. No answer to us comes near. */
export const ANSWER_MAX = 256 * 1024 ** 2
/** What a row takes as an object, beside its bytes, about. */
const ROW_COST = 128

/**
 * Ends a connection whose server talks nonsense, or without end; the statement that waits fails with that. The driver
 * reads messages in a listener of the stream, and what it throws there would reach nobody.
 * @param name the address, as it may be shown
 */
export function guardConnection(connection: WireConnection, name: string, answerMax: number): void {
  let size = 0
  connection.on('dataRow', () => {
    size += ROW_COST
  })
  connection.on('readyForQuery', () => {
    size = 0
  })
  const guarded = (stream: Duplex, listener: (data: Buffer) => void) => (data: Buffer) => {
    try {
      size += data.length
      listener(data)
      if (size > answerMax) throw tooLong(name, answerMax)
    } catch (error) {
      stream.destroy(error instanceof InputError ? error : notPostgres(name, error))
    }
  }
  const attach = connection.attachListeners.bind(connection)
  connection.attachListeners = stream => {
    attach(stream)
    for (const listener of stream.listeners('data') as ((data: Buffer) => void)[]) {
      stream.off('data', listener)
      stream.on('data', guarded(stream, listener))
    }
  }
}

function tooLong(name: string, answerMax: number): InputError {
  const message = `${name}: an answer to one statement of more than ${answerMax} bytes`
  return new InputError('too-large', message, 'check that the address is that of a store of gotrace-core')
}
