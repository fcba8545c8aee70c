import {openFixture} from '../../lab/fixtures.ts'
import {type OpenProcessOptions, openProcess} from '../../src/acquire/open-process.ts'
import {analyzeCgo} from '../../src/analysis/analyze-cgo.ts'
import {analyzeCore} from '../../src/analysis/analyze-core.ts'
import {analyzeGoroutines} from '../../src/analysis/analyze-goroutines.ts'
import {analyzeInfo} from '../../src/analysis/analyze-info.ts'
import {analyzeThreads} from '../../src/analysis/analyze-threads.ts'
import {Deadline} from '../../src/base/deadline.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {Answers as AnswerTypes, Renderer} from '../../src/render/format.ts'
import {json} from '../../src/render/json.ts'
import {PLAIN_STYLE} from '../../src/render/style.ts'
import {text} from '../../src/render/text.ts'
import type {
  CgoAnswer,
  CoreReport,
  GoroutineReport,
  GoroutinesReport,
  InfoReport,
  ReportTail,
  ThreadReport,
  ThreadsReport,
} from '../../src/report/core-report.ts'

/** The documents of all commands that read a core, as `--json` prints them. */
export interface Documents {
  analyze: Omit<CoreReport, 'goroutines' | 'tail'> & ReportTail & {goroutines: GoroutineReport[]}
  cgo: CgoAnswer
  goroutines: Omit<GoroutinesReport, 'goroutines' | 'counts' | 'blocking' | 'diagnostics'> & {
    goroutines: GoroutineReport[]
    counts: ReturnType<GoroutinesReport['counts']>
    blocking: ReportTail['blocking']
    diagnostics: ReportTail['diagnostics']
  }
  info: InfoReport
  threads: Omit<ThreadsReport, 'threads' | 'blocking' | 'diagnostics'> & {
    threads: ThreadReport[]
    blocking: ReportTail['blocking']
    diagnostics: ReportTail['diagnostics']
  }
}

export interface Answers {
  readonly documents: Documents
  /** What `--strict` would say of each. */
  readonly complete: Readonly<Record<keyof Documents, boolean>>
  /** What each prints as text. */
  readonly texts: Readonly<Record<keyof Documents, string>>
  /** The text again, from nothing but the JSON. */
  readonly retold: Readonly<Record<keyof Documents, string>>
  /** The crash at the level at which `threads` tells it. */
  readonly defaultCrash: CoreReport['crash']
}

const PRESENTATION = {style: PLAIN_STYLE, registers: true, view: 'whole'} as const

/** Asks every command about one committed crash, at the level that leaves nothing out. */
export async function askAll(name: string): Promise<Answers> {
  const fixture = await openFixture(name)
  return askAllOf(fixture.core, {exe: fixture.executable, sysroots: [fixture.sysroot]})
}

/** The same of any core, with the files that are at hand. */
export async function askAllOf(core: string, files: Pick<OpenProcessOptions, 'exe' | 'sysroots'>): Promise<Answers> {
  const opened = await openProcess(core, {diagnostics: new Diagnostics(), ...files})
  try {
    const documents: Partial<Record<keyof Documents, unknown>> = {}
    const complete: Partial<Record<keyof Documents, boolean>> = {}
    const texts: Partial<Record<keyof Documents, string>> = {}
    const ask = <Name extends keyof AnswerTypes>(
      command: Name,
      analyze: (diagnostics: Diagnostics) => AnswerTypes[Name],
    ): void => {
      const answer = analyze(new Diagnostics())
      documents[command] = JSON.parse(print(json.renderers[command], answer))
      complete[command] = answer.isComplete()
      texts[command] = print(text.renderers[command], analyze(new Diagnostics()))
    }
    const options = (diagnostics: Diagnostics) => ({
      tool: {name: 'gotrace-core', version: '0'},
      traceback: 'crash' as const,
      cgoFrames: 'auto' as const,
      maxFrames: 1000,
      demangle: true,
      deadline: Deadline.never(diagnostics),
      diagnostics,
    })
    ask('analyze', diagnostics => analyzeCore(opened, {...options(diagnostics), goroutines: undefined}))
    ask('cgo', diagnostics => analyzeCgo(opened, options(diagnostics)))
    ask('info', diagnostics => analyzeInfo(opened, options(diagnostics)))
    ask('threads', diagnostics => analyzeThreads(opened, {...options(diagnostics), threads: undefined}))
    ask('goroutines', diagnostics =>
      analyzeGoroutines(opened, {
        ...options(diagnostics),
        query: {state: undefined, function: undefined, labels: [], minWait: undefined, ids: undefined},
        sort: 'runtime',
        show: 'goroutines',
        limit: undefined,
      }),
    )
    const {crash} = analyzeCore(opened, {
      ...options(new Diagnostics()),
      traceback: undefined,
      goroutines: undefined,
    })
    const defaultCrash = JSON.parse(JSON.stringify(crash))
    return {documents, complete, texts, retold: retell(documents as Documents), defaultCrash} as Answers
  } finally {
    opened.close()
  }
}

function print<Answer>(render: Renderer<Answer> | undefined, answer: Answer): string {
  return [...(render?.(answer, PRESENTATION) ?? [])].join('')
}

/** JSON has all threads; the text those that no goroutine was on, without the frames of the runtime's handlers. */
function retell({analyze, cgo, goroutines, info, threads}: Documents): Answers['retold'] {
  const {renderers} = text
  const report = {
    ...analyze,
    detail: 'full',
    dialect: {
      showsPc: !/^go1\.[78]\b/.test(analyze.go.version ?? ''),
      hasSymbolizer: analyze.cgo.hooks.symbolizer !== null,
      showsSwitches: true,
    },
    threadsWithoutGoroutine: () => analyze.threads.filter(({goroutine}) => goroutine === null).map(behindHandlers),
  }
  return {
    analyze: print(renderers.analyze, report as unknown as CoreReport),
    cgo: print(renderers.cgo, cgo),
    goroutines: print(renderers.goroutines, {
      ...goroutines,
      counts: () => goroutines.counts,
      blocking: () => goroutines.blocking,
      diagnostics: () => goroutines.diagnostics,
    } as unknown as GoroutinesReport),
    info: print(renderers.info, info),
    threads: print(renderers.threads, {
      ...threads,
      blocking: () => threads.blocking,
      diagnostics: () => threads.diagnostics,
    } as unknown as ThreadsReport),
  }
}

function behindHandlers(thread: ThreadReport): ThreadReport {
  const {handlerFrames: count, frames, missing} = thread
  const marks = missing.flatMap(mark => (mark.after < count ? [] : {...mark, after: mark.after - count}))
  return {...thread, frames: frames.slice(count), missing: marks}
}
