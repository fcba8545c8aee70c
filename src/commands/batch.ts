import {availableParallelism} from 'node:os'
import {Args, Flags, type Interfaces} from '@oclif/core'
import {InputError} from '../base/errors.ts'
import {isTerminal} from '../base/terminal.ts'
import {TextSink} from '../base/text-sink.ts'
import {renderBatchSummary, renderPassedOver} from '../render/batch-text.ts'
import {renderNdjson} from '../render/ndjson.ts'
import type {BatchLine} from '../report/core-report.ts'
import {type BatchCounts, noCounts, runBatch} from '../triage/batch-run.ts'
import {KeptLines} from '../triage/kept-lines.ts'
import {SignatureGroups} from '../triage/signature-groups.ts'
import {listWork, type PassedOver, type WorkItem} from '../triage/work-list.ts'
import {analystFlags, checkAnalystFlags, openAnalysts} from './analysts.ts'
import {BaseCommand, operandsOf} from './base-command.ts'
import {BatchProgress} from './batch-progress.ts'
import {checkQueueFlags, putInQueue, queueFlags} from './batch-queue.ts'
import {colorLevel, colouredStyle} from './color.ts'
import {coreFlags} from './core-command.ts'
import {EXIT, REPORT_EXIT_CODES} from './errors.ts'
import {parseLabels} from './labels.ts'
import {writeStandardError} from './standard-streams.ts'
import {SUMMARIES} from './summaries.ts'

/** 128 + the number, as a shell reports them. */
const STOP_SIGNALS = {SIGHUP: 129, SIGINT: 130, SIGTERM: 143} as const

