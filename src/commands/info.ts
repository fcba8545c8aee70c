import {Args, Flags} from '@oclif/core'
import {analyzeInfo} from '../analysis/analyze-info.ts'
import {outputFlags, redactFlag, searchFlags, timeoutFlag} from './base-command.ts'
import {CoreCommand, coreFlags, formatFlag} from './core-command.ts'
import {SUMMARIES} from './summaries.ts'

export default class Info extends CoreCommand {
  static override summary = SUMMARIES.info
  static override description =
    'Says what the core and the files it names say of themselves: which signal ended the process, how Go ' +
    'built it, which module files and symbols were found and why others were refused, and which part of a ' +
    'cut core is missing.'
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    exe: coreFlags.exe,
    format: formatFlag('info'),
    ...searchFlags,
    ...outputFlags,
    redact: redactFlag,
    output: coreFlags.output,
    timeout: timeoutFlag,
    'report-bug': coreFlags['report-bug'],
    strict: Flags.boolean({description: 'exit with 3 when the core is cut short or a module was not found'}),
  }
  static override examples = [
    '<%= config.bin %> info core.1234\n' +
      'core          core.1234 (80.5 MB)\n' +
      'signal        SIGABRT (6), SI_TKILL (-6), sent by pid 23560\n' +
      'process       pid 23560 "server", parent 22331, uid 1000\n' +
      'completeness  complete\n' +
      'go            go1.27.4, symbols: dwarf\n' +
      '…',
    '<%= config.bin %> info core.zst --json',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Info)
    const {name, version} = this.config
    await this.answer('info', args.core, flags, {
      analyze: (process, context) => analyzeInfo(process, {tool: {name, version}, ...context}),
    })
  }
}
