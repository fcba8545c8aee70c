import {Args, Flags} from '@oclif/core'
import {analyzeGoroutines} from '../analysis/analyze-goroutines.ts'
import {type GoroutineQuery, SORTS} from '../analysis/goroutines/goroutine-query.ts'
import {SIMILARITIES, type Similarity} from '../analysis/goroutines/shared-frames.ts'
import {InputError} from '../base/errors.ts'
import {CoreCommand, coreFlags, formatFlag} from './core-command.ts'
import {parseDuration, parsePattern} from './goroutine-flags.ts'
import {analysisOptions} from './open-core.ts'
import {SUMMARIES} from './summaries.ts'

export default class Goroutines extends CoreCommand {
  static override summary = SUMMARIES.goroutines
  static override description =
    'Prints the blocks of the goroutines for which all conditions hold, as analyze prints them; with ' +
    '--group one block for all that have the same state and stack, the biggest group first. How long a ' +
    'goroutine has waited is what the core proves: the time of death is in no core.'
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    ...coreFlags,
    format: formatFlag('goroutines'),
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
      description:
        'as the runtime lists them, by ID, by time waited (longest first), by state; groups also by count, biggest first, which is their default',
    })(),
    group: Flags.boolean({description: 'one block for all with the same state and stack'}),
    similar: Flags.option({
      options: Object.keys(SIMILARITIES) as Similarity[],
      description: `what may differ within a group: ${Object.values(SIMILARITIES).join('; ')} (default: the arguments)`,
      dependsOn: ['group'],
    })(),
    limit: Flags.integer({description: 'at most so many goroutines or groups', helpValue: 'N', min: 0}),
    tree: Flags.boolean({
      description: 'the stacks merged from their outermost frames on',
      exclusive: ['format', 'json', 'ndjson'],
    }),
    ndjson: Flags.boolean({
      description: 'one JSON object a line, for each goroutine or group',
      exclusive: ['format', 'json'],
    }),
    traceback: Flags.option({
      options: ['all', 'system', 'crash'] as const,
      description: 'which frames to show, with the meaning of GOTRACEBACK; system: goroutines of the runtime too',
    })(),
    'cgo-frames': Flags.option({
      options: ['auto', 'saved', 'hooks', 'none'] as const,
      default: 'auto' as const,
      description:
        'C frames: unwound; only those that Go had saved; as the functions given to SetCgoTraceback name them, which are run over the core; none',
    })(),
  }
  static override examples = [
    '<%= config.bin %> goroutines core.1234 --group',
    '<%= config.bin %> goroutines core.1234 --group --similar inner --sort wait',
    '<%= config.bin %> goroutines core.1234 --state "chan receive" --min-wait 5 --sort wait',
    '<%= config.bin %> goroutines core.1234 --format pprof -o goroutines.pb.gz',
    '<%= config.bin %> goroutines core.1234 --function "sqlite3_" --label tenant=acme --json',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Goroutines)
    if (flags.sort === 'count' && !flags.group) {
      throw new InputError('bad-argument', '--sort count: goroutines have no count, groups have', 'add --group')
    }
    const query: GoroutineQuery = {
      state: flags.state === undefined ? undefined : parsePattern(flags.state, '--state'),
      function: flags.function === undefined ? undefined : parsePattern(flags.function, '--function'),
      labels: (flags.label ?? []).map(parseLabel),
      minWait: flags['min-wait'] === undefined ? undefined : parseDuration(flags['min-wait'], '--min-wait'),
      ids: flags.goroutine,
    }
    await this.answer('goroutines', args.core, flags, {
      analyze: (process, context) =>
        analyzeGoroutines(process, {
          ...analysisOptions(flags, this.config),
          ...context,
          traceback: flags.traceback,
          cgoFrames: flags['cgo-frames'],
          query,
          sort: flags.sort,
          similar: flags.similar,
          show: flags.group ? 'groups' : 'goroutines',
          limit: flags.limit,
        }),
      remarks: report => {
        const {listed, matched} = report.counts()
        return matched === 0 ? [`none of ${listed} goroutines matches`] : []
      },
    })
  }
}

function parseLabel(text: string): {key: string; value: string | undefined} {
  const at = text.indexOf('=')
  return at < 0 ? {key: text, value: undefined} : {key: text.slice(0, at), value: text.slice(at + 1)}
}
