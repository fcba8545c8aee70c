import {remoteName} from '../acquire/remote-file.ts'
import type {StoredLine} from './stored-line.ts'
import type {WorkItem} from './work-list.ts'

/** What may have been the machine's state, or too small a limit, and not the core: it is worth another attempt. */
const PASSING = new Set(['timeout', 'out-of-memory', 'analysis-died', 'no-room', 'not-writable', 'unreachable'])

/** Whether another attempt may end otherwise. */
export function isWorthAnother(code: string): boolean {
  return PASSING.has(code)
}

type Key = Pick<WorkItem, 'path' | 'size' | 'mtime'>

/** The cores that have a line, and which of them are analysed again. A core that has changed since is another one. */
export class KnownCores {
  readonly #attemptsMax: number
  readonly #shown: (path: string) => string
  /** The attempt that comes next; undefined where the line stands. */
  readonly #next = new Map<string, number | undefined>()

  /** @param shown what the path of a core is in its line */
  constructor(attemptsMax: number, shown: (path: string) => string = path => path) {
    this.#attemptsMax = attemptsMax
    this.#shown = shown
  }

  /** Lines are added in their order: the last one of a core counts. */
  add(line: StoredLine): void {
    const again = line.error !== null && isWorthAnother(line.error.code) && line.attempt < this.#attemptsMax
    this.#next.set(this.#keyOf(line), again ? line.attempt + 1 : undefined)
  }

  /** Which attempt this is; undefined where the core has a line that stands. */
  attemptOf(item: Key): number | undefined {
    const key = this.#keyOf(item)
    return this.#next.has(key) ? this.#next.get(key) : 1
  }

  #keyOf({path, size, mtime}: Key): string {
    return `${this.#shown(remoteName(path))}\0${size}\0${mtime}`
  }
}
