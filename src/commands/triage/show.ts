import {Args, Flags} from '@oclif/core'
import {renderTriageShow} from '../../render/triage-text.ts'
import {findSignature, showSignature} from '../../triage/store/signature-details.ts'
import {SUMMARIES} from '../summaries.ts'
import {storeFlags, TriageCommand} from './triage-command.ts'

export default class TriageShow extends TriageCommand {
  static override summary = SUMMARIES['triage:show']
  static override args = {
    signature: Args.string({required: true, name: 'SIGNATURE', description: 'the signature, or its beginning'}),
  }
  static override flags = {
    ...storeFlags,
    days: Flags.integer({description: 'of the trend', helpValue: 'N', min: 0, max: 366, default: 14}),
  }
  static override examples = ['<%= config.bin %> triage show 3fa9 --store crashes.db']

  async run(): Promise<void> {
    const {args, flags} = await this.parse(TriageShow)
    const answer = await this.withStore(flags.store, 'read', async store => ({
      schemaVersion: '1' as const,
      tool: this.tool,
      ...(await showSignature(store, await findSignature(store, args.signature), {
        days: flags.days,
        now: new Date().toISOString(),
      })),
    }))
    await this.writeAnswer(answer, flags, renderTriageShow)
  }
}
