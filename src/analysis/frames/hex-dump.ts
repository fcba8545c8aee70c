import {type Address, toAddress, type Word} from '../../base/address.ts'
import {type MemoryReader, readWord} from '../../base/memory-reader.ts'

const LINE_BYTES = 16
/** runtime.hexdumper puts the digit of an offset above the second digit of its byte. */
const RULER = `${' '.repeat(19)}7 6 5 4  3 2 1 0   f e d c  b a 9 8  0123456789abcdef`
/** Columns of the two words of a line, of which each may be missing. */
const WORD_COLUMNS = [18, 37] as const
const DATA_WIDTH = 36
const NO_WORD = ' '.repeat(17)
const NO_TEXT = ' '.repeat(8)

/**
 * The words from `start` to `end` as runtime.hexdumpWords prints them from 1.26 on (runtime/hexdump.go): a ruler, lines
 * of two words and their bytes as text, and below a line what is said of its words, each under its own. Question marks
 * stand for words that are not in the core.
 */
export function* dumpWords(
  memory: MemoryReader,
  {start, end}: {start: Address; end: Address},
  notesOf: (at: Address, word: Word | undefined) => Iterable<string>,
): Generator<string> {
  yield RULER
  for (let line = start - (start % LINE_BYTES); line < end; line += LINE_BYTES) {
    const places = [line, line + 8].map(at => (at >= start && at < end ? toAddress(at) : undefined))
    const words = places.map(at => at && {at, word: readWord(memory, at)})
    const [left = NO_WORD, right = ''] = words.map(each => each && halves(each.word))
    const [first = NO_TEXT, second = ''] = words.map(each => each && asText(each.word))
    yield `${line.toString(16).padStart(16, '0')}: ${`${left}  ${right}`.padEnd(DATA_WIDTH)}  ${first}${second}`
    for (const [index, each] of words.entries()) {
      if (!each) continue
      for (const note of notesOf(each.at, each.word)) yield `${' '.repeat(WORD_COLUMNS[index] ?? 0)}^ ${note}`
    }
  }
}

function halves(word: Word | undefined): string {
  const digits = word === undefined ? '?'.repeat(16) : word.toString(16).padStart(16, '0')
  return `${digits.slice(0, 8)} ${digits.slice(8)}`
}

/** In the order of memory; what is no visible character of ASCII is a dot. */
function asText(word: Word | undefined): string {
  if (word === undefined) return '?'.repeat(8)
  const bytes = Array.from({length: 8}, (_, index) => Number((word / 256n ** BigInt(index)) % 256n))
  return bytes.map(byte => (byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '.')).join('')
}
