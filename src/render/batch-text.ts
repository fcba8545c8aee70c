import type {BatchGroup} from '../report/core-report.ts'
import type {Style} from './style.ts'

/** Frames of a signature that are shown. */
const FRAMES_SHOWN = 5

export interface BatchTotals {
  /** Cores in the groups: those of this run, and those that had a line before. */
  cores: number
  known: number
  errors: number
  /** By what they are. */
  passedOver: Readonly<Record<string, number>>
}

/** What many cores died of, the commonest first. */
export function* renderBatchSummary(
  groups: readonly BatchGroup[],
  {cores, known, errors, passedOver}: BatchTotals,
  style: Style,
): Generator<string> {
  const signatures = groups.filter(({exact}) => exact !== null).length
  const parts = [
    plural(cores, 'core'),
    plural(signatures, 'signature'),
    ...(known > 0 ? [`${known} analysed before`] : []),
    ...(errors > 0 ? [`${errors} not analysed`] : []),
  ]
  yield `${style.header(parts.join(', '))}\n`
  const others = renderPassedOver(passedOver)
  if (others !== '') yield `${style.note(others)}\n`
  const width = String(groups[0]?.count ?? 0).length
  for (const group of groups) yield* renderGroup(group, Math.max(width, 2), style)
}

/** Empty where nothing was passed over. */
export function renderPassedOver(passedOver: BatchTotals['passedOver']): string {
  const parts = Object.entries(passedOver).filter(([, count]) => count > 0)
  const sum = parts.reduce((total, [, count]) => total + count, 0)
  return sum === 0 ? '' : `${sum} passed over: ${parts.map(([what, count]) => `${count} ${what}`).join('; ')}`
}

function* renderGroup(group: BatchGroup, width: number, style: Style): Generator<string> {
  const margin = ' '.repeat(width + 2)
  const signature = group.exact === null ? '' : `  ${style.note(`[${group.exact}]`)}`
  yield `\n${String(group.count).padStart(width)}  ${style.goroutine(titleOf(group))}${signature}\n`
  const shown = group.frames.slice(0, FRAMES_SHOWN)
  if (shown.length > 0) {
    const more = group.frames.length > shown.length ? ` < … ${group.frames.length - shown.length} more` : ''
    yield `${margin}${style.goFunction(shown.join(' < '))}${more}\n`
  }
  const facts = [...group.executables, ...group.goVersions, spanOf(group)].filter(fact => fact !== '')
  if (facts.length > 0) yield `${margin}${style.note(facts.join(' · '))}\n`
  if (group.similar.length > 0) yield `${margin}${style.note(`similar: ${describeSimilar(group)}`)}\n`
  yield `${margin}${style.location(group.example)}\n`
}

function describeSimilar({similar}: BatchGroup): string {
  return similar.map(({exact, similarity}) => `${exact} (${Math.round(similarity * 100)} %)`).join(', ')
}

function titleOf({error, kind, signal, message}: BatchGroup): string {
  if (error !== null) return `not analysed: ${error}`
  if (kind === 'none' || kind === null) return 'not crashed'
  const first = message?.split('\n', 1)[0]
  return [kind === 'signal' ? (signal ?? 'signal') : kind, ...(first ? [first] : [])].join(': ')
}

function spanOf({first, last}: BatchGroup): string {
  if (first === null || last === null) return ''
  return first === last ? first : `${first} to ${last}`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
