import {Args, Flags} from '@oclif/core'
import {analyzeThreads} from '../analysis/analyze-threads.ts'
import {renderThreadsJson} from '../render/threads-json.ts'
import {renderThreadsText} from '../render/threads-text.ts'
import {CoreCommand, coreFlags} from './core-command.ts'
import {EXIT} from './errors.ts'
import {analysisOptions, openFromFlags} from './open-core.ts'

export default class Threads extends CoreCommand {
  static override summary = 'every OS thread of a core: its m, its goroutine, its full native stack'
  static override description =
    'The crashing thread comes first, with the instruction that faulted, the operand, and what its ' +
    'address is: null plus an offset, a stack’s guard page, unmapped next to a mapping, a read-only page. ' +
    'Go frames and C frames stand in one stack, as they were called; frames of signal handlers are shown.'
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    ...coreFlags,
    registers: Flags.boolean({description: 'the registers of each thread below its frames'}),
    thread: Flags.integer({multiple: true, multipleNonGreedy: true, description: 'only this thread', helpValue: 'TID'}),
  }
  static override examples = [
    '<%= config.bin %> threads core.1234',
    '<%= config.bin %> threads core.1234 --registers --thread 1234',
    '<%= config.bin %> threads core.zst --json',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Threads)
    const dead = await openFromFlags(args.core, flags, this.diagnostics)
    try {
      const report = analyzeThreads(dead, {
        ...analysisOptions(flags, this.config),
        threads: flags.thread,
        diagnostics: this.diagnostics,
      })
      let incomplete = false
      const threads = function* () {
        for (const thread of report.threads) {
          incomplete ||= thread.stop !== 'end-of-stack'
          yield thread
        }
      }
      const watched = {...report, threads: threads()}
      this.writeAll(
        flags.json
          ? renderThreadsJson(watched)
          : renderThreadsText(watched, await this.style(flags.color, flags.output), flags.registers),
        flags.output,
      )
      if (!flags.json) this.showDiagnostics(flags.quiet)
      if (flags.strict && (incomplete || report.core.truncated)) this.exit(EXIT.incomplete)
    } finally {
      dead.close()
    }
  }
}
