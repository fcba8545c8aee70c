import {Args, Flags} from '@oclif/core'
import {compress} from '../acquire/compressor.ts'
import {packageMembers} from '../acquire/package-writer.ts'
import {writeTar} from '../acquire/tar-archive.ts'
import {Deadline} from '../base/deadline.ts'
import {ReadRecord, ReadRecords} from '../base/read-record.ts'
import {runWithin} from '../base/time-limit.ts'
import {BaseCommand} from './base-command.ts'
import {openFromFlags} from './open-core.ts'
import {readSecrets, refuseSecrets} from './secrets.ts'
import {planSmallCore} from './small-core.ts'
import {LEFT_BY_REDACTION, smallCoreFlags} from './small-core-flags.ts'
import {writeStandardError} from './standard-streams.ts'
import {SUMMARIES} from './summaries.ts'

export default class Pack extends BaseCommand {
  static override summary = SUMMARIES.pack
  static override description =
    'Writes a package that every command reads in place of CORE, on any machine, without network: the core reduced to ' +
    'what reports are made of, the program, the libraries, the debug files that were found. It is a tar archive, packed ' +
    'with zstd (with gzip where this machine has no zstd); `root` in it is a sysroot for other tools.'
  static override args = {
    core: Args.string({required: true, name: 'CORE', description: 'the core file; may be compressed'}),
  }
  static override flags = {
    ...smallCoreFlags,
    text: Flags.boolean({
      description: 'code of the files that no report needed too; --no-text leaves it out',
      allowNo: true,
      default: true,
    }),
  }
  static override examples = [
    '<%= config.bin %> pack core.1234 -o crash.gtc',
    '<%= config.bin %> pack core.1234 -o crash.gtc --redact --no-text',
    '<%= config.bin %> analyze crash.gtc',
  ]

  async run(): Promise<void> {
    const {args, flags} = await this.parse(Pack)
    const {config, diagnostics} = this
    const secrets = readSecrets(flags.secrets)
    const deadline = new Deadline(flags.timeout, diagnostics)
    const [record, records] = [new ReadRecord(), new ReadRecords()]
    const opened = await openFromFlags(args.core, flags, {diagnostics, deadline}, {record, records})
    try {
      const core = planSmallCore(opened, record, {...flags, values: true}, {config, diagnostics, deadline})
      const fileRecords = flags.text ? undefined : records.byPath
      const {name, version} = config
      const content = {
        tool: {name, version},
        core,
        diagnostics: diagnostics.list(),
        fileRecords,
        isRedacted: flags.redact,
      }
      const chunks = refuseSecrets(writeTar(packageMembers(opened, content)), secrets)
      const size = await this.#write(flags.output, chunks, deadline)
      if (flags.quiet) return
      this.showBeside()
      const redacted = flags.redact ? `; ${LEFT_BY_REDACTION}` : ''
      writeStandardError(`${config.bin}: ${size} bytes, of a core of ${opened.size}${redacted}\n`)
    } finally {
      opened.close()
    }
  }

  /** A half of a package is of no use. @returns its size */
  async #write(path: string, chunks: Iterable<Uint8Array>, deadline: Deadline): Promise<number> {
    const sink = this.openSink(path, true)
    let size = 0
    await compress(chunks, bytes => {
      size += bytes.length
      runWithin(deadline, () => sink.write(bytes))
    })
    sink.close()
    return size
  }
}
