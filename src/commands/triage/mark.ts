import {Args, Flags} from '@oclif/core'
import {renderTriageMark} from '../../render/triage-text.ts'
import type {TriageMark as TriageMarkReport} from '../../report/core-report.ts'
import type {MarkState} from '../../report/vocabulary.ts'
import {findSignature, showSignature} from '../../triage/store/signature-details.ts'
import {SUMMARIES} from '../summaries.ts'
import {nameOfUser, parseMoment, storeFlags, TriageCommand} from './triage-command.ts'

const WAYS = ['known', 'fixed-in', 'wont-fix', 'new']

export default class TriageMark extends TriageCommand {
  static override summary = SUMMARIES['triage:mark']
  static override description =
    'What was said before stays in the history (triage show). A build is named by the version of its main module, or ' +
    'by the beginning of its commit or of its build ID; of one that no core of the store is of, --build-time says how ' +
    'old it is.'
  static override args = {
    signature: Args.string({required: true, name: 'SIGNATURE', description: 'the signature, or its beginning'}),
  }
  static override flags = {
    ...storeFlags,
    known: Flags.boolean({description: 'somebody knows of it', exactlyOne: WAYS}),
    'fixed-in': Flags.string({description: 'this build has it mended', helpValue: 'BUILD', exactlyOne: WAYS}),
    'wont-fix': Flags.boolean({description: 'it stays as it is', exactlyOne: WAYS}),
    new: Flags.boolean({description: 'take back what was said', exactlyOne: WAYS}),
    'build-time': Flags.string({
      description: 'when the commit of that build was made',
      helpValue: 'TIME',
      dependsOn: ['fixed-in'],
    }),
    note: Flags.string({description: 'why, or where it is written down', helpValue: 'TEXT'}),
    author: Flags.string({description: 'who says so (default: the user who runs this)', helpValue: 'NAME'}),
  }
  static override examples = [
    '<%= config.bin %> triage mark 3fa9 --store crashes.db --known --note BUG-1234',
    '<%= config.bin %> triage mark 3fa9 --store crashes.db --fixed-in v1.4.2',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(TriageMark)
    const buildTime = flags['build-time']
    const said = {
      state: stateOf(flags),
      build: flags['fixed-in'] ?? null,
      buildTime: buildTime === undefined ? null : parseMoment(buildTime, '--build-time', Date.now()),
      note: flags.note ?? null,
      author: flags.author ?? nameOfUser(),
    }
    const answer = await this.withStore(flags.store, 'write', async (store): Promise<TriageMarkReport> => {
      const exact = await findSignature(store, args.signature)
      await store.mark({exact, ...said})
      const {signature, history} = await showSignature(store, exact, {days: 0, now: new Date().toISOString()})
      const mark = history.at(-1) ?? {...said, time: ''}
      return {schemaVersion: '1', tool: this.tool, exact, mark, state: signature.state}
    })
    await this.writeAnswer(answer, flags, renderTriageMark)
  }
}

function stateOf(flags: {known: boolean; 'wont-fix': boolean; 'fixed-in'?: string | undefined}): MarkState {
  if (flags['fixed-in'] !== undefined) return 'fixed'
  if (flags.known) return 'known'
  return flags['wont-fix'] ? 'wont-fix' : 'new'
}
