import type {Outcome, QueueCounts} from './core-queue.ts'

/** Seconds of an analysis, upper bounds. */
const BUCKETS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600]
const OUTCOMES: readonly (Outcome | 'given-back')[] = ['analysed', 'failed', 'retry', 'given-back']

/** What a worker has done and does, for whoever watches it. */
export class WorkerMetrics {
  readonly #version: string
  readonly #slots: number
  readonly #outcomes = new Map<string, number>()
  readonly #buckets = BUCKETS.map(() => 0)
  #seconds = 0
  #count = 0
  /** Cores that are being analysed. */
  busy = 0
  /** Statements that had to be tried again. */
  databaseErrors = 0
  /** Cores that were taken away from workers that were not heard of. */
  takenAway = 0
  /** When the database last answered, in milliseconds since 1970. */
  answeredAt: number | undefined
  /** No further core is taken. */
  isDraining = false

  constructor(version: string, slots: number) {
    this.#version = version
    this.#slots = slots
  }

  get analysed(): number {
    return this.#outcomes.get('analysed') ?? 0
  }

  /** A core that is done with. @param seconds that its analysis took; undefined: it had none */
  ended(outcome: Outcome | 'given-back', seconds?: number): void {
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1)
    if (seconds === undefined) return
    this.#seconds += seconds
    this.#count++
    BUCKETS.forEach((bound, index) => {
      if (seconds <= bound) this.#buckets[index] = (this.#buckets[index] ?? 0) + 1
    })
  }

  /**
   * In the text format of Prometheus, version 0.0.4.
   * @param counts undefined: the database does not answer
   * @param now milliseconds since 1970
   */
  render(counts: QueueCounts | undefined, now: number): string {
    const lines: string[] = []
    const add = (name: string, type: string, help: string, samples: readonly (readonly [string, number])[]): void => {
      lines.push(`# HELP gotrace_core_${name} ${help}`, `# TYPE gotrace_core_${name} ${type}`)
      for (const [labels, value] of samples) lines.push(`gotrace_core_${name}${labels} ${value}`)
    }
    const one = (value: number): [string, number][] => [['', value]]
    add('build_info', 'gauge', 'The version of this worker.', [[`{version="${this.#version}"}`, 1]])
    add('worker_slots', 'gauge', 'Cores that are analysed at once, at most.', one(this.#slots))
    add('worker_busy', 'gauge', 'Cores that are being analysed.', one(this.busy))
    add('worker_draining', 'gauge', '1 when no further core is taken.', one(Number(this.isDraining)))
    add(
      'worker_cores_total',
      'counter',
      'Cores by what became of them.',
      OUTCOMES.map(outcome => [`{outcome="${outcome}"}`, this.#outcomes.get(outcome) ?? 0]),
    )
    add('worker_taken_away_total', 'counter', 'Cores taken away from workers that were silent.', one(this.takenAway))
    add('worker_database_errors_total', 'counter', 'Statements that were tried again.', one(this.databaseErrors))
    const age = this.answeredAt === undefined ? Number.NaN : (now - this.answeredAt) / 1000
    add('worker_database_answer_age_seconds', 'gauge', 'Since the database last answered.', one(age))
    add('worker_analysis_seconds', 'histogram', 'Time of an analysis.', [])
    this.#addHistogram(lines)
    if (counts) {
      const states = Object.entries(counts).map(([state, count]): [string, number] => [`{state="${state}"}`, count])
      add('queue_cores', 'gauge', 'Cores in the queue, by state.', states)
    }
    return `${lines.join('\n')}\n`
  }

  #addHistogram(lines: string[]): void {
    const name = 'gotrace_core_worker_analysis_seconds'
    BUCKETS.forEach((bound, index) => {
      lines.push(`${name}_bucket{le="${bound}"} ${this.#buckets[index]}`)
    })
    lines.push(
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#seconds}`,
      `${name}_count ${this.#count}`,
    )
  }
}
