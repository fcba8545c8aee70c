import type {DiffAnswer, DiffReport, GoroutineChange, SignatureChange} from '../report/core-report.ts'
import type {Change} from '../report/vocabulary.ts'
import type {Style} from './style.ts'

type Compared = DiffReport['before']

/** In the order in which they are told. */
const ORDER: readonly Change[] = ['new', 'grown', 'shrunk', 'gone', 'same']
const FRAMES_SHOWN = 5

/** What became of each, under a heading for each kind of change; what is the same is counted. */
export function* renderDiff(report: DiffAnswer, style: Style): Generator<string> {
  const {before, after, by, signatures, goroutines} = report
  const noun = signatures ? 'core' : 'goroutine'
  yield describeCompared('-', before, noun, style)
  yield describeCompared('+', after, noun, style)
  const changes: Iterable<SignatureChange | GoroutineChange> = signatures ?? goroutines ?? []
  yield* renderChanges(changes, signatures ? 'signature' : 'stack', style)
  if (by === 'function')
    yield `\n${style.note('compared by function alone: the two are of different builds, or share no lines')}\n`
}

function* renderChanges(
  changes: Iterable<SignatureChange | GoroutineChange>,
  noun: string,
  style: Style,
): Generator<string> {
  const counts = new Map<Change, number>()
  for (const {change} of changes) counts.set(change, (counts.get(change) ?? 0) + 1)
  for (const change of ORDER) {
    const count = counts.get(change)
    if (count === undefined) continue
    yield `\n${style.header(`${change}: ${count} ${noun}${count === 1 ? '' : 's'}`)}\n`
    if (change === 'same') continue
    for (const each of changes) if (each.change === change) yield* renderChange(each, style)
  }
}

function describeCompared(
  sign: string,
  {path, kind, count, since, until}: Compared,
  noun: string,
  style: Style,
): string {
  const time = since === null && until === null ? '' : `, ${since ?? '…'} to ${until ?? '…'}`
  return `${sign} ${style.location(path)} ${style.note(`(${kind}, ${count} ${noun}${count === 1 ? '' : 's'}${time})`)}\n`
}

function renderChange(change: SignatureChange | GoroutineChange, style: Style): Generator<string> {
  return 'exact' in change ? renderSignature(change, style) : renderStack(change, style)
}

function countsOf({before, after}: {before: number; after: number}): string {
  return `${before} → ${after}`
}

function* renderSignature(change: SignatureChange, style: Style): Generator<string> {
  const {exact, kind, signal, message, frames, example} = change
  const title = [kind === 'signal' ? (signal ?? 'signal') : (kind ?? 'crash'), message?.split('\n', 1)[0] ?? '']
  const text = title.filter(part => part !== '').join(': ')
  yield `  ${countsOf(change)}  ${style.goroutine(text)}  ${style.note(`[${exact}]`)}\n`
  if (frames.length > 0) yield `      ${style.goFunction(frames.slice(0, FRAMES_SHOWN).join(' < '))}\n`
  if (example !== null) yield `      ${style.location(example)}\n`
}

function* renderStack(change: GoroutineChange, style: Style): Generator<string> {
  const {state, frames, createdBy, goroutines, partial} = change
  const ids = goroutines.length > 0 ? `: ${goroutines.join(' ')}` : ''
  yield `  ${countsOf(change)}  ${style.goroutine(`[${state ?? '?'}]${ids}`)}${partial ? ` ${style.note('(frames are missing)')}` : ''}\n`
  for (const {function: name, file, line} of frames) {
    const place = file === null ? '' : `  ${style.location(`${file}:${line ?? 0}`)}`
    yield `      ${style.goFunction(name)}${place}\n`
  }
  if (createdBy !== null) yield `      ${style.note(`created by ${createdBy}`)}\n`
}
