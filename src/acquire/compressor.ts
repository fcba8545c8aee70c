import {spawn, spawnSync} from 'node:child_process'
import {Readable, type Transform, Writable} from 'node:stream'
import {pipeline} from 'node:stream/promises'
import zlib from 'node:zlib'
import {InputError} from '../base/errors.ts'

/** Level 3, zstd's own default, leaves a tenth more than level 19 does, in a fiftieth of the time. */
const PROGRAM = {name: 'zstd', arguments: ['-q', '-c', '-']} as const

/**
 * Packs bytes with zstd: Node's own from 22.15 on, else the program; with gzip where neither is there.
 * @throws InputError where the program ends with an error
 */
export async function compress(chunks: Iterable<Uint8Array>, write: (bytes: Uint8Array) => void): Promise<void> {
  const sink = new Writable({
    write(chunk, _, done) {
      try {
        write(chunk)
        done()
      } catch (error) {
        done(error as Error)
      }
    },
  })
  const source = Readable.from(chunks, {objectMode: false})
  const {createZstdCompress} = zlib as unknown as {createZstdCompress?: () => Transform}
  if (createZstdCompress) await pipeline(source, createZstdCompress(), sink)
  else if (spawnSync(PROGRAM.name, ['--version'], {stdio: 'ignore'}).status === 0) await throughProgram(source, sink)
  else await pipeline(source, zlib.createGzip(), sink)
}

async function throughProgram(source: Readable, sink: Writable): Promise<void> {
  const child = spawn(PROGRAM.name, PROGRAM.arguments, {stdio: ['pipe', 'pipe', 'ignore']})
  const ended = new Promise<number | null>(resolve => child.on('close', resolve))
  // What the program was not started for: 'close' comes after it.
  child.on('error', () => {})
  const broken = new AbortController()
  const {signal} = broken
  let failure: {readonly reason: unknown} | undefined
  // Where one of them fails the other may wait for ever: for a program that waits for it.
  const fail = (reason: unknown): void => {
    failure ??= {reason}
    child.kill('SIGKILL')
    broken.abort()
  }
  await Promise.all([
    pipeline(source, child.stdin, {signal}).catch(fail),
    pipeline(child.stdout, sink, {signal}).catch(fail),
  ])
  const status = await ended
  if (failure) throw failure.reason
  if (status === 0) return
  throw new InputError('unreadable', `zstd ended with ${status}`, 'run `zstd --version` to see whether it works')
}
