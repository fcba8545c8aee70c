/**
 * What a terminal would obey, or a reader not see: C0 and C1 controls, DEL, line and paragraph separators, marks and
 * overrides of direction (Unicode, UAX 9), the byte-order mark, halves of surrogate pairs.
 */
const UNSEEN = '\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff'
/** Nearly all text is this, and told at once. */
const PLAIN = /^[ -~]*$/
const HALVES = '[\\ud800-\\udbff](?![\\udc00-\\udfff])|(?<![\\ud800-\\udbff])[\\udc00-\\udfff]'
const IN_LINE = new RegExp(`[${UNSEEN}]|${HALVES}`, 'g')
const IN_LINES = new RegExp(`(?![\\t\\n])(?:[${UNSEEN}]|${HALVES})`, 'g')

/** Characters of a name that are shown: nobody reads more, and one name must not bury all others. */
const PART_MAX = 16_384
/** Of a text with lines: the message of a panic may be a document. */
const LINES_MAX = 262_144

/** Foreign text as a part of one line for people: whatever is not to be seen is written as `\x1b` or `\u202e`. */
export function printable(text: string): string {
  const shown = cut(text, PART_MAX)
  return PLAIN.test(shown) ? shown : shown.replace(IN_LINE, escapeUnseen)
}

/** The same for text that has lines of its own. */
export function printableLines(text: string): string {
  return cut(text, LINES_MAX).replace(IN_LINES, escapeUnseen)
}

function cut(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length)}…[${text.length - length} characters more]`
}

function escapeUnseen(char: string): string {
  const code = char.charCodeAt(0)
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16).padStart(4, '0')}`
}
