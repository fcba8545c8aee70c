import {Args, Flags} from '@oclif/core'
import {pushSymbols} from '../../acquire/symbol-push.ts'
import {openSymbolStore, symbolStores} from '../../acquire/symbol-servers.ts'
import {Deadline} from '../../base/deadline.ts'
import {InputError} from '../../base/errors.ts'
import type {SymbolFile} from '../../report/core-report.ts'
import {operandsOf, outputFlags, searchFlags, timeoutFlag} from '../base-command.ts'
import {coreFlags} from '../core-command.ts'
import {EXIT, withoutStrict} from '../errors.ts'
import {searchOptions} from '../open-core.ts'
import {ProgressLine} from '../progress-line.ts'
import {tidyOnSignal} from '../signals.ts'
import {SUMMARIES} from '../summaries.ts'
import {SymbolsCommand} from './symbols-command.ts'

const {symbols: _symbols, ...places} = searchFlags

export default class SymbolsPush extends SymbolsCommand {
  static override summary = SUMMARIES['symbols:push']
  static override description =
    'Files, those in folders, or those of the process of a core or a package, go by build ID into a folder or a bucket, ' +
    'laid out as debuginfod serves them (buildid/ID/executable, debuginfo); a folder is a build-ID tree as well. Go’s ' +
    'build ID counts by the first 20 bytes of its SHA-256. What is there already stays.'
  static exitCodes = withoutStrict({
    [EXIT.ok]: 'the files are in the store',
    [EXIT.input]: 'no file was put there, or one that was named cannot be read',
  })
  static override strict = false
  static override args = {
    path: Args.string({
      required: true,
      ignoreStdin: true,
      name: 'PATH',
      description: 'a file, a folder, a core or a package; any number of them',
    }),
  }
  static override flags = {
    symbols: Flags.string({
      description: 'the store: a folder or s3://BUCKET/PREFIX (default: the first of GOTRACE_SYMBOLS)',
      helpValue: 'STORE',
    }),
    exe: coreFlags.exe,
    ...places,
    json: outputFlags.json,
    output: outputFlags.output,
    quiet: outputFlags.quiet,
    timeout: timeoutFlag,
  }
  static override examples = [
    '<%= config.bin %> symbols push ./server ./server.debug --symbols /srv/symbols',
    '<%= config.bin %> symbols push build/ --symbols s3://symbols/linux',
    '<%= config.bin %> symbols push core.1234 --symbols s3://symbols/linux',
  ]

  async run(): Promise<void> {
    const {raw, flags} = await this.parse(SymbolsPush)
    const address = flags.symbols ?? symbolStores(process.env)[0]
    if (address === undefined) {
      throw new InputError('bad-argument', 'no symbol store', 'name one with --symbols or GOTRACE_SYMBOLS')
    }
    const {diagnostics} = this
    const deadline = new Deadline(flags.timeout, diagnostics)
    const store = await openSymbolStore(address, process.env, deadline)
    const progress = new ProgressLine(!flags.quiet)
    const search = searchOptions({...flags, symbols: []})
    const options = {...search, diagnostics, deadline, progress: progress.show, tidyOnSignal}
    const counts = await this.tell(filesOf(pushSymbols(operandsOf(raw), store, options), progress), store.name, flags)
    if (!counts.stored && !counts.held) this.exit(EXIT.input)
  }
}

async function* filesOf(pushed: ReturnType<typeof pushSymbols>, progress: ProgressLine): AsyncGenerator<SymbolFile> {
  for await (const file of pushed) {
    progress.clear()
    yield {...file, module: null}
  }
}
