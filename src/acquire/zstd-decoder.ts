import {FormatError, messageOf, UnsupportedError} from '../base/errors.ts'
import {builtInZstd, type ZstdUnpack} from '../elf/compressed-section.ts'

interface StreamDecoder {
  decodeStreaming(chunks: Iterable<Uint8Array>): Generator<Uint8Array>
}

/** The decoder's loop never looks at zstd's errors: on bad input it hands out nothing for ever. */
const EMPTY_CHUNKS_MAX = 1000

async function loadDecoder(): Promise<StreamDecoder> {
  const {ZSTDDecoder} = await import('zstddec/stream')
  const decoder = new ZSTDDecoder()
  await withoutFetch(() => decoder.init())
  return decoder
}

/**
 * The package unpacks its own code by fetch() of a data: address where there is one, else by Buffer. To load Node's
 * fetch takes longer than to unpack a small core.
 * @param begin decides before it waits
 */
function withoutFetch<T>(begin: () => T): T {
  const found = Object.getOwnPropertyDescriptor(globalThis, 'fetch')
  if (!found?.configurable) return begin()
  Object.defineProperty(globalThis, 'fetch', {value: undefined, configurable: true})
  try {
    return begin()
  } finally {
    Object.defineProperty(globalThis, 'fetch', found)
  }
}

/** Unpacks zstd frames from chunks. */
export async function openZstdStream(): Promise<(chunks: Iterable<Uint8Array>, name: string) => Generator<Uint8Array>> {
  const decoder = await loadDecoder()
  return (chunks, name) => unpackGuarded(decoder, chunks, name)
}

/** @throws FormatError where the input is corrupt or ends early */
function* unpackGuarded(decoder: StreamDecoder, chunks: Iterable<Uint8Array>, name: string): Generator<Uint8Array> {
  let empty = 0
  function* counted(): Generator<Uint8Array> {
    for (const chunk of chunks) {
      empty = 0
      yield chunk
    }
  }
  const output = decoder.decodeStreaming(counted())
  for (;;) {
    let next: IteratorResult<Uint8Array>
    try {
      next = output.next()
    } catch (cause) {
      throw new FormatError(`${name}:zstd`, messageOf(cause), {cause})
    }
    if (next.done) return
    if (next.value.length > 0) {
      empty = 0
      yield next.value
    } else if (++empty > EMPTY_CHUNKS_MAX) throw new FormatError(`${name}:zstd`, 'corrupt')
  }
}

/**
 * zstd for ELF sections. Sections are unpacked at first use, synchronously; the decoder starts asynchronously. So
 * `prepare` is awaited once, when some file that was found has such a section, and `unpack` serves from then on.
 */
export class ZstdSections {
  #unpack: ZstdUnpack | undefined = builtInZstd()

  get ready(): boolean {
    return this.#unpack !== undefined
  }

  readonly unpack: ZstdUnpack = (bytes, size, where) => {
    if (!this.#unpack) throw new UnsupportedError(`${where}: compressed with zstd, which was not prepared`)
    return this.#unpack(bytes, size, where)
  }

  async prepare(): Promise<void> {
    if (this.#unpack) return
    const decoder = await loadDecoder()
    this.#unpack = (bytes, size, where) => unpackWhole(decoder, bytes, size, where)
  }
}

function unpackWhole(decoder: StreamDecoder, bytes: Uint8Array, size: number, where: string): Uint8Array {
  const whole = new Uint8Array(size)
  let done = 0
  for (const chunk of unpackGuarded(decoder, [bytes], where)) {
    if (done + chunk.length > size) throw new FormatError(where, `unpacks to more than ${size} bytes`)
    whole.set(chunk, done)
    done += chunk.length
  }
  if (done !== size) throw new FormatError(where, `unpacked to ${done} bytes, not ${size}`)
  return whole
}
