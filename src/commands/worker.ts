import {randomUUID} from 'node:crypto'
import {availableParallelism, hostname} from 'node:os'
import {Flags, type Interfaces} from '@oclif/core'
import {printable} from '../base/printable.ts'
import type {BatchLine} from '../report/core-report.ts'
import {analystFlags, checkAnalystFlags, coreTimeoutFlag, openAnalysts} from './analysts.ts'
import {BaseCommand} from './base-command.ts'
import {EXIT, withoutStrict} from './errors.ts'
import {writeStandardError} from './standard-streams.ts'
import {SUMMARIES} from './summaries.ts'

/** A core may take as long as pg-boss allows a job, less what starting and writing takes. */
const TIMEOUT_MAX = 80_000

export default class Worker extends BaseCommand {
  static override summary = SUMMARIES.worker
  static override description =
    'Any number of workers, on any machines, take what `batch --queue` put in: each core is analysed in a process of ' +
    'its own and has exactly one result in the store of the same database, which `triage` and `serve` read with ' +
    '--store URL. A core that ran out of time or memory, or whose process died, is tried again later, each time after ' +
    'twice as long; after the last time it stays in the list of dead letters (docs/scaling.md). The cores of a worker ' +
    'that is not heard of any more go to others. A database that restarts or is full is waited for.\n\n' +
    'SIGTERM: no further core is taken; what is not done after --drain is given back. A second one ends it at once.'
  static exitCodes = withoutStrict({
    [EXIT.ok]: 'it was told to end, or with --until-empty: nothing waits any more',
    [EXIT.input]: 'the queue cannot be used',
  })
  static override flags = {
    queue: Flags.string({required: true, description: 'the database', helpValue: 'URL'}),
    ...analystFlags,
    timeout: coreTimeoutFlag(TIMEOUT_MAX),
    'until-empty': Flags.boolean({description: 'end when no core waits and none is being analysed'}),
    drain: Flags.integer({
      description: 'when it is told to end: time for what is being analysed',
      helpValue: 'SECONDS',
      min: 0,
      max: TIMEOUT_MAX,
      default: 25,
    }),
    'silent-after': Flags.integer({
      description: 'a worker that was not heard of for so long has died; the same for all',
      helpValue: 'SECONDS',
      min: 2,
      max: 86_400,
      default: 30,
    }),
    'metrics-port': Flags.integer({
      description: 'serve /healthz, /readyz and /metrics (Prometheus); 0: any port that is free',
      helpValue: 'N',
      min: 0,
      max: 65_535,
    }),
    'metrics-host': Flags.string({
      description: 'the address to serve them at',
      helpValue: 'ADDRESS',
      default: '127.0.0.1',
    }),
    quiet: Flags.boolean({description: 'nothing on standard error but errors'}),
  }
  static override examples = [
    '<%= config.bin %> worker --queue postgres://triage@db/crashes --debuginfod https://debuginfod.example',
    '<%= config.bin %> worker --queue postgres://triage@db/crashes --metrics-port 9464 --jobs 4 --timeout 120',
  ]

  async run(): Promise<void> {
    const {flags} = await this.parse(Worker)
    checkAnalystFlags(flags)
    const [{CoreQueue}, {WorkerMetrics}, {WorkerRun}, {serveWorker}] = await Promise.all([
      import('../triage/queue/core-queue.ts'),
      import('../triage/queue/worker-metrics.ts'),
      import('../triage/queue/worker-run.ts'),
      import('../triage/queue/worker-server.ts'),
    ])
    const {name, version} = this.config
    const tool = {name, version}
    const slots = flags.jobs ?? availableParallelism()
    const log = (text: string): void => {
      if (!flags.quiet) writeStandardError(`${this.config.bin}: ${printable(text)}\n`)
    }
    const shown = flags.redact ? (line: BatchLine) => ({...this.redaction.value(line), redacted: true}) : undefined
    const queue = await CoreQueue.open(flags.queue, {tool, slots, shown})
    const pool = await openAnalysts(flags, slots, this.config)
    const metrics = new WorkerMetrics(version, slots)
    const silentSeconds = flags['silent-after']
    const signals = endOnSignal(flags, () => {
      metrics.isDraining = true
      log('told to end: no further core is taken')
    })
    let server: Awaited<ReturnType<typeof serveWorker>> | undefined
    try {
      if (flags['metrics-port'] !== undefined) {
        const place = {host: flags['metrics-host'], port: flags['metrics-port']}
        server = await serveWorker({metrics, silentSeconds, counts: () => queue.counts()}, place)
        log(`metrics at ${server.url}metrics`)
      }
      const facts = {id: randomUUID(), host: hostname(), pid: process.pid, slots}
      const untilEmpty = flags['until-empty']
      const run = new WorkerRun({queue, pool, facts, tool, metrics, silentSeconds, untilEmpty, log, ...signals})
      log(`worker ${facts.id}: ${slots} at a time from ${queue.name}`)
      await run.run()
    } finally {
      signals.clear()
      await server?.close()
      await pool.close()
      await queue.close()
    }
  }
}

type WorkerFlags = Interfaces.InferredFlags<typeof Worker.flags>

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const

/** The first signal lets what is begun be finished, for some time; a second one, or the end of that time, stops it. */
function endOnSignal(
  {drain: seconds}: WorkerFlags,
  onDrain: () => void,
): {drain: AbortSignal; stop: AbortSignal; clear(): void} {
  const [drain, stop] = [new AbortController(), new AbortController()]
  let timer: NodeJS.Timeout | undefined
  const hear = (): void => {
    if (drain.signal.aborted) stop.abort()
    else onDrain()
    drain.abort()
    timer ??= setTimeout(() => stop.abort(), seconds * 1000)
  }
  for (const name of SIGNALS) process.on(name, hear)
  const clear = (): void => {
    clearTimeout(timer)
    for (const name of SIGNALS) process.removeListener(name, hear)
  }
  return {drain: drain.signal, stop: stop.signal, clear}
}
