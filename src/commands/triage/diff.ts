import {Flags} from '@oclif/core'
import {InputError} from '../../base/errors.ts'
import {renderDiff} from '../../render/diff-text.ts'
import type {DiffReport} from '../../report/core-report.ts'
import {CHANGES, type Change} from '../../report/vocabulary.ts'
import {diffSignatures, type SignatureSet, signaturesOfStore} from '../../triage/comparison/signature-diff.ts'
import {EXIT} from '../errors.ts'
import {SUMMARIES} from '../summaries.ts'
import {failOnFlag, parseMoment, parseWords, storeFlags, TriageCommand} from './triage-command.ts'

export const ALL_CHANGES = Object.keys(CHANGES) as Change[]

export default class TriageDiff extends TriageCommand {
  static override summary = SUMMARIES['triage:diff']
  static override description =
    'Compares how many cores of each signature were written since --since (until --until, or now) with how many in a ' +
    'time of the same length before. With --with another store is what they are compared with; diff compares files ' +
    'of lines too.\n\n' +
    'Exit codes: 0, or 4 with --fail-on when there is such a change.'
  static override exitCodes = {
    ...TriageCommand.exitCodes,
    [EXIT.found]: 'with --fail-on: one of these is in the answer',
  }
  static override flags = {
    ...storeFlags,
    since: Flags.string({description: 'begin of the time', helpValue: 'TIME'}),
    until: Flags.string({description: 'end of the time (default: now)', helpValue: 'TIME'}),
    with: Flags.string({description: 'the store to compare with: what was before', helpValue: 'FILE|URL'}),
    'fail-on': failOnFlag,
  }
  static override examples = [
    '<%= config.bin %> triage diff --store crashes.db --since 7d',
    '<%= config.bin %> triage diff --store today.db --with yesterday.db --fail-on new,grown',
  ]

  async run(): Promise<void> {
    const {flags} = await this.parse(TriageDiff)
    const now = Date.now()
    const moment = (flag: 'since' | 'until'): string | undefined =>
      flags[flag] === undefined ? undefined : parseMoment(flags[flag], `--${flag}`, now)
    const [since, until] = [moment('since'), moment('until')]
    if (since === undefined && flags.with === undefined) {
      const hint = 'such as --since 7d; or name the store to compare with: --with FILE'
      throw new InputError('bad-argument', 'triage diff: compared with what?', hint)
    }
    const failOn = flags['fail-on'] === undefined ? [] : parseWords(flags['fail-on'], '--fail-on', ALL_CHANGES)
    const read = (path: string, from: string | undefined, to: string | undefined): Promise<SignatureSet> =>
      this.withStore(path, 'read', store =>
        signaturesOfStore(store, {since: from, until: to, now: new Date(now).toISOString()}),
      )
    const after = await read(flags.store, since, until)
    const before =
      flags.with === undefined
        ? await read(flags.store, timeBefore(since ?? '', until ?? new Date(now).toISOString()), since)
        : await read(flags.with, since, until)
    const answer: DiffReport = {
      schemaVersion: '1',
      tool: this.tool,
      before: before.compared,
      after: after.compared,
      by: 'signature',
      signatures: diffSignatures(before, after),
      goroutines: null,
    }
    await this.writeAnswer(answer, flags, renderDiff)
    if (answer.signatures?.some(({change}) => failOn.includes(change))) this.exit(EXIT.found)
  }
}

/** Where a time of the same length begins that ends at `since`. */
function timeBefore(since: string, until: string): string {
  const length = Date.parse(until) - Date.parse(since)
  if (length > 0) return new Date(Date.parse(since) - length).toISOString()
  throw new InputError('bad-argument', `--since ${since} is not before ${until}`, 'let the time begin before its end')
}
