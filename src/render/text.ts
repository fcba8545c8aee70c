import type {CoreReport, ThreadsReport} from '../report/core-report.ts'
import {renderBlocking} from './blocking-text.ts'
import {renderCgoText} from './cgo-text.ts'
import type {Format, Presentation} from './format.ts'
import {renderGoText} from './go-text.ts'
import {renderGoroutinesText} from './goroutines-text.ts'
import {renderInfoText} from './info-text.ts'
import {renderSignature} from './signature-text.ts'
import type {Style} from './style.ts'
import {renderSummary} from './summary-text.ts'
import {renderThreadsText} from './threads-text.ts'

/** For people: each command has a text of its own, with the frames as Go prints them. */
export const text: Format = {
  ending: '.txt',
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {
    analyze: (report, presentation) => marked(renderReport(report, presentation), report, presentation.style),
    cgo: (answer, {style}) => marked(renderCgoText(answer, style), answer, style),
    goroutines: (report, {style}) => followedByLocks(gathered(renderGoroutinesText(report, style)), report, style),
    info: (report, {style}) => marked(renderInfoText(report, style), report, style),
    threads: (report, {style, registers}) =>
      followedByLocks(renderThreadsText(report, style, registers), report, style),
  },
}

function* renderReport(report: CoreReport, {style, view, explain}: Presentation): Generator<string> {
  if (view !== 'go') yield* renderSummary(report.summary, style)
  if (view !== 'go') yield '\n'
  yield* gathered(renderGoText(report, style))
  if (view === 'whole') yield* renderBlocking(report.blocking, style)
  if (explain) yield* renderSignature(report.signature, style)
}

/** Pieces are gathered to this length: to hand on each takes longer than to put it together. */
const PIECE_LENGTH = 4096

function* gathered(pieces: Iterable<string>): Generator<string> {
  let text = ''
  for (const piece of pieces) {
    text += piece
    if (text.length < PIECE_LENGTH) continue
    yield text
    text = ''
  }
  yield text
}

function* followedByLocks(
  pieces: Iterable<string>,
  report: Pick<ThreadsReport, 'blocking' | 'isOutOfTime'>,
  style: Style,
): Generator<string> {
  yield* pieces
  yield* renderBlocking(report.blocking(), style)
  yield* timeMark(report, style)
}

/** A report that time has cut short says so where it ends. */
function* marked(pieces: Iterable<string>, answer: {readonly isOutOfTime: boolean}, style: Style): Generator<string> {
  yield* pieces
  yield* timeMark(answer, style)
}

function* timeMark({isOutOfTime}: {readonly isOutOfTime: boolean}, style: Style): Generator<string> {
  if (isOutOfTime) yield `\n${style.note('...the report ends here: the time (--timeout) was over...')}\n`
}
