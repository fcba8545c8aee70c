import type {FrameReport, SourceReport} from '../report/core-report.ts'
import type {Style} from './style.ts'

/** Columns that a tab in the source takes here. */
const TAB = 4

/**
 * The lines of source below a frame; those that are not here are told of elsewhere.
 * @param told what was said of the files of the frames above, which is said once
 */
export function renderSource({file, line: current, source}: FrameReport, style: Style, told: Set<string>): string {
  if (!source || source.start === null) return ''
  const {start, lines} = source
  const last = start + lines.length - 1
  const width = `${last}`.length
  const note = describeFile(source, file)
  const said = `${source.file}: ${note}`
  let out = note === '' || told.has(said) ? '' : style.source(`\t${note}`, false)
  told.add(said)
  for (const [index, text] of lines.entries()) {
    const number = start + index
    const isCurrent = number === current
    const line = `${isCurrent ? '=>' : '  '} ${`${number}`.padStart(width)}: ${expandTabs(text)}`
    out += style.source(`\t${line.replace(/ +$/, '')}`, isCurrent)
  }
  return out
}

/** What a reader has to know of the file. */
function describeFile({file: read, state, origin}: SourceReport, file: string | null): string {
  const where = read === file ? [] : [`from ${origin === 'debuginfod' ? origin : read}`]
  const age = state === 'newer' ? ['newer than the program: the lines may be others'] : []
  const words = [...where, ...age]
  return words.length === 0 ? '' : `(${words.join(', ')})`
}

function expandTabs(text: string): string {
  let out = ''
  for (const char of text) out += char === '\t' ? ' '.repeat(TAB - (out.length % TAB)) : char
  return out
}
