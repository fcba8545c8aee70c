import {Flags} from '@oclif/core'
import {renderTriageList} from '../../render/triage-text.ts'
import {describeStore, LIST_ORDERS, listSignatures} from '../../triage/store/signature-list.ts'
import {EXIT} from '../errors.ts'
import {SUMMARIES} from '../summaries.ts'
import {parseSignatureQuery, STATES} from './signature-query.ts'
import {failOnFlag, parseWords, storeFlags, TriageCommand} from './triage-command.ts'

export default class TriageList extends TriageCommand {
  static override summary = SUMMARIES['triage:list']
  static override description =
    'Lists the signatures for which all conditions hold. A core is counted at the time when it was written (mtime). ' +
    'A signature that was marked as fixed is regressed when it is seen in that build or in a later one: by the time of ' +
    'the commit, else by the version, else by which build was seen first.\n\n' +
    'Exit codes: 0, or 4 with --fail-on when a signature that is listed has one of those states.'
  static override exitCodes = {
    ...TriageCommand.exitCodes,
    [EXIT.found]: 'with --fail-on: one of these is in the answer',
  }
  static override flags = {
    ...storeFlags,
    'new-since': Flags.string({description: 'only signatures first seen since then', helpValue: 'TIME'}),
    since: Flags.string({description: 'count only cores written since then', helpValue: 'TIME'}),
    until: Flags.string({description: 'count only cores written before', helpValue: 'TIME'}),
    state: Flags.string({description: `only these states: ${STATES.join(', ')}`, helpValue: 'WORDS'}),
    program: Flags.string({description: 'only cores of this program, by file name or module', helpValue: 'NAME'}),
    family: Flags.string({description: 'only signatures whose family has this in it', helpValue: 'TEXT'}),
    label: Flags.string({
      multiple: true,
      multipleNonGreedy: true,
      description: 'only cores with this label',
      helpValue: 'KEY=VALUE',
    }),
    sort: Flags.option({
      options: LIST_ORDERS,
      default: 'count' as const,
      description: 'most, latest or newest first',
    })(),
    limit: Flags.integer({description: 'at most so many', helpValue: 'N', min: 0}),
    days: Flags.integer({description: 'of the trend', helpValue: 'N', min: 0, max: 366, default: 14}),
    'fail-on': failOnFlag,
  }
  static override examples = [
    '<%= config.bin %> triage list --store crashes.db --new-since 7d',
    '<%= config.bin %> triage list --store crashes.db --state regressed --json',
    '<%= config.bin %> triage list --store crashes.db --new-since 24h --fail-on new,regressed',
  ]

  async run(): Promise<void> {
    const {flags} = await this.parse(TriageList)
    const query = parseSignatureQuery(flags, Date.now())
    const failOn = flags['fail-on'] === undefined ? [] : parseWords(flags['fail-on'], '--fail-on', STATES)
    const {states, ...answer} = await this.withStore(flags.store, 'read', async store => ({
      schemaVersion: '1' as const,
      tool: this.tool,
      store: await describeStore(store),
      ...(await listSignatures(store, query)),
    }))
    await this.writeAnswer(answer, flags, renderTriageList)
    if (failOn.some(state => states.has(state))) this.exit(EXIT.found)
  }
}
