import {basename} from 'node:path'
import {printable} from '../base/printable.ts'
import type {PlaceReport, SummaryReport} from '../report/core-report.ts'
import {placeInModule} from '../report/vocabulary.ts'
import {ofImage} from './go-text.ts'
import type {Style} from './style.ts'

/** What a terminal shows without being asked. */
const WIDTH = 80
const LABEL_WIDTH = 12
const LINES = 12
/** Of the sentence that opens it. */
const SENTENCE_LINES = 3
const ENTRY_LINES = 2

/** What a person wants to know first, in at most a dozen lines of 80 columns. Yields text that ends in a newline. */
export function* renderSummary(summary: SummaryReport, style: Style): Generator<string> {
  const {where, who, waits, missing, signature} = summary
  const sentenceLines = waits.length > 0 && missing ? SENTENCE_LINES - 1 : SENTENCE_LINES
  const sentence = wrap(headline(summary), WIDTH - 2, sentenceLines)
  const before = [
    ...renderPlaces(where, who.goroutine, style),
    ...renderEntry('who', [describeProgram(who), describeActors(who, basename)], ENTRY_LINES, style),
  ]
  const after = [
    ...(missing ? renderEntry('missing', [missing.what], ENTRY_LINES, style) : []),
    // A command is copied: it keeps to its line.
    ...(missing?.command ? [renderLine('', missing.command, style)] : []),
    renderLine('signature', cutMiddle(describeSignature(signature), WIDTH - LABEL_WIDTH), style),
  ]
  const room = Math.max(LINES - sentence.length - before.length - after.length, ENTRY_LINES)
  yield sentence.map((line, index) => `${index === 0 ? '' : '  '}${style.header(line)}\n`).join('')
  yield* before
  yield* renderWaits(waits, room, style)
  yield* after
}

/** Which program died of what. */
export function headline({what, who}: SummaryReport): string {
  const program = who.program === null ? 'the process' : shortName(who.program)
  return `${program}${what.startsWith('not crashed') ? '' : ' died'}: ${what}`
}

/** What ran from memory has a name that is no path (memfd_create(2)). */
function shortName(program: string): string {
  return program.startsWith('/memfd:') ? program.slice(1) : basename(program)
}

/** The first one has the room that the others leave. */
function* renderWaits([first, second, ...others]: readonly string[], room: number, style: Style): Generator<string> {
  if (first === undefined) return
  const lines = wrap(first, WIDTH - LABEL_WIDTH, second === undefined ? room : room - 1)
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  const left = Math.min(room - lines.length, ENTRY_LINES)
  if (second !== undefined) lines.push(...wrap(second + more, WIDTH - LABEL_WIDTH, left))
  for (const [index, line] of lines.entries()) yield renderLine(index === 0 ? 'waits' : '', line, style)
}

function* renderPlaces(places: readonly PlaceReport[], ofCrash: number | null, style: Style): Generator<string> {
  for (const [index, place] of places.entries()) {
    yield renderLine(index === 0 ? 'where' : '', shorten(describePlace(place, ofCrash), WIDTH - LABEL_WIDTH), style)
  }
}

/** Whose code a place is. */
export function nameLanguage({kind}: PlaceReport): string {
  return kind === 'unknown' ? 'Go or C' : kind === 'go' ? 'Go' : 'C'
}

/** One line; the whole path stands below, in the stack. */
function describePlace(place: PlaceReport, ofCrash: number | null): [name: string, location: string] {
  const {function: name, file, line, module, guessed, firstParty, goroutine} = place
  const code = placeInModule(place) ?? (module === null ? '?' : basename(module))
  const location = file === null ? (name === null ? [] : [code]) : [`${file}${line === null ? '' : `:${line}`}`]
  const whose = goroutine === ofCrash ? [] : [`goroutine ${goroutine}`]
  const marks = [
    nameLanguage(place),
    ...whose,
    // What has no name may be anybody's.
    ...(firstParty || name === null ? [] : ['library']),
    ...(guessed ? ['guessed'] : []),
  ]
  return [printable(name ?? code), printable([...location, `(${marks.join(', ')})`].join(' '))]
}

