import type {CoreReport, ThreadsReport} from '../report/core-report.ts'
import {renderBlocking} from './blocking-text.ts'
import {renderCgoText} from './cgo-text.ts'
import type {Format, Presentation} from './format.ts'
import {renderGoText} from './go-text.ts'
import {renderGoroutinesText} from './goroutines-text.ts'
import {renderInfoText} from './info-text.ts'
import type {Style} from './style.ts'
import {renderSummary} from './summary-text.ts'
import {renderThreadsText} from './threads-text.ts'

/** For people: each command has a text of its own, with the frames as Go prints them. */
export const text: Format = {
  diagnostics: 'beside',
  waits: 'left-out',
  renderers: {
    analyze: (report, {style, view}) => renderReport(report, style, view),
    cgo: (answer, {style}) => renderCgoText(answer, style),
    goroutines: (report, {style}) => followedByLocks(renderGoroutinesText(report, style), report, style),
    info: (report, {style}) => renderInfoText(report, style),
    threads: (report, {style, registers}) =>
      followedByLocks(renderThreadsText(report, style, registers), report, style),
  },
}

function* renderReport(report: CoreReport, style: Style, view: Presentation['view']): Generator<string> {
  if (view !== 'go') yield* renderSummary(report.summary, style)
  let separator = view === 'go' ? '' : '\n'
  for (const block of renderGoText(report, style)) {
    yield separator + block
    separator = ''
  }
  if (view === 'whole') yield* renderBlocking(report.blocking, style)
}

function* followedByLocks(
  pieces: Iterable<string>,
  report: Pick<ThreadsReport, 'blocking'>,
  style: Style,
): Generator<string> {
  yield* pieces
  yield* renderBlocking(report.blocking(), style)
}
