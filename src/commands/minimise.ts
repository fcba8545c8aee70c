import {Args, Flags} from '@oclif/core'
import {Deadline} from '../base/deadline.ts'
import {ReadRecord} from '../base/read-record.ts'
import {runWithin} from '../base/time-limit.ts'
import {BaseCommand} from './base-command.ts'
import {openFromFlags} from './open-core.ts'
import {readSecrets, refuseSecrets} from './secrets.ts'
import {MANY_GOROUTINES, planSmallCore} from './small-core.ts'
import {LEFT_BY_REDACTION, smallCoreFlags} from './small-core-flags.ts'
import {writeStandardError} from './standard-streams.ts'
import {SUMMARIES} from './summaries.ts'

export default class Minimise extends BaseCommand {
  static override summary = SUMMARIES.minimise
  static override description =
    'Writes a valid core that holds those parts of CORE alone that the commands of gotrace-core, and debuggers for ' +
    'their stacks, read; every command answers from it as from the whole core. With --redact all that is no pointer, ' +
    'no length and no structure of the Go runtime is blanked: stacks stay, texts and values go.'
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    ...smallCoreFlags,
    'all-values': Flags.boolean({
      description: `keep what --values shows of every goroutine; of more than ${MANY_GOROUTINES} only that of the crash is kept else`,
      exclusive: ['redact'],
      default: false,
    }),
  }
  static override examples = [
    '<%= config.bin %> minimise core.1234 -o small.core',
    '<%= config.bin %> minimise core.1234 -o clean.core --redact --secrets secrets.txt',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Minimise)
    const {config, diagnostics} = this
    const secrets = readSecrets(flags.secrets)
    const deadline = new Deadline(flags.timeout, diagnostics)
    const record = new ReadRecord()
    const opened = await openFromFlags(args.core, flags, {diagnostics, deadline}, {record})
    try {
      const plan = planSmallCore(
        opened,
        record,
        {...flags, values: flags['all-values']},
        {config, diagnostics, deadline},
      )
      const pieces = refuseSecrets(plan.chunks(), secrets)
      runWithin(deadline, () => this.writeAll([{path: flags.output, isAllOrNothing: true, pieces}]))
      if (flags.quiet) return
      this.showBeside()
      const share = (100 * plan.size) / opened.size
      const redacted = flags.redact ? `; ${LEFT_BY_REDACTION}` : ''
      const kept = `${plan.size} of ${opened.size} bytes are kept (${share.toFixed(2)} %)${redacted}`
      writeStandardError(`${config.bin}: ${kept}\n`)
    } finally {
      opened.close()
    }
  }
}
