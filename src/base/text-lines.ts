import type {ByteSource} from './byte-source.ts'

const CHUNK_SIZE = 1024 * 1024
/** What a line has beyond it is left out; nothing that we read has longer ones. */
const LINE_MAX = 16 * 1024 * 1024

/** The lines of a text in UTF-8, without their newlines, read piece by piece: of any size, and of any bytes. */
export function* readLines(source: ByteSource): Generator<string> {
  const decoder = new TextDecoder()
  let rest = ''
  for (let offset = 0; offset < source.size; offset += CHUNK_SIZE) {
    const length = Math.min(CHUNK_SIZE, source.size - offset)
    const lines = decoder.decode(source.read(offset, length), {stream: true}).split('\n')
    // Once it is too long it is not touched: each touch would copy all of it.
    lines[0] = rest.length < LINE_MAX ? (rest + lines[0]).slice(0, LINE_MAX) : rest
    rest = lines.pop() ?? ''
    yield* lines
  }
  yield rest + decoder.decode()
}
