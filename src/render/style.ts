import {printable, printableLines} from '../base/printable.ts'
import type {FrameReport} from '../report/core-report.ts'

/** A place in the source, as a frame has it. */
export type SourcePlace = Pick<FrameReport, 'file' | 'line' | 'source'>

/**
 * How parts of the text are set apart. Plain by default; the command hands in a coloured one. What is not to be seen is
 * escaped on the way: names and paths are foreign, and none can forge a line. A header may have lines, as the text of a
 * panic has.
 */
export interface Style {
  header(text: string): string
  goroutine(text: string): string
  goFunction(text: string): string
  cFunction(text: string): string
  /** `place`: where a terminal can lead to. */
  location(text: string, place?: SourcePlace): string
  note(text: string): string
  /** A line of source behind a tab, or a remark on it; the result ends in a newline. */
  source(text: string, isCurrent: boolean): string
}

export const PLAIN_STYLE: Style = {
  header: printableLines,
  goroutine: printable,
  goFunction: printable,
  cFunction: printable,
  location: text => printable(text),
  note: printable,
  source: text => `\t${printable(text.slice(1))}\n`,
}

/** A style that paints text which `PLAIN_STYLE` has made printable. */
export function paintedStyle(paint: Style): Style {
  return {
    header: text => paint.header(PLAIN_STYLE.header(text)),
    goroutine: text => paint.goroutine(PLAIN_STYLE.goroutine(text)),
    goFunction: text => paint.goFunction(PLAIN_STYLE.goFunction(text)),
    cFunction: text => paint.cFunction(PLAIN_STYLE.cFunction(text)),
    location: text => paint.location(PLAIN_STYLE.location(text)),
    note: text => paint.note(PLAIN_STYLE.note(text)),
    source: (text, isCurrent) => `${paint.source(PLAIN_STYLE.source(text, isCurrent).slice(0, -1), isCurrent)}\n`,
  }
}
