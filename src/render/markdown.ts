import {printable} from '../base/printable.ts'
import type {CoreReport, PlaceReport} from '../report/core-report.ts'
import type {Format} from './format.ts'
import {renderGoText} from './go-text.ts'
import {PLAIN_STYLE} from './style.ts'
import {describeActors, describeGo, headline, locationOf, nameLanguage} from './summary-text.ts'

/** For a ticket: GitHub-flavoured Markdown in which all foreign text is code, so that nothing in it is obeyed. */
export const markdown: Format = {
  ending: '.md',
  diagnostics: 'inside',
  waits: 'shown',
  renderers: {analyze: renderTicket},
}

/** Characters of the other goroutines: trackers take 64 Ki in all. */
const OTHERS_MAX = 32_000

function* renderTicket(report: CoreReport): Generator<string> {
  const {where, who, waits, missing, signature} = report.summary
  yield `## ${code(headline(report.summary))}\n\n`
  yield* where.map(place => `- where: ${describePlace(place)}\n`)
  const program = [who.program, who.version, who.revision && `revision ${who.revision}`, describeGo(who)]
  yield `- program: ${program.flatMap(each => (each ? [code(each)] : [])).join(', ')}\n`
  yield `- ${describeActors(who, code)}\n`
  yield* waits.map(wait => `- waits: ${code(wait)}\n`)
  if (missing) yield `- missing: ${code(missing.what)}${missing.command ? `: ${code(missing.command)}` : ''}\n`
  yield `- signature: ${signature.exact === null ? 'none' : `${code(signature.exact)} ${code(signature.family ?? '')}`}\n`
  yield* renderStacks(report)
  yield* renderDiagnostics(report)
}

function describePlace(place: PlaceReport): string {
  const {function: name, guessed} = place
  const marks = `${nameLanguage(place)}${guessed ? ', guessed' : ''}`
  return `${code(name ?? 'no name')} at ${code(locationOf(place))} (${marks})`
}

/** The header and the first stack, as Go prints them; the others folded away. */
function* renderStacks(report: CoreReport): Generator<string> {
  const shown: string[] = []
  const others: string[] = []
  let room = OTHERS_MAX
  let leftOut = 0
  let isBehind = false
  for (const block of renderGoText(report, PLAIN_STYLE)) {
    if (!isBehind) shown.push(block)
    else if (block.length <= room) others.push(block)
    else leftOut++
    room -= isBehind ? block.length : 0
    isBehind ||= /^\n?(?:goroutine|thread) \d/.test(block)
  }
  yield `\n${fenced(shown.join(''))}`
  if (others.length + leftOut === 0) return
  const more = leftOut === 0 ? '' : `, ${leftOut} more left out`
  yield `\n<details><summary>${others.length} other stacks${more}</summary>\n\n${fenced(others.join('').trimStart())}\n</details>\n`
}

function* renderDiagnostics(report: CoreReport): Generator<string> {
  const {diagnostics} = report.tail()
  if (diagnostics.length > 0) yield '\n### What lowers the detail\n\n'
  for (const {severity, message, where, hint} of diagnostics) {
    const place = where !== null && !message.includes(where) ? `${code(where)}: ` : ''
    yield `- ${severity}: ${place}${code(message)}${hint === null ? '' : `; ${code(hint)}`}\n`
  }
}

/** A span of code; its marks are longer than any within (CommonMark 6.1). */
function code(text: string): string {
  const seen = printable(text)
  const mark = '`'.repeat(longestRun(seen) + 1)
  const pad = seen === '' || /^[` ]|[` ]$/.test(seen) ? ' ' : ''
  return `${mark}${pad}${seen}${pad}${mark}`
}

/** A block of code; its fence is longer than any within (CommonMark 4.5). */
function fenced(text: string): string {
  const fence = '`'.repeat(Math.max(3, longestRun(text) + 1))
  return `${fence}text\n${text}${fence}\n`
}

function longestRun(text: string): number {
  let longest = 0
  for (const [run] of text.matchAll(/`+/g)) longest = Math.max(longest, run.length)
  return longest
}
