/** How a text ends, as far as what is added behind it depends on that. */
export const END = {other: 0, angle: 1, word: 2, reference: 3, rvalueReference: 4, declarator: 5, unknown: 6} as const
export type End = (typeof END)[keyof typeof END]

/** A part of a name that can be abbreviated, or that a template parameter stands for. */
export interface Piece {
  readonly text: string
  readonly end: End
  /** What a constructor of this is called; '' where it has none. */
  readonly base: string
  /** Of a parameter pack. */
  readonly elements: readonly Piece[] | undefined
}

/** A name and what is known of it up to a place; a place behind its end where it is left to the tree. */
export interface Reading {
  readonly mangled: string
  at: number
  depth: number
  readonly substitutions: Piece[]
  /** What the template parameters in a function's result and parameters stand for. */
  params: readonly Piece[] | undefined
  /** Of the name that was read last: the template arguments that it ends with. */
  args: readonly Piece[] | undefined
  suffix: string
  isStructor: boolean
}

/** Longer and deeper ones are left to the tree, which has bounds of its own. */
export const LENGTH_MAX = 4096
export const TEXT_MAX = 16 * 1024
export const DEPTH_MAX = 48

export const UNKNOWN = pieceOf('', END.unknown)

export function pieceOf(text: string, end: End = END.other, base = ''): Piece {
  return {text, end, base, elements: undefined}
}

/** What is read from here on is of no use. */
export function giveUp(reading: Reading): Piece {
  reading.at = reading.mangled.length + 1
  return UNKNOWN
}

export function codeAt({mangled, at}: Reading, offset = 0): number {
  return mangled.charCodeAt(at + offset)
}

export function expect(reading: Reading, code: number): void {
  if (codeAt(reading) === code) reading.at++
  else giveUp(reading)
}

export function remember(reading: Reading, piece: Piece): Piece {
  if (piece.text.length > TEXT_MAX) return giveUp(reading)
  reading.substitutions.push(piece)
  return piece
}

export function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39
}

export function readNumber(reading: Reading): number {
  const start = reading.at
  let value = 0
  for (let code = codeAt(reading); isDigit(code); code = codeAt(reading)) {
    value = value * 10 + code - 0x30
    reading.at++
  }
  if (reading.at === start || reading.at > start + 9) giveUp(reading)
  return value
}

/** `<length> <characters>`. */
export function readText(reading: Reading): string {
  const length = readNumber(reading)
  const start = reading.at
  const end = start + length
  if (length === 0 || end > reading.mangled.length) giveUp(reading)
  else reading.at = end
  return reading.mangled.slice(start, end)
}
