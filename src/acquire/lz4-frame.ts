import {FormatError} from '../base/errors.ts'

/** lz4_Frame_format.md, "General Structure of LZ4 Frame format". */
const MAGIC = 0x184d2204
const SKIPPABLE_FIRST = 0x184d2a50
const SKIPPABLE_LAST = 0x184d2a5f
const WINDOW_SIZE = 65536
const BLOCK_SIZES: Readonly<Record<number, number>> = {4: 65536, 5: 262144, 6: 1048576, 7: 4194304}
const UNCOMPRESSED_BIT = 0x80000000

/** Exactly n bytes at a time from chunks of any length. */
class ChunkReader {
  readonly #chunks: Iterator<Uint8Array>
  readonly #name: string
  #chunk: Uint8Array = new Uint8Array(0)
  #at = 0
  position = 0

  constructor(chunks: Iterable<Uint8Array>, name: string) {
    this.#chunks = chunks[Symbol.iterator]()
    this.#name = name
  }

  error(reason: string): FormatError {
    return new FormatError(`${this.#name}:lz4+0x${this.position.toString(16)}`, reason)
  }

  /** undefined at the end of input. */
  take(length: number): Uint8Array | undefined {
    if (this.#at + length > this.#chunk.length && !this.#gather(length)) return undefined
    const bytes = this.#chunk.subarray(this.#at, this.#at + length)
    this.#at += length
    this.position += length
    return bytes
  }

  need(length: number): Uint8Array {
    const bytes = this.take(length)
    if (!bytes) throw this.error(`the file ends where ${length} bytes are needed`)
    return bytes
  }

  u32(): number | undefined {
    const bytes = this.take(4)
    return bytes && new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true)
  }

  #gather(length: number): boolean {
    const parts = [this.#chunk.subarray(this.#at)]
    let held = this.#chunk.length - this.#at
    while (held < length) {
      const next = this.#chunks.next()
      if (next.done) break
      parts.push(next.value)
      held += next.value.length
    }
    const joined = new Uint8Array(held)
    let done = 0
    for (const part of parts) {
      joined.set(part, done)
      done += part.length
    }
    this.#chunk = joined
    this.#at = 0
    return held >= length
  }
}

interface FrameHeader {
  blockSize: number
  independent: boolean
  blockChecksums: boolean
  contentChecksum: boolean
}

/**
 * Unpacks LZ4 frames block by block; a block holds until the next one is asked for. Checksums are skipped: the core's
 * own structure tells what is usable of it.
 * @throws FormatError
 */
export function* unpackLz4(chunks: Iterable<Uint8Array>, name: string): Generator<Uint8Array> {
  const input = new ChunkReader(chunks, name)
  for (;;) {
    const magic = input.u32()
    if (magic === undefined) return
    if (magic >= SKIPPABLE_FIRST && magic <= SKIPPABLE_LAST) {
      skip(input, input.u32() ?? 0)
      continue
    }
    if (magic !== MAGIC) throw input.error('no LZ4 frame')
    yield* unpackFrame(input, readFrameHeader(input))
  }
}

function skip(input: ChunkReader, length: number): void {
  for (let rest = length; rest > 0; rest -= WINDOW_SIZE) input.need(Math.min(rest, WINDOW_SIZE))
}

function readFrameHeader(input: ChunkReader): FrameHeader {
  const [flags = 0, descriptor = 0] = input.need(2)
  if (flags >>> 6 !== 1) throw input.error(`no frame version ${flags >>> 6}`)
  const blockSize = BLOCK_SIZES[(descriptor >>> 4) & 7]
  if (blockSize === undefined) throw input.error('no such block size')
  if ((flags & 1) !== 0) throw input.error('needs a dictionary')
  input.need(((flags & 8) !== 0 ? 8 : 0) + 1)
  return {
    blockSize,
    independent: (flags & 32) !== 0,
    blockChecksums: (flags & 16) !== 0,
    contentChecksum: (flags & 4) !== 0,
  }
}

function* unpackFrame(input: ChunkReader, header: FrameHeader): Generator<Uint8Array> {
  // The window's last 64 KiB stand before the block, so that matches may reach into earlier blocks.
  const buffer = new Uint8Array(WINDOW_SIZE + header.blockSize)
  let history = 0
  for (;;) {
    const word = input.u32()
    if (word === undefined) throw input.error('the file ends inside a frame')
    if (word === 0) break
    const size = word % UNCOMPRESSED_BIT
    if (size > header.blockSize) throw input.error(`block of ${size} bytes`)
    const block = input.need(size)
    const start = history
    let end: number
    if (word >= UNCOMPRESSED_BIT) {
      buffer.set(block, start)
      end = start + size
    } else end = unpackBlock(block, buffer, start, start + header.blockSize, input)
    if (header.blockChecksums) input.need(4)
    yield buffer.subarray(start, end)
    history = header.independent ? 0 : Math.min(end, WINDOW_SIZE)
    if (history > 0) buffer.copyWithin(0, end - history, end)
  }
  if (header.contentChecksum) input.need(4)
}

/**
 * lz4_Block_format.md: token, literals, offset, match; the last sequence is literals alone. Returns the output's end.
 */
function unpackBlock(block: Uint8Array, out: Uint8Array, start: number, limit: number, input: ChunkReader): number {
  let at = 0
  let to = start
  const lengthFrom = (nibble: number): number => {
    let length = nibble
    if (nibble !== 15) return length
    for (;;) {
      const byte = block[at++]
      if (byte === undefined) throw input.error('length runs over the block')
      length += byte
      if (byte !== 255) return length
    }
  }
  while (at < block.length) {
    const token = block[at++] as number
    const literals = lengthFrom(token >>> 4)
    if (literals > block.length - at || to + literals > limit) throw input.error('literals run over the block')
    out.set(block.subarray(at, at + literals), to)
    at += literals
    to += literals
    if (at === block.length) return to
    const offset = (block[at] as number) + (block[at + 1] ?? 0) * 256
    at += 2
    const length = lengthFrom(token & 15) + 4
    if (offset === 0 || offset > to || to + length > limit) throw input.error('match outside the window')
    copyMatch(out, to, offset, length)
    to += length
  }
  return to
}

/** A match may overlap its own output: then what is there repeats, each copy doubling the run. */
function copyMatch(out: Uint8Array, to: number, offset: number, length: number): void {
  const from = to - offset
  let copied = Math.min(offset, length)
  out.copyWithin(to, from, from + copied)
  while (copied < length) {
    const count = Math.min(copied, length - copied)
    out.copyWithin(to + copied, to, to + count)
    copied += count
  }
}