export default class Batch extends BaseCommand {
  static override summary = SUMMARIES.batch
  static override description =
    'Analyses every core that the paths stand for: files, folders (searched through) and quoted patterns ' +
    '(* ? [] **). In folders and behind patterns a core is known by its content, packed ones too; a file that is ' +
    'named is always analysed. Each core has a line (docs/json-schema.md) as soon as it is done, in no particular ' +
    'order; one that cannot be analysed has a line that says why. A core that crashes or holds up its analysis ' +
    'costs nothing but itself.\n\n' +
    'With --output lines are appended; with --resume, too, a core that has a line there (same path, size and time ' +
    'of change) is passed over, and the groups count those lines with the new ones; one that ran out of time or ' +
    'memory is tried again. What a killed run left of its last line is cut off. One run at a time writes to a file.\n\n' +
    'With --queue nothing is analysed here: the cores are put into a queue in PostgreSQL, each once, from which ' +
    '`worker` takes them on any machine that sees the same paths; addresses (s3://, https://) are seen by all ' +
    '(docs/scaling.md).'
  static exitCodes = {
    ...REPORT_EXIT_CODES,
    [EXIT.ok]: 'every core was analysed',
    [EXIT.input]: 'some lines of this run have an error',
    [EXIT.incomplete]: 'with --strict: some reports are incomplete',
    ...Object.fromEntries(Object.entries(STOP_SIGNALS).map(([name, code]) => [code, `stopped by ${name}`])),
  }
  static override strict = false
  static override args = {
    path: Args.string({required: true, ignoreStdin: true, name: 'PATH', description: 'core, folder or pattern'}),
  }
  static override flags = {
    exe: coreFlags.exe,
    ...analystFlags,
    output: Flags.string({char: 'o', description: 'append the lines to a file', helpValue: 'FILE'}),
    resume: Flags.boolean({description: 'pass over cores that have a line in FILE, or are in the store'}),
    store: Flags.string({
      description: 'keep cores, signatures and builds in a database that triage reads: a file, or PostgreSQL',
      helpValue: 'FILE|URL',
    }),
    label: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      description: 'say of each line where it is from: host=web-3, pod=…',
      helpValue: 'KEY=VALUE',
    }),
    attempts: Flags.integer({
      description:
        'with --resume or --queue: how often a core is tried that ran out of time or memory, or whose process died',
      helpValue: 'N',
      min: 1,
      default: 3,
    }),
    summary: Flags.boolean({
      description: 'print the groups on standard error at the end (default: when that is a terminal)',
      allowNo: true,
    }),
    group: Flags.boolean({description: 'print a line for each group instead, at the end; lines go to --output alone'}),
    ...queueFlags,
    color: coreFlags.color,
    quiet: Flags.boolean({description: 'no progress and no summary on standard error'}),
    strict: Flags.boolean({description: 'exit with 3 when a report is incomplete'}),
  }
  static override examples = [
    '<%= config.bin %> batch /var/crash',
    "<%= config.bin %> batch '/var/crash/core.*.zst' -o crashes.ndjson --resume",
    '<%= config.bin %> batch /var/crash --group --jobs 2 --timeout 60',
    '<%= config.bin %> batch /mnt/crash s3://crashes/core.1 --queue postgres://triage@db/crashes --label site=a',
  ]

  async run(): Promise<void> {
    const {raw, flags} = await this.parse(Batch)
    if (flags.queue !== undefined) return this.#putInQueue(operandsOf(raw), {...flags, queue: flags.queue})
    this.#checkFlags(flags)
    const shown = <Part>(part: Part): Part => (flags.redact ? this.redaction.value(part) : part)
    const labels = parseLabels(flags.label ?? [])
    const groups = new SignatureGroups()
    const kept = await KeptLines.open({
      output: flags.output === '-' ? undefined : flags.output,
      store: flags.store,
      resume: flags.resume,
      attemptsMax: flags.attempts,
      holder: `batch (process ${process.pid})`,
      shown,
      onLine: line => groups.add(line),
    })
    const counts = noCounts()
    const stop = await this.#runAll(operandsOf(raw), flags, {kept, labels, groups, counts})
    if (!flags.quiet && stop === undefined && counts.lines + counts.known === 0) {
      const others = renderPassedOver(counts.passedOver)
      writeStandardError(`${this.config.bin}: no cores found${others && `; ${others}`}\n`)
    }
    if (flags.group) this.writeAll([{path: undefined, isAllOrNothing: false, pieces: renderNdjson(groups.list())}])
    if (!flags.quiet && (flags.summary ?? isTerminal(2))) await this.#showSummary(groups, counts, flags)
    if (stop !== undefined) this.exit(STOP_SIGNALS[stop])
    if (counts.errors > 0) this.exit(EXIT.input)
    if (flags.strict && counts.incomplete > 0) this.exit(EXIT.incomplete)
  }

  async #putInQueue(paths: readonly string[], flags: BatchFlags & {queue: string}): Promise<void> {
    checkQueueFlags(flags)
    const {name, version} = this.config
    const labels = parseLabels(flags.label ?? [])
    const tell = (text: string): void => writeStandardError(`${this.config.bin}: ${text}\n`)
    const {errors} = await putInQueue(paths, {...flags, labels, tool: {name, version}, tell})
    if (errors > 0) this.exit(EXIT.input)
  }

  /** What would otherwise be told once for each core. */
  #checkFlags(flags: BatchFlags): void {
    if (flags.resume && flags.output === undefined && flags.store === undefined) throw nothingToResume()
    checkAnalystFlags(flags)
  }

  /** @returns the signal that ended it early */
  async #runAll(paths: readonly string[], flags: BatchFlags, state: BatchState): Promise<StopSignal | undefined> {
    const {kept, labels, groups, counts} = state
    const jobs = flags.jobs ?? availableParallelism()
    const pool = await openAnalysts(flags, jobs, this.config)
    const abort = new AbortController()
    const stopNow = (signal: NodeJS.Signals): void => {
      abort.abort(signal)
      void pool.close()
    }
    for (const name of Object.keys(STOP_SIGNALS)) process.once(name, stopNow)
    const progress = new BatchProgress(!flags.quiet)
    const sink = kept.hasFile || flags.group ? undefined : TextSink.open(undefined)
    try {
      const lines = runBatch(
        {
          items: countedWork(paths, progress),
          pool,
          jobs,
          attemptOf: item => kept.attemptOf(item),
          signal: abort.signal,
          onProgress: now => progress.show(now),
        },
        counts,
      )
      for await (const found of lines) {
        // Labels are the user's own words.
        const line = {...(flags.redact ? {...this.redaction.value(found), redacted: true} : found), labels}
        const text = `${JSON.stringify(line)}\n`
        groups.add(line)
        await kept.keep(line, text)
        if (!sink) continue
        progress.clear()
        // The reader of a pipe may have gone.
        if (!(await sink.send(text, abort.signal))) break
      }
    } finally {
      progress.clear()
      for (const name of Object.keys(STOP_SIGNALS)) process.removeListener(name, stopNow)
      await pool.close()
      await kept.close()
      sink?.close()
    }
    return abort.signal.aborted ? (abort.signal.reason as StopSignal) : undefined
  }

  async #showSummary(groups: SignatureGroups, counts: BatchCounts, {color}: BatchFlags): Promise<void> {
    const list = groups.list()
    const cores = list.reduce((sum, {count}) => sum + count, 0)
    const errors = list.reduce((sum, {count, error}) => sum + (error === null ? 0 : count), 0)
    const style = await colouredStyle(colorLevel(color, process.env, isTerminal(2)))
    const {known, passedOver} = counts
    for (const piece of renderBatchSummary(list, {cores, known, errors, passedOver}, style)) {
      writeStandardError(piece)
    }
  }
}

type BatchFlags = Interfaces.InferredFlags<typeof Batch.flags>
type StopSignal = keyof typeof STOP_SIGNALS

interface BatchState {
  readonly kept: KeptLines
  readonly labels: BatchLine['labels']
  readonly groups: SignatureGroups
  readonly counts: BatchCounts
}

/** Where the progress is seen, all are looked for first, so that it tells how many there are. */
function countedWork(paths: readonly string[], progress: BatchProgress): Iterable<WorkItem | PassedOver> {
  if (!progress.isShown) return listWork(paths)
  const items = [...listWork(paths)]
  progress.total = items.filter(item => typeof item !== 'string').length
  return items
}

function nothingToResume(): InputError {
  return new InputError(
    'bad-argument',
    '--resume: neither --output nor --store is named',
    'name what is to be taken up with one of them',
  )
}
