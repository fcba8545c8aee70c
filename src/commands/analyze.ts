import {Args, Flags} from '@oclif/core'
import {analyzeCore} from '../analysis/analyze-core.ts'
import {SignatureRules} from '../analysis/signature/rules.ts'
import {renderCause} from '../render/go-text.ts'
import {CoreCommand, coreFlags, formatFlag} from './core-command.ts'
import {analysisOptions} from './open-core.ts'
import {readOwnRules, signatureFlags} from './signature-flags.ts'
import {sourceFlags} from './source-flags.ts'
import {SUMMARIES} from './summaries.ts'
import {valueFlags, valueOptions} from './value-flags.ts'

export default class Analyze extends CoreCommand {
  static override summary = SUMMARIES.analyze
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    ...coreFlags,
    format: formatFlag('analyze'),
    ...valueFlags,
    brief: Flags.boolean({
      description: 'the summary and the goroutine that crashed',
      exclusive: ['goroutine', 'traceback'],
    }),
    html: Flags.string({description: 'write a page that opens anywhere; as -o FILE.html', helpValue: 'FILE'}),
    ...sourceFlags,
    'no-pager': Flags.boolean({
      description: 'on a terminal: no pager (PAGER, else `less -FRX`)',
      default: false,
    }),
    traceback: Flags.option({
      options: ['none', 'single', 'all', 'system', 'crash'] as const,
      description:
        'the text of Go alone, without the summary, with the meaning of GOTRACEBACK (default: the summary, then as all, the crashing goroutine whole)',
    })(),
    'cgo-frames': Flags.option({
      options: ['auto', 'saved', 'hooks', 'none'] as const,
      default: 'auto' as const,
      description:
        'C frames: unwound and checked against the saved ones; only the saved ones; as the functions given to SetCgoTraceback name them, which are run over the core; none',
    })(),
    ...signatureFlags,
    goroutine: Flags.integer({
      multiple: true,
      multipleNonGreedy: true,
      description: 'only this goroutine',
      helpValue: 'ID',
    }),
  }
  static override examples = [
    '<%= config.bin %> analyze core.1234\n' +
      'server died: SIGSEGV in C: mov %eax,(%rdx,%rcx,4): null plus 0x8\n' +
      '  where     store_value, store.c:27 (C)\n' +
      '            main.(*server).dispatch, main.go:37 (Go)\n' +
      '  who       /srv/server, go1.27.4\n' +
      '            goroutine 20, thread 23560; 2 goroutines (1 in C), 5 threads\n' +
      '…',
    '<%= config.bin %> analyze core.zst -e ./server --json',
    '<%= config.bin %> analyze core.1234 --source --source-dir /build/app=.',
    '<%= config.bin %> analyze core.1234 --traceback crash --cgo-frames none',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Analyze)
    const signatureRules = new SignatureRules(readOwnRules(flags['signature-rules']))
    await this.answer('analyze', args.core, flags, {
      analyze: (process, context) =>
        analyzeCore(process, {
          ...analysisOptions(flags, this.config),
          ...context,
          values: valueOptions(flags),
          traceback: flags.traceback,
          cgoFrames: flags['cgo-frames'],
          goroutines: flags.brief ? 'crashing' : flags.goroutine,
          signatureRules,
        }),
      sources: report => report.wantedSources(),
      remarks: report => {
        const cause = flags.traceback === undefined ? undefined : renderCause(report.crash)
        return cause === undefined ? [] : [cause]
      },
    })
  }
}
