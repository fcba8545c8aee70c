import {readFileSync, readlinkSync, statSync} from 'node:fs'
import {hostname} from 'node:os'
import {type CrashRecord, placeInGroups} from './crash-record.ts'

/** What the kernel tells of a crash by `core_pattern` (core(5)): %P, %s, %t and %E. */
export interface CrashNotice {
  readonly pid: number
  readonly signal: number | undefined
  /** Seconds since 1970. */
  readonly time: number | undefined
  /** Path of the program, with `!` for each `/`. */
  readonly exe: string | undefined
}

/** Longer ones are no command line that tells more. */
const TEXT_MAX = 64 * 1024

/** What /proc tells of a process as long as it is there: it is, until its core was taken. */
export class DyingProcess {
  readonly record: CrashRecord
  /** The root of its file system, where that is another one than ours. */
  readonly root: string | undefined
  readonly #pid: number

  constructor({pid, signal, time, exe}: CrashNotice) {
    this.#pid = pid
    const status = this.#text('status') ?? ''
    const uid = /^Uid:\s+(\d+)/m.exec(status)?.[1]
    this.record = {
      handler: 'gotrace-core',
      source: 'package',
      name: this.#text('comm')?.replace(/\n$/, ''),
      pid,
      uid: uid === undefined ? undefined : Number(uid),
      time: new Date(time === undefined ? Date.now() : time * 1000).toISOString(),
      signal,
      exe: this.#exe() ?? exe?.replaceAll('!', '/'),
      ...placeInGroups(this.#text('cgroup') ?? ''),
      host: hostname(),
    }
    this.root = this.#isElsewhere() ? `/proc/${pid}/root` : undefined
  }

  /** The arguments, where they are wanted: they may hold secrets. */
  get commandLine(): string[] {
    return (this.#text('cmdline') ?? '').split('\0').filter(word => word !== '')
  }

  #exe(): string | undefined {
    try {
      return readlinkSync(`/proc/${this.#pid}/exe`).replace(/ \(deleted\)$/, '')
    } catch {
      return undefined
    }
  }

  #isElsewhere(): boolean {
    try {
      const [there, here] = [statSync(`/proc/${this.#pid}/root`), statSync('/')]
      return there.dev !== here.dev || there.ino !== here.ino
    } catch {
      return false
    }
  }

  #text(name: string): string | undefined {
    try {
      return readFileSync(`/proc/${this.#pid}/${name}`, 'utf8').slice(0, TEXT_MAX)
    } catch {
      return undefined
    }
  }
}
