import {Args, Flags} from '@oclif/core'
import {analyzeThreads} from '../analysis/analyze-threads.ts'
import {CoreCommand, coreFlags, formatFlag} from './core-command.ts'
import {analysisOptions} from './open-core.ts'
import {sourceFlags} from './source-flags.ts'
import {SUMMARIES} from './summaries.ts'
import {valueFlags, valueOptions} from './value-flags.ts'

export default class Threads extends CoreCommand {
  static override summary = SUMMARIES.threads
  static override description =
    'The crashing thread comes first, with the instruction that faulted, the operand, and what its ' +
    'address is: null plus an offset, a stack’s guard page, unmapped next to a mapping, a read-only page. ' +
    'Go frames and C frames stand in one stack, as they were called; frames of signal handlers are shown.'
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    ...coreFlags,
    format: formatFlag('threads'),
    ...valueFlags,
    ...sourceFlags,
    registers: Flags.boolean({description: 'the registers of each thread below its frames'}),
    thread: Flags.integer({multiple: true, multipleNonGreedy: true, description: 'only this thread', helpValue: 'TID'}),
  }
  static override examples = [
    '<%= config.bin %> threads core.1234',
    '<%= config.bin %> threads core.1234 --registers --thread 1234',
    '<%= config.bin %> threads core.1234 --source --thread 1234',
    '<%= config.bin %> threads core.zst --json',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Threads)
    await this.answer('threads', args.core, flags, {
      analyze: (process, context) =>
        analyzeThreads(process, {
          ...analysisOptions(flags, this.config),
          ...context,
          values: valueOptions(flags),
          threads: flags.thread,
        }),
      sources: report => report.wantedSources(),
    })
  }
}
