import {Flags, type Interfaces} from '@oclif/core'
import type {OpenProcess} from '../acquire/open-process.ts'
import type {AnalysisOptions} from '../analysis/analyze-core.ts'
import {Deadline} from '../base/deadline.ts'
import {InputError} from '../base/errors.ts'
import {isTerminal} from '../base/terminal.ts'
import {runWithin} from '../base/time-limit.ts'
import type {Answers, Format, Presentation, Renderer} from '../render/format.ts'
import {FORMAT_NAMES, FORMATS, type FormatName} from '../render/formats.ts'
import {tellRedacted} from '../render/redaction.ts'
import {shareAnswer} from '../render/shared-answer.ts'
import type {SourceRequest} from '../report/core-report.ts'
import {keptFrames} from './answer-caches.ts'
import {
  BaseCommand,
  outputFlags,
  redactFlag,
  type SearchFlags,
  searchFlags,
  timeoutFlag,
  type WrittenDocument,
} from './base-command.ts'
import {writeBugReport} from './bug-report.ts'
import {EXIT, REPORT_EXIT_CODES} from './errors.ts'
import {linkedStyle} from './hyperlinks.ts'
import {openFromFlags, type RunContext} from './open-core.ts'
import {type Output, type OutputFlags, outputsOf} from './outputs.ts'
import {Pager, pagerCommand} from './pager.ts'

/** Flags of the commands that read a core. */
export const coreFlags = {
  exe: Flags.string({char: 'e', description: 'the executable (default: found from the core)', helpValue: 'FILE'}),
  ...searchFlags,
  ...outputFlags,
  output: Flags.string({
    char: 'o',
    multiple: true,
    multipleNonGreedy: true,
    description: 'write the report to a file, whose ending names the format',
    helpValue: 'FILE',
  }),
  strict: Flags.boolean({description: 'exit with 3 when the report is incomplete'}),
  redact: redactFlag,
  timeout: timeoutFlag,
  'report-bug': Flags.string({
    description: 'write a redacted package for a bug report, whatever the command does; nothing is sent',
    helpValue: 'FILE',
  }),
  'max-frames': Flags.integer({description: 'frames per stack', helpValue: 'N', min: 1, default: 1000}),
  'no-demangle': Flags.boolean({description: 'keep C++ and Rust names as the linker knows them'}),
}

/** The formats of one command, which a shell offers too. */
export function formatFlag(name: keyof Answers) {
  return Flags.option({
    options: formatsOf(name),
    description: 'how the report is written',
    exclusive: ['json'],
  })()
}

export type CoreFlags = Interfaces.InferredFlags<typeof coreFlags>

type AnswerFlags = SearchFlags &
  OutputFlags &
  Pick<CoreFlags, 'exe' | 'color' | 'quiet' | 'strict' | 'timeout' | 'redact'> & {
    registers?: boolean
    values?: string | undefined
    traceback?: string | undefined
    brief?: boolean
    source?: number | undefined
    'source-dir'?: readonly string[] | undefined
    'no-pager'?: boolean
    'report-bug'?: string | undefined
    'max-frames'?: number
    'no-demangle'?: boolean
    explain?: boolean
  }

/** What a command asks of a core. */
interface Question<Answer> {
  analyze(process: OpenProcess, context: RunContext & Pick<AnalysisOptions, 'waits' | 'kept'>): Answer
  /** Lines of source that the answer will show. */
  sources?(answer: Answer): readonly SourceRequest[]
  /** Lines for standard error that the document does not carry; asked for when it is written. */
  remarks?(answer: Answer): readonly string[]
}

/** The way of every command that reads one core: open it, analyse it, write the answer, then say what is missing. */
export abstract class CoreCommand extends BaseCommand {
  static exitCodes: Readonly<Record<string, string>> = REPORT_EXIT_CODES

  protected async answer<Name extends keyof Answers>(
    name: Name,
    path: string,
    flags: AnswerFlags,
    question: Question<Answers[Name]>,
  ): Promise<void> {
    const to = flags['report-bug']
    if (to === undefined) return this.#answer(name, path, flags, question)
    const {config, redaction, argv} = this
    const write = (failure: unknown): Promise<void> =>
      writeBugReport(path, {to, flags, command: [name, ...argv], failure, config, redaction})
    try {
      await this.#answer(name, path, flags, question)
    } catch (failure) {
      // It is the one to tell, even if there can be no package.
      await write(failure).catch(() => {})
      throw failure
    }
    await write(undefined)
  }

