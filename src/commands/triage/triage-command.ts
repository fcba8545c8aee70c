import {userInfo} from 'node:os'
import {Flags} from '@oclif/core'
import {InputError} from '../../base/errors.ts'
import {renderWhole} from '../../render/json.ts'
import type {Style} from '../../render/style.ts'
import {CrashStore} from '../../triage/store/crash-store.ts'
import type {Access} from '../../triage/store/engine.ts'
import {BaseCommand, outputFlags} from '../base-command.ts'
import type {ColorChoice} from '../color.ts'
import {EXIT, withoutStrict} from '../errors.ts'
import {parseDuration} from '../goroutine-flags.ts'

/** Flags of the commands that read a store. */
export const storeFlags = {
  store: Flags.string({
    required: true,
    description: 'the database of `batch --store`: a file, or a database of PostgreSQL',
    helpValue: 'FILE|URL',
  }),
  json: outputFlags.json,
  output: outputFlags.output,
  color: outputFlags.color,
}

export const failOnFlag = Flags.string({
  description: 'exit with 4 where one of these is in the answer, with commas between',
  helpValue: 'WORDS',
})

/** What the flags of a command say of its output. */
interface OutputChoice {
  readonly json: boolean
  readonly output?: string | undefined
  readonly color: ColorChoice
}

/** The way of every command that works on a store: open it, ask it, write the answer. */
export abstract class TriageCommand extends BaseCommand {
  static exitCodes: Readonly<Record<string, string>> = withoutStrict({
    [EXIT.ok]: 'the store answered',
    [EXIT.input]: 'the store cannot be read',
  })

  protected get tool(): {name: string; version: string} {
    return {name: this.config.name, version: this.config.version}
  }

  protected async withStore<Result>(
    path: string,
    access: Access,
    work: (store: CrashStore) => Promise<Result>,
  ): Promise<Result> {
    const store = await CrashStore.open(path, access)
    try {
      return await work(store)
    } finally {
      await store.close()
    }
  }

  /** An answer as JSON or as text. */
  protected async writeAnswer<Answer extends object>(
    answer: Answer,
    {json, output, color}: OutputChoice,
    render: (answer: Answer, style: Style) => Iterable<string>,
  ): Promise<void> {
    const pieces = json ? renderWhole(answer) : render(answer, await this.style(color, output))
    this.writeAll([{path: output, isAllOrNothing: json, pieces}])
  }
}

const NANOSECONDS_PER_MS = 1_000_000n
/** ISO 8601, of which a date alone is its beginning in UTC. */
const MOMENT = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d))?$/

/**
 * A time as the store has it, of a date, a time, or a duration before now.
 * @throws InputError bad-argument
 */
export function parseMoment(text: string, flag: string, now: number): string {
  if (/^[0-9]+[smhd]/.test(text)) {
    return new Date(now - Number(parseDuration(text, flag) / NANOSECONDS_PER_MS)).toISOString()
  }
  const time = MOMENT.test(text) ? Date.parse(text) : Number.NaN
  if (!Number.isNaN(time)) return new Date(time).toISOString()
  const hint = 'write 2026-11-27, 2026-11-27T08:00:00Z, or how long ago: 90m, 24h, 7d'
  throw new InputError('bad-argument', `${flag} ${text}: no time`, hint)
}

/** Words with commas between. @throws InputError bad-argument where one is none of those that there are */
export function parseWords<Word extends string>(text: string, flag: string, words: readonly Word[]): Word[] {
  return text.split(',').map(part => {
    const word = words.find(each => each === part.trim())
    if (word !== undefined) return word
    throw new InputError('bad-argument', `${flag} ${part}: no such word`, `there are ${words.join(', ')}`)
  })
}

/** Who runs this: a user without an entry in passwd has a number alone. */
export function nameOfUser(): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.() ?? '?'}`
  }
}
