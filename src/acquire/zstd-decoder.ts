import {FormatError, UnsupportedError} from '../base/errors.ts'
import {builtInZstd, type ZstdUnpack} from '../elf/compressed-section.ts'

/** What the package's WebAssembly exports (zstd.h); pointers are offsets in its memory. */
interface Zstd {
  readonly memory: {readonly buffer: ArrayBuffer}
  malloc(size: number): number
  free(pointer: number): void
  ZSTD_createDCtx(): number
  ZSTD_freeDCtx(context: number): number
  ZSTD_DStreamOutSize(): number
  /** @returns 0 at the end of a frame, less than 0 for an error */
  ZSTD_decompressStream(context: number, output: number, input: number): number
}

/** ZSTD_outBuffer and ZSTD_inBuffer: a pointer, a size and a position each. */
const BUFFERS_SIZE = 24
const [OUTPUT_POSITION, INPUT, INPUT_POSITION] = [8, 12, 20]

let loading: Promise<Zstd> | undefined

/**
 * The package's own loop copies all that it hands out, which takes many times as long as to unpack zeros, and never
 * looks at errors; so the loop is ours.
 */
function loadZstd(): Promise<Zstd> {
  loading ??= import('zstddec/stream').then(async ({ZSTDDecoder}) => {
    const decoder = new ZSTDDecoder()
    const keep = decoder._init
    let zstd: Zstd | undefined
    decoder._init = source => {
      keep(source)
      zstd = source.instance.exports as unknown as Zstd
    }
    await withoutFetch(() => decoder.init())
    return zstd as unknown as Zstd
  })
  return loading
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

/** Unpacks zstd frames from chunks. Each piece holds until the next one is asked for. */
export async function openZstdStream(): Promise<(chunks: Iterable<Uint8Array>, name: string) => Generator<Uint8Array>> {
  const zstd = await loadZstd()
  return (chunks, name) => unpackChunks(zstd, chunks, name)
}

/** @throws FormatError where the input is corrupt or ends early */
function* unpackChunks(zstd: Zstd, chunks: Iterable<Uint8Array>, name: string): Generator<Uint8Array> {
  const size = zstd.ZSTD_DStreamOutSize()
  const context = zstd.ZSTD_createDCtx()
  const output = allocate(zstd, size, name)
  const buffers = allocate(zstd, BUFFERS_SIZE, name)
  let wanted = 0
  try {
    for (const chunk of chunks) {
      const input = allocate(zstd, chunk.length, name)
      try {
        new Uint8Array(zstd.memory.buffer).set(chunk, input)
        for (let read = 0, made = 0; read < chunk.length || made === size; ) {
          const words = [output, size, 0, input, chunk.length, read]
          new Uint32Array(zstd.memory.buffer, buffers, words.length).set(words)
          wanted = zstd.ZSTD_decompressStream(context, buffers, buffers + INPUT)
          if (wanted < 0) throw new FormatError(`${name}:zstd`, 'corrupt')
          // The memory may be another one now: it grows.
          const after = new DataView(zstd.memory.buffer, buffers, BUFFERS_SIZE)
          made = after.getUint32(OUTPUT_POSITION, true)
          read = after.getUint32(INPUT_POSITION, true)
          if (made > 0) yield new Uint8Array(zstd.memory.buffer, output, made)
        }
      } finally {
        zstd.free(input)
      }
    }
    if (wanted !== 0) throw new FormatError(`${name}:zstd`, 'it ends early')
  } finally {
    zstd.ZSTD_freeDCtx(context)
    zstd.free(output)
    zstd.free(buffers)
  }
}

function allocate(zstd: Zstd, size: number, name: string): number {
  const pointer = zstd.malloc(Math.max(size, 1))
  if (pointer === 0) throw new FormatError(`${name}:zstd`, 'more than fits into the memory of the decoder')
  return pointer
}

/**
 * zstd for ELF sections. Sections are unpacked at first use, synchronously; the decoder starts asynchronously. So
 * `prepare` is awaited once, when some file that was found has such a section, and `unpack` serves from then on. Where
 * Node has a decoder of its own, it is asked for first by what is packed: it comes with Node's streams.
 */
export class ZstdSections {
  #unpack: ZstdUnpack | undefined

  get ready(): boolean {
    return this.#unpack !== undefined || process.versions.zstd !== undefined
  }

  readonly unpack: ZstdUnpack = (bytes, size, where) => {
    this.#unpack ??= builtInZstd()
    if (!this.#unpack) throw new UnsupportedError(`${where}: compressed with zstd, which was not prepared`)
    return this.#unpack(bytes, size, where)
  }

  async prepare(): Promise<void> {
    this.#unpack ??= builtInZstd()
    if (this.#unpack) return
    const zstd = await loadZstd()
    this.#unpack = (bytes, size, where) => unpackWhole(zstd, bytes, size, where)
  }
}

function unpackWhole(zstd: Zstd, bytes: Uint8Array, size: number, where: string): Uint8Array {
  const whole = new Uint8Array(size)
  let done = 0
  for (const chunk of unpackChunks(zstd, [bytes], where)) {
    if (done + chunk.length > size) throw new FormatError(where, `unpacks to more than ${size} bytes`)
    whole.set(chunk, done)
    done += chunk.length
  }
  if (done !== size) throw new FormatError(where, `unpacked to ${done} bytes, not ${size}`)
  return whole
}
