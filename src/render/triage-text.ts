import {printable} from '../base/printable.ts'
import type {
  BatchFrame,
  MarkReport,
  StoredSignature,
  TriageDead,
  TriageList,
  TriageMark,
  TriageShow,
} from '../report/core-report.ts'
import type {Style} from './style.ts'

/** Frames of a signature that a list shows. */
const FRAMES_SHOWN = 5
const NAMES_SHOWN = 3
/** Columns of a trend, from nothing to the highest. */
const BARS = [...'·▁▂▃▄▅▆▇█']

/** The signatures of a store, a block each. */
export function* renderTriageList({store, matched, signatures}: TriageList, style: Style): Generator<string> {
  const parts = [
    plural(store.cores, 'core'),
    plural(store.signatures, 'signature'),
    ...(store.notCrashed > 0 ? [`${store.notCrashed} not crashed`] : []),
    ...(store.errors > 0 ? [`${store.errors} not analysed`] : []),
    ...(matched !== store.signatures ? [`${matched} of the signatures match`] : []),
  ]
  yield `${style.header(parts.join(', '))}\n`
  const width = Math.max(2, ...signatures.map(({count}) => String(count).length))
  for (const signature of signatures) {
    yield '\n'
    yield* renderSignature(signature, width, style)
  }
  if (signatures.length < matched) yield `\n${style.note(`${matched - signatures.length} more: --limit`)}\n`
}

function* renderSignature(signature: StoredSignature, width: number, style: Style): Generator<string> {
  const {exact, count, frames, first, last, programs, versions, trend, example} = signature
  const margin = ' '.repeat(width + 2)
  yield `${String(count).padStart(width)}  ${style.goroutine(titleOf(signature))}  ${style.note(`[${exact}]`)}\n`
  yield `${margin}${style.goroutine(describeState(signature))}\n`
  if (frames.length > 0) {
    const more = frames.length > FRAMES_SHOWN ? ` < … ${frames.length - FRAMES_SHOWN} more` : ''
    yield `${margin}${style.goFunction(frames.slice(0, FRAMES_SHOWN).join(' < '))}${more}\n`
  }
  const facts = [namesOf(programs), namesOf(versions), first === last ? first : `${first} to ${last}`]
  yield `${margin}${style.note(facts.filter(fact => fact !== '').join(' · '))}\n`
  if (trend.length > 0) yield `${margin}${renderTrend(trend, style)}\n`
  yield `${margin}${style.location(example)}\n`
}

function titleOf({kind, signal, message}: Pick<StoredSignature, 'kind' | 'signal' | 'message'>): string {
  const first = message?.split('\n', 1)[0]
  return [kind === 'signal' ? (signal ?? 'signal') : (kind ?? 'crash'), ...(first ? [first] : [])].join(': ')
}

function describeState({state, regression, mark}: StoredSignature): string {
  const fixed = mark?.build ? ` in ${mark.build}` : ''
  const note = mark?.note ? `: ${mark.note}` : ''
  if (regression) return `regressed, fixed${fixed}, seen in ${regression.build} (${regression.proof})${note}`
  return state === 'fixed' ? `fixed${fixed}${note}` : `${state}${note}`
}

function namesOf(names: StoredSignature['programs']): string {
  const more = names.length > NAMES_SHOWN ? ', …' : ''
  return (
    names
      .slice(0, NAMES_SHOWN)
      .map(({name, count}) => `${name} (${count})`)
      .join(', ') + more
  )
}

function renderTrend(trend: StoredSignature['trend'], style: Style): string {
  const highest = Math.max(1, ...trend.map(({count}) => count))
  const bars = trend.map(({count}) => BARS[Math.ceil((count * (BARS.length - 1)) / highest)] ?? '')
  return `${bars.join('')} ${style.note(`${trend[0]?.day} to ${trend.at(-1)?.day}, at most ${highest} a day`)}`
}