/** Where a place is, in full: in its source, else in its module. */
export function locationOf({file, line, module, moduleOffset}: PlaceReport): string {
  return file === null ? `${module ?? '?'}+${moduleOffset ?? '?'}` : `${file}:${line ?? 0}`
}

/** Cuts folders off the front of a path, then the middle of a name, until both fit. */
function shorten([name, location]: readonly [string, string], width: number): string {
  let shown = location
  for (let at = shown.indexOf('/', 1); name.length + 2 + shown.length > width && at >= 0; at = shown.indexOf('/', 2)) {
    shown = `…${shown.slice(at)}`
  }
  const separator = shown.startsWith('(') ? ' ' : ', '
  return `${cutMiddle(name, Math.max(width - 2 - shown.length, 20))}${separator}${shown}`
}

function cutMiddle(text: string, room: number): string {
  const half = Math.floor((room - 1) / 2)
  return text.length <= room ? text : `${text.slice(0, room - 1 - half)}…${text.slice(text.length - half)}`
}

/** The release of Go, and whose it is where a library that the program had loaded died. */
export function describeGo({program, image, goVersion}: SummaryReport['who']): string | null {
  return goVersion === null || image === null || image === program ? goVersion : `${goVersion} in ${basename(image)}`
}

function describeProgram(who: SummaryReport['who']): string {
  const {program, version, revision, modified, crashedAt} = who
  const goVersion = describeGo(who)
  const words = [program ?? 'a program whose path is not known']
  if (version !== null) words.push(version)
  if (revision !== null) words.push(`revision ${revision.slice(0, 12)}${modified === true ? ' (modified)' : ''}`)
  if (goVersion !== null) words.push(goVersion)
  if (crashedAt !== null) words.push(crashedAt.replace(/\.\d+Z$/, 'Z'))
  return words.join(', ')
}

/** Which goroutine and thread, of how many; `nameImage` writes the path of the Go runtime that they are of. */
export function describeActors(
  {thread, image, goroutine, threads, goroutines, inC, atLeast, systemAmong}: SummaryReport['who'],
  nameImage: (path: string) => string,
): string {
  const words: string[] = []
  if (goroutine !== null) words.push(`goroutine ${goroutine}${ofImage(image && nameImage(image))}`)
  if (thread !== null) words.push(`thread ${thread}`)
  const counts: string[] = []
  if (goroutines !== null) {
    const whole = atLeast ? 'at least ' : ''
    const among = systemAmong ? " with the runtime's own" : ''
    counts.push(`${whole}${plural(goroutines, 'goroutine')}${among} (${inC === 0 ? 'none' : inC} in C)`)
  }
  counts.push(plural(threads, 'thread'))
  const of = counts.join(', ')
  return words.length === 0 ? of : `${words.join(', ')}; ${of}`
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`
}

function describeSignature({exact, family}: SummaryReport['signature']): string {
  if (exact === null) return 'none'
  // A build ID stands for a module without names: nobody reads all of it.
  const short = (family ?? '').replaceAll(/\b([0-9a-f]{8})[0-9a-f]{24,}(?=\+0x)/g, '$1…')
  return `${exact} ${short}`.trimEnd()
}

function renderEntry(label: string, texts: readonly string[], linesMax: number, style: Style): string[] {
  const lines = texts.flatMap(text => wrap(text, WIDTH - LABEL_WIDTH, linesMax))
  return lines.map((line, index) => renderLine(index === 0 ? label : '', line, style))
}

function renderLine(label: string, text: string, style: Style): string {
  return `${style.note(`  ${label}`.padEnd(LABEL_WIDTH))}${printable(text)}\n`
}

/** Lines of whole words; a word that is longer than a line has one to itself. What is too much ends in `…`. */
function wrap(text: string, width: number, linesMax: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of printable(text).split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  lines.push(line)
  if (lines.length <= linesMax) return lines
  return [...lines.slice(0, linesMax - 1), `${(lines[linesMax - 1] ?? '').slice(0, width - 2)} …`]
}
