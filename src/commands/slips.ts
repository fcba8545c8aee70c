import {closest, distance} from 'fastest-levenshtein'
import {InputError} from '../base/errors.ts'

/** Letters that may be wrong in a word of this length for it to be a slip. */
const slipsIn = (word: string): number => Math.max(1, Math.floor(word.length / 3))

/** The name that was meant; undefined where none is near. */
export function meantName(word: string, names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined
  const near = closest(word, names)
  return distance(word, near) <= slipsIn(word) ? near : undefined
}

/** What to say of a first word that is neither a command nor a file. */
export function unknownCommand(word: string, names: readonly string[]): InputError {
  const near = meantName(word, names)
  const hint = near === undefined ? 'see' : `did you mean \`gotrace-core ${near}\`? See`
  return new InputError('bad-argument', `${word}: no such command, and no such file`, `${hint} \`gotrace-core --help\``)
}
