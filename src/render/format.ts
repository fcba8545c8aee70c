import type {CgoAnswer, CoreReport, GoroutinesReport, InfoReport, ThreadsReport} from '../report/core-report.ts'
import type {Style} from './style.ts'

/** What the commands that read a core answer, by the command's name. */
export interface Answers {
  analyze: CoreReport
  cgo: CgoAnswer
  goroutines: GoroutinesReport
  info: InfoReport
  threads: ThreadsReport
}

/** What the user asked for that changes the looks of an answer and not its content. */
export interface Presentation {
  readonly style: Style
  /** The registers of each thread below its frames. */
  readonly registers: boolean
  /** Of `analyze`: which rule kept each frame for the signature, or left it out. */
  readonly explain?: boolean
  /** Of `analyze`: the summary, Go's text, and what waits for what; the first two; Go's text alone. */
  readonly view: 'whole' | 'brief' | 'go'
}

/**
 * The pieces of a document; text ends each in a newline, bytes are of a document that is not text. A report is read
 * once, from its start to its end.
 */
export type Renderer<Answer> = (answer: Answer, presentation: Presentation) => Iterable<string | Uint8Array>

/** A way to write answers down. A new one is a file that exports one of these, and a line in `formats.ts`. */
export interface Format {
  /** What the name of a file ends in that holds it, from the dot on; null: no file is told by its name. */
  readonly ending: string | null
  /** Where the diagnostics go: into the document, or to standard error behind it. */
  readonly diagnostics: 'inside' | 'beside'
  /** Whether the document shows what each goroutine waits for, which takes time to find. */
  readonly waits: 'shown' | 'left-out'
  /** By command; an answer that is not here cannot be written in this format. */
  readonly renderers: {readonly [Name in keyof Answers]?: Renderer<Answers[Name]>}
}