/** One signature: where it was seen, whom it met, what was said of it. */
export function* renderTriageShow(report: TriageShow, style: Style): Generator<string> {
  const {signature, builds, labels, stack, cores, similar, history} = report
  yield* renderSignature(signature, 1, style)
  yield* section(
    'stack of the newest core',
    stack.map(frame => renderFrame(frame, style)),
    style,
  )
  yield* section(
    'builds',
    builds.map(build => renderBuild(build, style)),
    style,
  )
  const ofLabel = ({key, value, count}: TriageShow['labels'][number]) =>
    `  ${count}  ${style.note(`${key}=${value}`)}\n`
  yield* section('labels', labels.map(ofLabel), style)
  const ofCore = ({path, time, report: file}: TriageShow['cores'][number]) =>
    `  ${style.note(time)}  ${style.location(file === null ? path : `${path}  (report: ${file})`)}\n`
  yield* section('newest cores', cores.map(ofCore), style)
  const ofAlike = ({exact, similarity, state, count}: TriageShow['similar'][number]): string =>
    `  ${style.note(`${Math.round(similarity * 100)} %  [${exact}]  ${plural(count, 'core')}, ${state}`)}\n`
  yield* section('similar', similar.map(ofAlike), style)
  yield* section(
    'history',
    history.map(mark => renderMark(mark, style)),
    style,
  )
}

function* section(title: string, lines: readonly string[], style: Style): Generator<string> {
  if (lines.length > 0) yield `\n${style.header(title)}\n`
  yield* lines
}

function renderFrame({kind, function: name, file, line, module, moduleOffset}: BatchFrame, style: Style): string {
  const place = file === null ? `${module ?? '?'}+${moduleOffset ?? '?'}` : `${file}:${line ?? 0}`
  const paint = kind === 'go' ? style.goFunction : style.cFunction
  return `  ${paint(name ?? '?')}\n      ${style.location(place)}\n`
}

function renderBuild(build: TriageShow['builds'][number], style: Style): string {
  const facts = [build.program, build.goVersion, build.time, build.buildId?.slice(0, 12)]
  const since = build.sinceFix ? `, since the fix (${build.sinceFix})` : ''
  const known = facts.filter(fact => fact !== null && fact !== undefined).join(' · ')
  const span = style.note(`${build.first} to ${build.last}`)
  return `  ${build.count}  ${style.goroutine(build.name)}  ${style.note(known + since)}\n      ${span}\n`
}

function renderMark({time, author, state, build, note}: MarkReport, style: Style): string {
  const where = build === null ? '' : ` in ${build}`
  return `  ${style.note(`${time} ${author ?? '?'}: ${state}${where}${note === null ? '' : `: ${note}`}`)}\n`
}

/** What was said, and how the signature stands now. */
export function* renderTriageMark({exact, mark, state}: TriageMark, style: Style): Generator<string> {
  const where = mark.build === null ? '' : ` in ${mark.build}`
  yield `${style.note(`[${exact}]`)} ${style.goroutine(`${mark.state}${where}`)}\n`
  if (state !== mark.state)
    yield `${style.goroutine(`it is ${state}: gotrace-core triage show ${exact} tells where`)}\n`
}

/** The cores of a queue that have used up their attempts, two lines each. */
export function* renderTriageDead({total, retried, letters}: TriageDead, style: Style): Generator<string> {
  const back = retried === null ? '' : `${plural(retried, 'core')} put back, `
  yield `${style.header(`${back}${plural(total, 'dead letter')}`)}\n`
  for (const {key, path, attempts, code, message, ended} of letters) {
    const facts = [ended, plural(attempts, 'attempt'), key && `[${key.slice(0, 16)}]`].filter(each => each !== null)
    yield `  ${style.goroutine(printable(path ?? '?'))}  ${style.note(facts.join(' · '))}\n`
    yield `      ${[code, message].map(each => printable(each ?? '?')).join(': ')}\n`
  }
  if (letters.length < total) yield `${style.note(`${total - letters.length} more: --limit`)}\n`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}