  async #answer<Name extends keyof Answers>(
    name: Name,
    path: string,
    flags: AnswerFlags,
    {analyze, sources, remarks}: Question<Answers[Name]>,
  ): Promise<void> {
    const outputs = outputsOf(flags)
    const asked = outputs.map(({path: to, format}) => ({to, format: FORMATS[format], render: rendererOf(format, name)}))
    const {diagnostics} = this
    const deadline = new Deadline(flags.timeout, diagnostics)
    const opened = await openFromFlags(path, flags, {diagnostics, deadline})
    const isRedacted = flags.redact || opened.isRedacted
    if (isRedacted) tellRedacted(diagnostics)
    const toFile = await this.style(flags.color, '')
    const pager = pagerFor(flags, outputs)
    const toTerminal = await linkedStyle(await this.style(flags.color, undefined), pager, opened.isLocalSource)
    try {
      if (opened.isRedacted) refuseValues(path, flags)
      const looks = {view: viewOf(flags), registers: flags.registers ?? false, explain: flags.explain ?? false}
      const waits = asked.some(({format}) => format.waits === 'shown') ? undefined : 'left-out'
      const kept = keptFrames(flags)
      const make = (): Answers[Name] => analyze(opened, {diagnostics, deadline, waits, kept})
      const early = await makeEarly(deadline, make, {pager, files: opened.sources, sources})
      const {answer, beside} = await this.#show(pager, write =>
        runWithin(deadline, () => {
          const whole = early ?? make()
          const made = isRedacted ? this.redaction.answer(whole) : whole
          const shared = shareAnswer(made, asked.length)
          write(
            asked.map(({to, format, render}) => ({
              path: to,
              isAllOrNothing: format.diagnostics === 'inside',
              pieces: render(shared, {...looks, style: to === undefined ? toTerminal : toFile}),
            })),
          )
          if (asked.some(({format}) => format.diagnostics === 'beside')) made.conclude()
          return {answer: made, beside: flags.quiet ? undefined : remarks?.(made)}
        }),
      )
      if (asked.some(({format}) => format.diagnostics === 'beside') && !flags.quiet) this.showBeside(beside)
      kept?.keep()
      if (flags.strict && !answer.isComplete()) {
        if (!flags.quiet) this.showIncomplete(answer.whyIncomplete())
        this.exit(EXIT.incomplete)
      }
    } finally {
      opened.close()
    }
  }

  /** Runs the work that writes documents: to the pager of that command, to files or to standard output. */
  async #show<Result>(
    command: string | undefined,
    work: (write: (documents: readonly WrittenDocument[]) => void) => Result,
  ): Promise<Result> {
    if (command === undefined) return work(documents => this.writeAll(documents))
    const pager = new Pager(command, process.env)
    try {
      return work(documents => {
        for (const {pieces} of documents) for (const piece of pieces) pager.write(piece)
      })
    } finally {
      const unread = await pager.close()
      if (unread) this.writeAll([{path: undefined, isAllOrNothing: false, pieces: unread}])
    }
  }
}

/**
 * The answer before it is written, where something comes between: a pager, or sources that are fetched. Elsewhere both
 * are one piece of work, for each limit of the time costs half a millisecond.
 */
async function makeEarly<Answer>(
  deadline: Deadline,
  make: () => Answer,
  between: {
    pager: string | undefined
    files: OpenProcess['sources']
    sources: Question<Answer>['sources'] | undefined
  },
): Promise<Answer | undefined> {
  const {pager, files, sources} = between
  const isFetched = files !== undefined && sources !== undefined
  if (pager === undefined && !isFetched) return undefined
  const whole = runWithin(deadline, make)
  if (isFetched) await files.fetch(runWithin(deadline, () => sources(whole)))
  return whole
}

/** The command, where text goes to a terminal that a person looks at, and the command has a flag against it. */
function pagerFor(flags: AnswerFlags, [only, ...others]: readonly Output[]): string | undefined {
  const isPlain = only?.path === undefined && only?.format === 'text' && others.length === 0
  if (flags['no-pager'] !== false || !isPlain) return undefined
  return isTerminal(1) ? pagerCommand(process.env) : undefined
}

function viewOf({traceback, brief}: Pick<AnswerFlags, 'traceback' | 'brief'>): Presentation['view'] {
  if (traceback !== undefined) return 'go'
  return brief ? 'brief' : 'whole'
}

/** @throws InputError: zeros stand where values were */
function refuseValues(path: string, {values}: Pick<AnswerFlags, 'values'>): void {
  if (values === undefined) return
  const message = `${path}: values were left out of this core when it was minimised (--redact)`
  throw new InputError('bad-argument', message, 'ask without --values, or ask the core that it was made of')
}

/** The formats that a command has. */
function formatsOf(name: keyof Answers): FormatName[] {
  return FORMAT_NAMES.filter(each => name in FORMATS[each].renderers)
}

/** @throws InputError where that command has no such format */
function rendererOf<Name extends keyof Answers>(asked: FormatName, name: Name): Renderer<Answers[Name]> {
  const {renderers}: Format = FORMATS[asked]
  const render = renderers[name]
  if (render) return render
  throw new InputError('bad-argument', `${name} has no format ${asked}`, `it has ${formatsOf(name).join(', ')}`)
}
