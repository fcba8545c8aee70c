import {FormatError, InputError, messageOf, UnsupportedError} from '../base/errors.ts'

interface XzPackage {
  XzReadableStream: new (packed: ReadableStream<Uint8Array>) => ReadableStream<Uint8Array>
}

/** Consecutive empty outputs after which the input counts as cut short. */
const EMPTY_CHUNKS_MAX = 1000

/**
 * Unpacks .xz streams (tukaani.org/xz/format.txt) with the package's WHATWG stream, which is asynchronous alone.
 * @throws FormatError where the input is corrupt or ends early
 */
export async function* unpackXz(chunks: Iterable<Uint8Array>, name: string): AsyncGenerator<Uint8Array> {
  // CommonJS: Node finds its export on `default`, a bundler beside it.
  const imported: Partial<XzPackage> & {default?: XzPackage} = await import('xz-decompress')
  const XzReadableStream = imported.XzReadableStream ?? imported.default?.XzReadableStream
  if (!XzReadableStream) throw new UnsupportedError(`${name}: xz-decompress exports no XzReadableStream`)
  const iterator = chunks[Symbol.iterator]()
  const packed = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = iterator.next()
      if (next.done) controller.close()
      else controller.enqueue(next.value)
    },
    cancel() {
      iterator.return?.()
    },
  })
  const reader = new XzReadableStream(packed).getReader()
  let empty = 0
  let finished = false
  try {
    for (;;) {
      const {done, value} = await readChunk(reader, name)
      if (done) {
        finished = true
        return
      }
      if (value.length > 0) {
        empty = 0
        yield value
      } else if (++empty > EMPTY_CHUNKS_MAX) throw new FormatError(`${name}:xz`, 'the file ends early')
    }
  } finally {
    // The package runs one stream at a time: one that is left open would block the next for ever.
    if (!finished) await reader.cancel().catch(() => undefined)
  }
}

async function readChunk(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  name: string,
): Promise<{done: true; value?: undefined} | {done: false; value: Uint8Array}> {
  try {
    const {done, value} = await reader.read()
    return done || !value ? {done: true} : {done: false, value}
  } catch (cause) {
    if (cause instanceof InputError) throw cause
    throw new FormatError(`${name}:xz`, `corrupt or cut short: ${messageOf(cause)}`, {cause})
  }
}

/** The whole of a small .xz, or undefined where it is bad or unpacks to more than `sizeMax`. */
export async function unpackXzBytes(bytes: Uint8Array, name: string, sizeMax: number): Promise<Uint8Array | undefined> {
  const parts: Uint8Array[] = []
  let size = 0
  try {
    for await (const part of unpackXz([bytes], name)) {
      size += part.length
      if (size > sizeMax) return undefined
      parts.push(part)
    }
  } catch (error) {
    if (error instanceof FormatError) return undefined
    throw error
  }
  // A plain array: slices of a Buffer are views.
  const whole = Buffer.concat(parts, size)
  return new Uint8Array(whole.buffer, whole.byteOffset, whole.length)
}
