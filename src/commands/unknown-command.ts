import {closest, distance} from 'fastest-levenshtein'
import {InputError} from '../base/errors.ts'

/** Letters that may be wrong in a word of this length for it to be a slip. */
const slipsIn = (word: string): number => Math.max(1, Math.floor(word.length / 3))

/** What to say of a first word that is neither a command nor a file. */
export function unknownCommand(word: string, names: readonly string[]): InputError {
  const near = closest(word, names)
  const hint =
    distance(word, near) <= slipsIn(word)
      ? `did you mean \`gotrace-core ${near}\`? See \`gotrace-core --help\``
      : 'see `gotrace-core --help`'
  return new InputError('bad-argument', `${word}: no such command, and no such file`, hint)
}
