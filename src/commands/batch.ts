import {availableParallelism, totalmem} from 'node:os'
import {resolve} from 'node:path'
import {Args, Flags, type Interfaces} from '@oclif/core'
import {SearchPlaces} from '../acquire/search-places.ts'
import {FileSource} from '../base/byte-source.ts'
import {InputError} from '../base/errors.ts'
import {makeFolder} from '../base/replaced-file.ts'
import {TextSink} from '../base/text-sink.ts'
import {renderBatchSummary, renderPassedOver} from '../render/batch-text.ts'
import {renderNdjson} from '../render/ndjson.ts'
import type {BatchLine} from '../report/core-report.ts'
import type {AnalystPool} from '../triage/analyst-pool.ts'
import {type BatchCounts, noCounts, runBatch} from '../triage/batch-run.ts'
import type {LineOptions} from '../triage/core-line.ts'
import {KeptLines} from '../triage/kept-lines.ts'
import {SignatureGroups} from '../triage/signature-groups.ts'
import {listWork, type PassedOver, type WorkItem} from '../triage/work-list.ts'
import {BaseCommand, operandsOf, searchFlags} from './base-command.ts'
import {BatchProgress} from './batch-progress.ts'
import {colorLevel, colouredStyle} from './color.ts'
import {coreFlags} from './core-command.ts'
import {EXIT, REPORT_EXIT_CODES} from './errors.ts'
import {parseLabels} from './labels.ts'
import {analysisOptions, searchOptions} from './open-core.ts'
import {readOwnRules, signatureFlags} from './signature-flags.ts'
import {writeStandardError} from './standard-streams.ts'

const MEGABYTE = 1024 * 1024
/** A process may take this share of the memory, divided among all. */
const MEMORY_SHARE = 0.7
const MEMORY_MB = {min: 512, max: 4096} as const
/** 128 + the number, as a shell reports them. */
const STOP_SIGNALS = {SIGHUP: 129, SIGINT: 130, SIGTERM: 143} as const

