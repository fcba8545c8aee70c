import {renderWhole} from '../../render/json.ts'
import {renderSymbolFile} from '../../render/symbols-text.ts'
import type {SymbolFile, SymbolsReport} from '../../report/core-report.ts'
import {BaseCommand} from '../base-command.ts'
import {writeStandardError} from '../standard-streams.ts'

/** What a run over files comes to, by state. */
type Counts = Partial<Record<SymbolFile['state'], number>>

/** The way of the commands that fill a symbol store: a line for each file as it is done, or all of them as JSON. */
export abstract class SymbolsCommand extends BaseCommand {
  protected async tell(
    files: AsyncIterable<SymbolFile>,
    store: string,
    {json, output, quiet}: {json: boolean; output?: string | undefined; quiet: boolean},
  ): Promise<Counts> {
    const {name, version, bin} = this.config
    const counts: Counts = {}
    const all: SymbolFile[] = []
    const sink = json ? undefined : this.openSink(output)
    for await (const file of files) {
      counts[file.state] = (counts[file.state] ?? 0) + 1
      if (json) all.push(file)
      else sink?.write(renderSymbolFile(file))
      sink?.flush()
    }
    sink?.close()
    if (json) {
      const diagnostics = this.diagnostics.list()
      const answer: SymbolsReport = {schemaVersion: '1', tool: {name, version}, store, files: all, diagnostics}
      this.writeAll([{path: output, isAllOrNothing: true, pieces: renderWhole(answer)}])
      return counts
    }
    if (quiet) return counts
    this.showBeside()
    const summary = Object.entries(counts).map(([state, count]) => `${count} ${state}`)
    writeStandardError(`${bin}: ${summary.length === 0 ? 'no file' : summary.join(', ')}\n`)
    return counts
  }
}
