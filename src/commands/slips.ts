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
  return new InputError('bad-argument', `${word}: no such command, and no such file`, hintFor(word, names))
}

/** @param topic the words before the one that is wrong, each with a space behind it */
function hintFor(word: string, names: readonly string[], topic = ''): string {
  const near = meantName(word, names)
  const see = near === undefined ? 'see' : `did you mean \`gotrace-core ${topic}${near}\`? See`
  return `${see} \`gotrace-core ${topic}--help\``
}

/**
 * What is wrong with the words behind that of several commands (`triage list`), which oclif takes for the name of one;
 * undefined: nothing.
 * @param commands by what oclif calls them, `triage:list`, with the arguments that they take
 */
export function wrongWords(
  [first = '', second = '', third = '']: readonly string[],
  commands: Readonly<Record<string, {readonly args?: object}>>,
): InputError | undefined {
  const names = Object.keys(commands).flatMap(id => (id.startsWith(`${first}:`) ? [id.slice(first.length + 1)] : []))
  if (names.length === 0 || second === '' || second.startsWith('-')) return undefined
  const known = commands[`${first}:${second}`]
  if (!known) {
    return new InputError('bad-argument', `${first} ${second}: no such command`, hintFor(second, names, `${first} `))
  }
  if (third === '' || third.startsWith('-') || Object.keys(known.args ?? {}).length > 0) return undefined
  const usage = `${first} ${second}`
  return new InputError('bad-argument', `${third}: ${usage} takes no arguments`, `see \`gotrace-core ${usage} --help\``)
}