export default class Batch extends BaseCommand {
  static override summary = 'many cores: one NDJSON line each, grouped by signature, resumable'
  static override description =
    'Analyses every core that the paths stand for: files, folders (searched through) and quoted patterns ' +
    '(* ? [] **). In folders and behind patterns a core is known by its content, packed ones too; a file that is ' +
    'named is always analysed. Each core has a line (docs/json-schema.md) as soon as it is done, in no particular ' +
    'order; one that cannot be analysed has a line that says why. A core that crashes or holds up its analysis ' +
    'costs nothing but itself.\n\n' +
    'With --output lines are appended; with --resume, too, a core that has a line there (same path, size and time ' +
    'of change) is passed over, and the groups count those lines with the new ones; one that ran out of time or ' +
    'memory is tried again. What a killed run left of its last line is cut off. One run at a time writes to a file.'
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
    ...searchFlags,
    output: Flags.string({char: 'o', description: 'append the lines to a file', helpValue: 'FILE'}),
    resume: Flags.boolean({description: 'pass over cores that have a line in FILE, or are in the store'}),
    store: Flags.string({
      description: 'keep cores, signatures and builds in a database that triage reads: a file, or PostgreSQL',
      helpValue: 'FILE|URL',
    }),
    reports: Flags.string({description: 'write the whole report of each core to DIR, as JSON', helpValue: 'DIR'}),
    label: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      description: 'say of each line where it is from: host=web-3, pod=…',
      helpValue: 'KEY=VALUE',
    }),
    attempts: Flags.integer({
      description: 'with --resume: how often a core is tried whose process ran out of time or memory, or died',
      helpValue: 'N',
      min: 1,
      default: 3,
    }),
    jobs: Flags.integer({
      char: 'j',
      description: 'cores at a time (default: one per CPU)',
      helpValue: 'N',
      min: 1,
      max: 512,
    }),
    memory: Flags.integer({
      description: 'heap for one core (default: by what the machine has)',
      helpValue: 'MB',
      min: 64,
    }),
    timeout: Flags.integer({
      description: 'time for one core; what is missing after four fifths of it is left out',
      helpValue: 'SECONDS',
      min: 1,
      max: 1_000_000,
      default: 600,
    }),
    summary: Flags.boolean({
      description: 'print the groups on standard error at the end (default: when that is a terminal)',
      allowNo: true,
    }),
    group: Flags.boolean({description: 'print a line for each group instead, at the end; lines go to --output alone'}),
    ...signatureFlags,
    'max-frames': coreFlags['max-frames'],
    'no-demangle': coreFlags['no-demangle'],
    redact: coreFlags.redact,
    color: coreFlags.color,
    quiet: Flags.boolean({description: 'no progress and no summary on standard error'}),
    strict: Flags.boolean({description: 'exit with 3 when a report is incomplete'}),
  }
  static override examples = [
    '<%= config.bin %> batch /var/crash',
    "<%= config.bin %> batch '/var/crash/core.*.zst' -o crashes.ndjson --resume",
    '<%= config.bin %> batch /var/crash --group --jobs 2 --timeout 60',
  ]

  async run(): Promise<void> {
    const {raw, flags} = await this.parse(Batch)
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
    if (!flags.quiet && (flags.summary ?? process.stderr.isTTY === true)) await this.#showSummary(groups, counts, flags)
    if (stop !== undefined) this.exit(STOP_SIGNALS[stop])
    if (counts.errors > 0) this.exit(EXIT.input)
    if (flags.strict && counts.incomplete > 0) this.exit(EXIT.incomplete)
  }

  /** What would otherwise be told once for each core. */
  #checkFlags(flags: BatchFlags): void {
    const places = new SearchPlaces(searchOptions(flags))
    if (flags.exe !== undefined) FileSource.open(places.namedFile(flags.exe)).close()
    if (flags.resume && flags.output === undefined && flags.store === undefined) throw nothingToResume()
    if (flags.reports !== undefined) makeFolder(flags.reports)
  }

  /** @returns the signal that ended it early */
  async #runAll(paths: readonly string[], flags: BatchFlags, state: BatchState): Promise<StopSignal | undefined> {
    const {kept, labels, groups, counts} = state
    const jobs = flags.jobs ?? availableParallelism()
    const pool = await this.#openPool(flags, jobs)
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
        if (!sink.write(text)) break
        sink.flush()
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

  async #openPool(flags: BatchFlags, jobs: number): Promise<AnalystPool> {
    // It loads worker_threads: other commands start faster without.
    const {AnalystPool} = await import('../triage/analyst-pool.ts')
    const memory = Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY)
    const share = Math.floor((memory * MEMORY_SHARE) / MEGABYTE / jobs)
    const {tool, maxFrames, demangle} = analysisOptions(flags, this.config)
    return new AnalystPool(
      {
        script: process.argv[1] ?? '',
        scriptArguments: ['batch-worker', '--parent', String(process.pid)],
        nodeArguments: process.execArgv.filter(argument => !/^--(inspect|max-old-space-size)/.test(argument)),
        environment: process.env,
        jobs,
        memoryMb: flags.memory ?? Math.max(MEMORY_MB.min, Math.min(MEMORY_MB.max, share)),
        timeoutSeconds: flags.timeout,
      },
      {
        search: absolute(searchOptions(flags)),
        analysis: {tool, maxFrames, demangle},
        reports: flags.reports === undefined ? undefined : this.#reportFolder(flags.reports, flags.redact),
        signature: {ownRules: readOwnRules(flags['signature-rules']), explain: flags.explain},
      },
    )
  }

  #reportFolder(directory: string, redact: boolean): LineOptions['reports'] {
    const home = process.env.HOME
    return {directory: resolve(directory), redactedHomes: redact ? [...(home === undefined ? [] : [home])] : undefined}
  }

  async #showSummary(groups: SignatureGroups, counts: BatchCounts, {color}: BatchFlags): Promise<void> {
    const list = groups.list()
    const cores = list.reduce((sum, {count}) => sum + count, 0)
    const errors = list.reduce((sum, {count, error}) => sum + (error === null ? 0 : count), 0)
    const style = await colouredStyle(colorLevel(color, process.env, process.stderr.isTTY === true))
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

/** The processes work in another folder. */
function absolute(search: LineOptions['search']): LineOptions['search'] {
  const {exe, sysroots = [], debugDirs = []} = search
  return {
    ...search,
    exe: exe === undefined ? undefined : resolve(exe),
    sysroots: sysroots.map(path => resolve(path)),
    debugDirs: debugDirs.map(path => resolve(path)),
  }
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
