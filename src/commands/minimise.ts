import {Args, Flags} from '@oclif/core'
import type {OpenProcess} from '../acquire/open-process.ts'
import {DEFAULT_VALUE_LIMITS} from '../analysis/values/limits.ts'
import {Deadline} from '../base/deadline.ts'
import {ReadRecord} from '../base/read-record.ts'
import {runWithin} from '../base/time-limit.ts'
import {CoreRedaction} from '../elf/core-redaction.ts'
import {type MinimalCorePlan, planMinimalCore} from '../elf/minimal-core-writer.ts'
import {BaseCommand, outputFlags, searchFlags, timeoutFlag} from './base-command.ts'
import {coreFlags} from './core-command.ts'
import {analysisOptions, openFromFlags, type RunContext} from './open-core.ts'
import {readSecrets, requireAbsent} from './secrets.ts'
import {writeStandardError} from './standard-streams.ts'
import {readWhole, runtimeStructures} from './whole-reading.ts'

/** What `--redact` leaves in a core. */
const LEFT =
  'left are: the paths of loaded files, the name, user and signal of the process, where each thread was, code and ' +
  'read-only data of loaded files, structures of the Go runtime, pointers, and numbers below 4194304'

export default class Minimise extends BaseCommand {
  static override summary = 'a small core with only the memory that the report is made of'
  static override description =
    'Writes a valid core that holds those parts of CORE alone that the commands of gotrace-core, and debuggers for ' +
    'their stacks, read; every command answers from it as from the whole core. With --redact all that is no pointer, ' +
    'no length and no structure of the Go runtime is blanked: stacks stay, texts and values go.'
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    exe: coreFlags.exe,
    ...searchFlags,
    output: Flags.string({char: 'o', description: 'the core to write', helpValue: 'FILE', required: true}),
    redact: Flags.boolean({description: 'blank texts and values: what is no pointer, length or runtime structure'}),
    secrets: Flags.string({
      description: 'texts, one a line, that must not be in what is written; else it is removed, with exit code 1',
      helpValue: 'FILE',
    }),
    quiet: outputFlags.quiet,
    timeout: timeoutFlag,
    'max-frames': coreFlags['max-frames'],
  }
  static override examples = [
    '<%= config.bin %> minimise core.1234 -o small.core',
    '<%= config.bin %> minimise core.1234 -o clean.core --redact --secrets secrets.txt',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Minimise)
    const {diagnostics} = this
    const secrets = flags.secrets === undefined ? [] : readSecrets(flags.secrets)
    const deadline = new Deadline(flags.timeout, diagnostics)
    const record = new ReadRecord()
    const opened = await openFromFlags(args.core, flags, {diagnostics, deadline}, record)
    try {
      const plan = runWithin(deadline, () => this.#plan(opened, record, flags, {diagnostics, deadline}))
      this.writeAll([{path: flags.output, isAllOrNothing: true, pieces: plan.chunks()}])
      requireAbsent(flags.output, secrets)
      if (flags.quiet) return
      this.showBeside()
      const share = (100 * plan.size) / opened.size
      const redacted = flags.redact ? `; ${LEFT}` : ''
      const kept = `${plan.size} of ${opened.size} bytes are kept (${share.toFixed(2)} %)${redacted}`
      writeStandardError(`${this.config.bin}: ${kept}\n`)
    } finally {
      opened.close()
    }
  }

  #plan(
    opened: OpenProcess,
    record: ReadRecord,
    flags: {'max-frames': number; redact: boolean},
    context: RunContext,
  ): MinimalCorePlan {
    const options = {...analysisOptions({...flags, 'no-demangle': false}, this.config), ...context}
    const isBlanked = flags.redact || opened.isRedacted
    const values = isBlanked ? undefined : ({choice: 'all', limits: DEFAULT_VALUE_LIMITS} as const)
    readWhole(opened, options, values)
    const {core, modules} = opened
    const redaction = isBlanked ? new CoreRedaction(core, modules, runtimeStructures(opened, options)) : undefined
    return planMinimalCore(
      core.source,
      record.ranges(),
      redaction && ((bytes, offset) => redaction.blank(bytes, offset)),
    )
  }
}
