import {InputError} from '../base/errors.ts'
import {FORMAT_NAMES, FORMATS, type FormatName} from '../render/formats.ts'

/** A document that is asked for: where it goes, and how it is written. */
export interface Output {
  /** undefined: standard output. */
  readonly path: string | undefined
  readonly format: FormatName
}

/** What the command line says of formats and places. */
export interface OutputFlags {
  readonly output?: readonly string[] | undefined
  readonly format?: FormatName | undefined
  readonly json?: boolean
  readonly ndjson?: boolean
  readonly tree?: boolean
  readonly html?: string | undefined
}

/**
 * The documents of one run. A flag names the format of the only one; of several each has that of its ending, and the
 * flag is for those whose ending says nothing.
 * @throws InputError where two go to one place
 */
export function outputsOf(flags: OutputFlags): Output[] {
  const flag = formatOfFlags(flags)
  const paths = flags.output ?? []
  const page: Output[] = flags.html === undefined ? [] : [{path: flags.html, format: 'html'}]
  const isOnly = paths.length + page.length <= 1
  const files = paths.map(path => ({
    path,
    format: (isOnly ? flag : undefined) ?? formatOfEnding(path) ?? flag ?? 'text',
  }))
  const outputs = [...files, ...page]
  const twice = outputs.find(({path}, index) => outputs.findIndex(other => other.path === path) !== index)
  if (twice) {
    throw new InputError(
      'bad-argument',
      `${twice.path}: two reports cannot go to one file`,
      'name a file for each: -o FILE',
    )
  }
  return outputs.length > 0 ? outputs : [{path: undefined, format: flag ?? 'text'}]
}

function formatOfFlags({format, json, ndjson, tree}: OutputFlags): FormatName | undefined {
  if (format) return format
  if (ndjson) return 'ndjson'
  if (tree) return 'tree'
  return json ? 'json' : undefined
}

/** The longest ending that fits: `.speedscope.json` is more than `.json`. */
function formatOfEnding(path: string): FormatName | undefined {
  const endingOf = (name: FormatName): string => FORMATS[name].ending ?? ''
  const fitting = FORMAT_NAMES.filter(name => endingOf(name) !== '' && path.endsWith(endingOf(name)))
  return fitting.sort((a, b) => endingOf(b).length - endingOf(a).length)[0]
}
