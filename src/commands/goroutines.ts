import {Args, Flags} from '@oclif/core'
import {analyzeGoroutines} from '../analysis/analyze-goroutines.ts'
import {type GoroutineQuery, SORTS} from '../analysis/goroutines/goroutine-query.ts'
import {renderGoroutinesJson, renderGroupsJson} from '../render/goroutines-json.ts'
import {renderGoroutinesText, renderGroupsText} from '../render/goroutines-text.ts'
import {renderNdjson} from '../render/json-stream.ts'
import type {Style} from '../render/style.ts'
import type {GoroutineReport, GoroutinesReport} from '../report/core-report.ts'
import {CoreCommand, coreFlags} from './core-command.ts'
import {EXIT} from './errors.ts'
import {parseDuration, parsePattern} from './goroutine-flags.ts'
import {analysisOptions, openFromFlags} from './open-core.ts'

export default class Goroutines extends CoreCommand {
  static override summary = 'goroutines of a core: filtered, sorted, grouped by identical stack'
  static override description =
    'Prints the blocks of the goroutines for which all conditions hold, as analyze prints them; with ' +
    '--group one block for all that have the same state and stack, the biggest group first. How long a ' +
    'goroutine has waited is what the core proves: the time of death is in no core.'
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    ...coreFlags,
    state: Flags.string({description: 'only those whose text in brackets matches', helpValue: 'REGEX'}),
    function: Flags.string({description: 'only those with a frame of such a function, Go or C', helpValue: 'REGEX'}),
    label: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      description: 'only those with this profiler label',
      helpValue: 'KEY[=VALUE]',
    }),
    'min-wait': Flags.string({
      description: 'only those blocked at least so long: minutes, or 90s, 1h30m',
      helpValue: 'DURATION',
    }),
    goroutine: Flags.integer({
      multiple: true,
      multipleNonGreedy: true,
      description: 'only this goroutine',
      helpValue: 'ID',
    }),
    sort: Flags.option({
      options: SORTS,
      default: 'runtime' as const,
      description: 'as the runtime lists them, by ID, by time waited (longest first), by state',
    })(),
    group: Flags.boolean({description: 'one block for all with the same state and stack', exclusive: ['sort']}),
    limit: Flags.integer({description: 'at most so many goroutines or groups', helpValue: 'N', min: 0}),
    ndjson: Flags.boolean({description: 'one JSON object a line, for each goroutine or group', exclusive: ['json']}),
    traceback: Flags.option({
      options: ['all', 'system', 'crash'] as const,
      description: 'which frames to show, with the meaning of GOTRACEBACK; system: goroutines of the runtime too',
    })(),
    'cgo-frames': Flags.option({
      options: ['auto', 'saved', 'none'] as const,
      default: 'auto' as const,
      description: 'C frames: unwound; only those that Go had saved; none',
    })(),
  }
  static override examples = [
    '<%= config.bin %> goroutines core.1234 --group',
    '<%= config.bin %> goroutines core.1234 --state "chan receive" --min-wait 5 --sort wait',
    '<%= config.bin %> goroutines core.1234 --function "sqlite3_" --label tenant=acme --json',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Goroutines)
    const query: GoroutineQuery = {
      state: flags.state === undefined ? undefined : parsePattern(flags.state, '--state'),
      function: flags.function === undefined ? undefined : parsePattern(flags.function, '--function'),
      labels: (flags.label ?? []).map(parseLabel),
      minWait: flags['min-wait'] === undefined ? undefined : parseDuration(flags['min-wait'], '--min-wait'),
      ids: flags.goroutine,
    }
    const dead = await openFromFlags(args.core, flags, this.diagnostics)
    try {
      const report = analyzeGoroutines(dead, {
        ...analysisOptions(flags, this.config),
        traceback: flags.traceback,
        cgoFrames: flags['cgo-frames'],
        diagnostics: this.diagnostics,
        waits: flags.json || flags.ndjson ? undefined : 'left-out',
        query,
        sort: flags.sort,
        limit: flags.limit,
      })
      const watch: StopWatch = {incomplete: false}
      const style = await this.style(flags.color, flags.output)
      this.writeAll(
        flags.group ? grouped(report, flags, style, watch) : listed(report, flags, style, watch),
        flags.output,
      )
      if (!flags.json && report.counts().matched === 0 && !flags.quiet) {
        process.stderr.write(`${this.config.bin}: none of ${report.counts().listed} goroutines matches\n`)
      }
      if (!flags.json) this.showDiagnostics(flags.quiet)
      if (flags.strict && (watch.incomplete || report.core.truncated)) this.exit(EXIT.incomplete)
    } finally {
      dead.close()
    }
  }
}

/** Notices stacks that could not be walked to their end. */
interface StopWatch {
  incomplete: boolean
}

function* watchStops<T extends Pick<GoroutineReport, 'stop'>>(items: Iterable<T>, watch: StopWatch): Generator<T> {
  for (const item of items) {
    if (item.stop !== 'end-of-stack' && item.stop !== 'frame-limit') watch.incomplete = true
    yield item
  }
}

interface Format {
  json: boolean
  ndjson: boolean
}

function listed(report: GoroutinesReport, {json, ndjson}: Format, style: Style, watch: StopWatch): Iterable<string> {
  const goroutines = watchStops(report.goroutines(), watch)
  if (ndjson) return renderNdjson(goroutines)
  return json ? renderGoroutinesJson(report, goroutines) : renderGoroutinesText(goroutines, style)
}

function grouped(report: GoroutinesReport, {json, ndjson}: Format, style: Style, watch: StopWatch): Iterable<string> {
  const groups = [...watchStops(report.groups(), watch)]
  if (ndjson) return renderNdjson(groups)
  return json ? renderGroupsJson(report, groups) : renderGroupsText(groups, style)
}

function parseLabel(text: string): {key: string; value: string | undefined} {
  const at = text.indexOf('=')
  return at < 0 ? {key: text, value: undefined} : {key: text.slice(0, at), value: text.slice(at + 1)}
}
