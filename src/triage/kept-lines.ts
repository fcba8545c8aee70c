import type {BatchLine} from '../report/core-report.ts'
import {KnownCores} from './known-cores.ts'
import {LineStore} from './line-store.ts'
import {CrashStore} from './store/crash-store.ts'
import type {StoredLine} from './stored-line.ts'
import type {WorkItem} from './work-list.ts'

export interface KeptLinesOptions {
  /** The file that lines are appended to. */
  readonly output: string | undefined
  /** The path of a database. */
  readonly store: string | undefined
  /** Cores that are there already are passed over. */
  readonly resume: boolean
  /** How often a core is analysed whose process ended without an answer. */
  readonly attemptsMax: number
  /** How this run is called where another one finds the file in use. */
  readonly holder: string
  /** What a text is in a line: without home folders. */
  readonly shown: <Part>(part: Part) => Part
  /** Gets the lines that are there already. */
  readonly onLine: (line: StoredLine) => void
}

/** Where the lines of a run stay: a file of lines, a database, both or neither. */
export class KeptLines {
  readonly #lines: LineStore | undefined
  readonly #crashes: CrashStore | undefined
  /** What each of them has. */
  readonly #known: readonly KnownCores[]

  private constructor(lines: LineStore | undefined, crashes: CrashStore | undefined, known: readonly KnownCores[]) {
    this.#lines = lines
    this.#crashes = crashes
    this.#known = known
  }

  /** @throws InputError where one of them cannot be written, or holds something else */
  static async open(options: KeptLinesOptions): Promise<KeptLines> {
    const {output, store, resume, holder} = options
    const known: KnownCores[] = []
    const takeUp = (): ((line: StoredLine) => void) => {
      const cores = new KnownCores(options.attemptsMax, options.shown)
      known.push(cores)
      return line => {
        if (!resume) return
        cores.add(line)
        options.onLine(options.shown(line))
      }
    }
    const crashes = store === undefined ? undefined : await openForLines(store, resume ? takeUp() : undefined)
    try {
      const lines = output === undefined ? undefined : await LineStore.open(output, holder, takeUp())
      return new KeptLines(lines, crashes, known)
    } catch (error) {
      await crashes?.close()
      throw error
    }
  }

  get hasFile(): boolean {
    return this.#lines !== undefined
  }

  /** Which attempt this is; undefined where all have the core. */
  attemptOf(item: WorkItem): number | undefined {
    const attempts = this.#known.map(cores => cores.attemptOf(item)).filter(attempt => attempt !== undefined)
    if (this.#known.length > 0 && attempts.length === 0) return undefined
    return Math.max(1, ...attempts)
  }

  /** @throws InputError where the disk is full or the like */
  async keep(line: BatchLine, text: string): Promise<void> {
    this.#lines?.append(text)
    await this.#crashes?.add(line)
  }

  async close(): Promise<void> {
    this.#lines?.close()
    await this.#crashes?.close()
  }
}

async function openForLines(path: string, onLine: ((line: StoredLine) => void) | undefined): Promise<CrashStore> {
  const store = await CrashStore.open(path, 'write')
  if (onLine) for await (const line of store.lines()) onLine(line)
  return store
}
