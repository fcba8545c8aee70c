import {readableInput} from '../acquire/standard-input.ts'
import {type Address, addressOfWord, NULL_ADDRESS, toAddress} from '../base/address.ts'
import {InputError} from '../base/errors.ts'
import {gatheredText} from '../base/gathered-text.ts'

/** 64 bits; a number where it is exact, as it is for nearly all. */
export type AddressWord = number | bigint

/** Digits that a double holds exactly. */
const EXACT_DIGITS = 13
/** A longer word is no address, and its rest is not kept. */
const WORD_MAX = 100

/** Nothing can be at an address that no process can have. */
export function addressOf(word: AddressWord): Address {
  return typeof word === 'number' ? toAddress(word) : (addressOfWord(word) ?? NULL_ADDRESS)
}

function parseWord(text: string): AddressWord | undefined {
  const digits = /^\s*(?:0[xX])?([0-9a-fA-F]{1,16})\s*$/.exec(text)?.[1]
  if (digits === undefined) return undefined
  return digits.length <= EXACT_DIGITS ? Number.parseInt(digits, 16) : BigInt(`0x${digits}`)
}

/** @throws InputError for what is no address */
export function parseWords(texts: readonly string[]): AddressWord[] {
  return texts.map(text => {
    const word = parseWord(text)
    if (word === undefined) throw notAnAddress(text)
    return word
  })
}

function notAnAddress(text: string, place = ''): InputError {
  return new InputError(
    'bad-argument',
    `${place}${text.slice(0, WORD_MAX)}: not an address`,
    'write addresses in hexadecimal, like 0x49b0c0',
  )
}

/**
 * Any number of addresses a line, those together that came together; what is none is told with the number of its line.
 * @param limitMs after which none is waited for
 */
export async function* readWords(
  tell: (error: InputError) => void,
  limitMs: number | undefined,
): AsyncGenerator<AddressWord[]> {
  const stdin = readableInput()
  const timer = limitMs === undefined ? undefined : setTimeout(() => stdin.destroy(), limitMs)
  const lines = new WordLines(tell)
  let rest = ''
  try {
    for await (const piece of gatheredText(stdin.setEncoding('utf8'))) {
      const text = `${rest}${piece}`
      const end = startOfLastWord(text)
      rest = text.slice(end, end + WORD_MAX)
      yield lines.wordsIn(text.slice(0, end))
    }
    yield lines.wordsIn(rest)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  } finally {
    clearTimeout(timer)
    stdin.destroy()
  }
}

/** The words of a text that comes in pieces. */
class WordLines {
  readonly #tell: (error: InputError) => void
  #number = 1

  constructor(tell: (error: InputError) => void) {
    this.#tell = tell
  }

  wordsIn(text: string): AddressWord[] {
    const words: AddressWord[] = []
    for (let start = 0; start < text.length; ) {
      if (start > 0) this.#number++
      const found = text.indexOf('\n', start)
      const end = found < 0 ? text.length : found
      const number = plainNumber(text, start, end)
      if (number >= 0) words.push(number)
      else this.#addWords(text.slice(start, end), words)
      start = end + 1
    }
    if (text.endsWith('\n')) this.#number++
    return words
  }

  #addWords(line: string, words: AddressWord[]): void {
    for (const piece of line.split(/\s+/)) {
      if (piece === '') continue
      const word = parseWord(piece)
      if (word === undefined) this.#tell(notAnAddress(piece, `standard input, line ${this.#number}: `))
      else words.push(word)
    }
  }
}

/** A line that is one exact number and nothing else, as nearly all are; else -1. */
function plainNumber(text: string, lineStart: number, end: number): number {
  const start = text.startsWith('0x', lineStart) ? lineStart + 2 : lineStart
  if (end <= start || end > start + EXACT_DIGITS) return -1
  let value = 0
  for (let at = start; at < end; at++) {
    const digit = DIGITS[text.charCodeAt(at)] ?? NO_DIGIT
    if (digit === NO_DIGIT) return -1
    value = value * 16 + digit
  }
  return value
}

const NO_DIGIT = 16
/** What a hexadecimal digit stands for, by its code in ASCII. */
const DIGITS = Uint8Array.from({length: 128}, (_, code) => {
  const digit = Number.parseInt(String.fromCharCode(code), 16)
  return Number.isNaN(digit) ? NO_DIGIT : digit
})

/** Of a word that may go on. */
function startOfLastWord(text: string): number {
  let start = text.length
  while (start > 0 && !/\s/.test(text.charAt(start - 1))) start--
  return start
}
