import {debuginfodSettings} from './acquire/debuginfod.ts'
import {openProcess, type SourceOptions} from './acquire/open-process.ts'
import {goFolders} from './acquire/source-places.ts'
import {analyzeCore} from './analysis/analyze-core.ts'
import {Deadline} from './base/deadline.ts'
import {Diagnostics} from './base/diagnostics.ts'
import {runWithin} from './base/time-limit.ts'
import type {AnalyzeOptions} from './library-options.ts'
import {json} from './render/json.ts'
import {PLAIN_STYLE} from './render/style.ts'

export {GotraceError} from './base/errors.ts'

/** package.json without what only developers need; put in by the bundler. */
declare const PACKAGE_JSON: string | undefined

const MAX_FRAMES = 1000

/**
 * The report of a core, as `gotrace-core analyze --json` prints it: the published types say what it holds. All
 * goroutines are in memory at once; for a core with a million of them the command streams.
 * @throws GotraceError with `code` and `hint`, where there can be no report
 */
export async function analyze(core: string, options: AnalyzeOptions = {}): Promise<unknown> {
  const {name, version} = JSON.parse(typeof PACKAGE_JSON === 'string' ? PACKAGE_JSON : '{}')
  const diagnostics = new Diagnostics()
  const deadline = new Deadline(options.timeout ?? Number.POSITIVE_INFINITY, diagnostics)
  const process = await openProcess(core, {
    exe: options.exe,
    sysroots: options.sysroots ?? [],
    hostFiles: options.hostFiles ?? false,
    debugDirs: options.debugDirs ?? [],
    symbols: options.symbols ?? [],
    debuginfod: debuginfodSettings({}, [...(options.debuginfod ?? [])]),
    sources: sourcesOf(options),
    diagnostics,
    deadline,
  })
  try {
    const report = runWithin(deadline, () =>
      analyzeCore(process, {
        tool: {name, version},
        traceback: options.traceback,
        cgoFrames: options.cgoFrames ?? 'auto',
        goroutines: options.goroutines,
        maxFrames: options.maxFrames ?? MAX_FRAMES,
        demangle: options.demangle ?? true,
        deadline,
        diagnostics,
      }),
    )
    await process.sources?.fetch(runWithin(deadline, () => report.wantedSources()))
    return runWithin(deadline, () => {
      const pieces = json.renderers.analyze?.(report, {style: PLAIN_STYLE, view: 'whole', registers: false}) ?? []
      return JSON.parse([...pieces].join(''))
    })
  } finally {
    process.close()
  }
}

/** Where they are is what the options say alone: no folder of Go, for the environment counts for nothing. */
function sourcesOf({source, sourceDirs = []}: AnalyzeOptions): SourceOptions | undefined {
  return source === undefined ? undefined : {around: source, folders: sourceDirs, go: goFolders({})}
}
