import {Flags} from '@oclif/core'
import {renderTriageDead} from '../../render/triage-text.ts'
import type {TriageDead as TriageDeadReport} from '../../report/core-report.ts'
import {EXIT, withoutStrict} from '../errors.ts'
import {SUMMARIES} from '../summaries.ts'
import {storeFlags, TriageCommand} from './triage-command.ts'

export default class TriageDead extends TriageCommand {
  static override summary = SUMMARIES['triage:dead']
  static override description =
    'Dead letters are cores that could not be analysed at any of their attempts (docs/scaling.md). Those that are put ' +
    'back are taken by workers as if they were new; what is told of them until then stays in the store.'
  static override exitCodes = withoutStrict({
    [EXIT.ok]: 'the queue answered',
    [EXIT.input]: 'the queue cannot be read, or has no such core',
  })
  static override flags = {
    queue: Flags.string({required: true, description: 'the database', helpValue: 'URL'}),
    retry: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      description: 'put this core back, by its path or the beginning of its key',
      helpValue: 'CORE',
    }),
    'retry-all': Flags.boolean({description: 'put all of them back', exclusive: ['retry']}),
    limit: Flags.integer({description: 'list at most so many', helpValue: 'N', min: 0, default: 1000}),
    json: storeFlags.json,
    output: storeFlags.output,
    color: storeFlags.color,
  }
  static override examples = [
    '<%= config.bin %> triage dead --queue postgres://triage@db/crashes',
    '<%= config.bin %> triage dead --queue postgres://triage@db/crashes --retry /mnt/crash/core.7',
  ]

  async run(): Promise<void> {
    const {flags} = await this.parse(TriageDead)
    const {readDeadLetters} = await import('../../triage/queue/dead-letters.ts')
    const retry = flags['retry-all'] ? 'all' : flags.retry
    const {letters, ...counts} = await readDeadLetters(flags.queue, flags.limit, retry)
    const answer: TriageDeadReport = {schemaVersion: '1', tool: this.tool, ...counts, letters: [...letters]}
    await this.writeAnswer(answer, flags, renderTriageDead)
  }
}
