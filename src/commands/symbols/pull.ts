import {Args, Flags} from '@oclif/core'
import {pullSymbols} from '../../acquire/symbol-pull.ts'
import {Deadline} from '../../base/deadline.ts'
import type {SymbolFile} from '../../report/core-report.ts'
import {operandsOf, outputFlags, searchFlags, timeoutFlag} from '../base-command.ts'
import {coreFlags} from '../core-command.ts'
import {EXIT, REPORT_EXIT_CODES} from '../errors.ts'
import {searchOptions} from '../open-core.ts'
import {ProgressLine} from '../progress-line.ts'
import {tidyOnSignal} from '../signals.ts'
import {SUMMARIES} from '../summaries.ts'
import {SymbolsCommand} from './symbols-command.ts'

export default class SymbolsPull extends SymbolsCommand {
  static override summary = SUMMARIES['symbols:pull']
  static override description =
    'Fetches the program, the libraries and the debug files of the process of CORE, or of build IDs (GNU’s, or Go’s as ' +
    '`go tool buildid` prints it), from --symbols and debuginfod servers into a folder, which is a store then: for ' +
    '--symbols, for --debug-dir, and for gdb’s debug-file-directory. Each file is checked by its ID.'
  static exitCodes = {
    ...REPORT_EXIT_CODES,
    [EXIT.ok]: 'what the stores have is in the folder',
    [EXIT.input]: 'nothing was found, or the core cannot be read',
    [EXIT.incomplete]: 'with --strict: a file is missing',
  }
  static override strict = false
  static override args = {
    core: Args.string({
      required: true,
      ignoreStdin: true,
      name: 'CORE',
      description: 'a core or a build ID; any number of them',
    }),
  }
  static override flags = {
    exe: coreFlags.exe,
    ...searchFlags,
    folder: Flags.string({char: 'd', required: true, description: 'where the files go', helpValue: 'DIR'}),
    json: outputFlags.json,
    output: outputFlags.output,
    quiet: outputFlags.quiet,
    strict: Flags.boolean({description: 'exit with 3 when a file is missing'}),
    timeout: timeoutFlag,
  }
  static override examples = [
    '<%= config.bin %> symbols pull core.1234 --symbols s3://symbols/linux -d symbols',
    '<%= config.bin %> symbols pull 9287094d0a8be6bba33fe7947f61fd10e662acf0 --symbols /srv/symbols -d symbols',
  ]

  async run(): Promise<void> {
    const {raw, flags} = await this.parse(SymbolsPull)
    const {diagnostics} = this
    const deadline = new Deadline(flags.timeout, diagnostics)
    const progress = new ProgressLine(!flags.quiet)
    const options = {...searchOptions(flags), diagnostics, deadline, progress: progress.show, tidyOnSignal}
    const pulled = filesOf(pullSymbols(operandsOf(raw), flags.folder, options), progress)
    const counts = await this.tell(pulled, flags.folder, flags)
    if (!counts.stored && !counts.held) this.exit(EXIT.input)
    if (flags.strict && (counts.missing || deadline.hasStruck)) this.exit(EXIT.incomplete)
  }
}

async function* filesOf(pulled: ReturnType<typeof pullSymbols>, progress: ProgressLine): AsyncGenerator<SymbolFile> {
  for await (const file of pulled) {
    progress.clear()
    yield {...file, reason: null}
  }
}
