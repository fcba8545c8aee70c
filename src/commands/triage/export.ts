import {Flags} from '@oclif/core'
import {renderNdjson} from '../../render/ndjson.ts'
import {renderCoresCsv, renderSignaturesCsv} from '../../render/triage-csv.ts'
import type {CrashStore} from '../../triage/store/crash-store.ts'
import {listCoreRows} from '../../triage/store/export.ts'
import {EVERYTHING, listSignatures} from '../../triage/store/signature-list.ts'
import {SUMMARIES} from '../summaries.ts'
import {storeFlags, TriageCommand} from './triage-command.ts'

const FORMATS = ['ndjson', 'csv'] as const

export default class TriageExport extends TriageCommand {
  static override summary = SUMMARIES['triage:export']
  static override description =
    'Cores are the lines that batch wrote, which diff and batch --resume read. Text in CSV that a spreadsheet would ' +
    'take for a formula gets an apostrophe before it.'
  static override flags = {
    store: storeFlags.store,
    output: storeFlags.output,
    signatures: Flags.boolean({description: 'signatures, as triage list has them, instead of cores'}),
    format: Flags.option({options: FORMATS, default: 'ndjson' as const, description: 'how they are written'})(),
  }
  static override examples = ['<%= config.bin %> triage export --store crashes.db --format csv -o crashes.csv']

  async run(): Promise<void> {
    const {flags} = await this.parse(TriageExport)
    const sink = this.openSink(flags.output, false)
    try {
      await this.withStore(flags.store, 'read', async store => {
        const pieces = flags.signatures ? await signatures(store, flags.format) : cores(store, flags.format)
        // The reader of a pipe may have gone.
        for await (const piece of pieces) if (!sink.write(piece)) break
      })
    } finally {
      sink.close()
    }
  }
}

async function* cores(store: CrashStore, format: (typeof FORMATS)[number]): AsyncGenerator<string> {
  if (format === 'csv') yield* renderCoresCsv(listCoreRows(store))
  else for await (const line of store.texts()) yield `${line}\n`
}

async function signatures(store: CrashStore, format: (typeof FORMATS)[number]): Promise<Iterable<string>> {
  const {signatures: list} = await listSignatures(store, {...EVERYTHING, days: 0, now: new Date().toISOString()})
  return format === 'csv' ? renderSignaturesCsv(list) : renderNdjson(list)
}
