import {Config, run, settings} from '@oclif/core'
import Analyze from './commands/analyze.ts'
import Batch from './commands/batch.ts'
import BatchWorker from './commands/batch-worker.ts'
import Cgo from './commands/cgo.ts'
import {explainError} from './commands/errors.ts'
import Goroutines from './commands/goroutines.ts'
import Info from './commands/info.ts'
import Symbolize from './commands/symbolize.ts'
import Threads from './commands/threads.ts'

/** What oclif loads: each command by its name (package.json, "oclif.commands"). */
export const COMMANDS = {
  analyze: Analyze,
  batch: Batch,
  'batch-worker': BatchWorker,
  cgo: Cgo,
  goroutines: Goroutines,
  info: Info,
  symbolize: Symbolize,
  threads: Threads,
}

/** package.json without what only developers need; put in by the bundler. */
declare const PACKAGE_JSON: string | undefined

/**
 * Runs the command line of this process.
 * @param root the package's folder
 * @param manifest package.json when the bundle does not carry it
 */
export async function start(root: string, manifest?: object): Promise<void> {
  if (process.env.NO_COLOR !== undefined && process.env.FORCE_COLOR === undefined) process.env.FORCE_COLOR = '0'
  process.env.OCLIF_DISABLE_ENGINE_WARNING = '1'
  settings.enableAutoTranspile = false
  const pjson = manifest ?? JSON.parse(typeof PACKAGE_JSON === 'string' ? PACKAGE_JSON : '{}')
  try {
    const config = await Config.load({root, pjson, ignoreManifest: manifest !== undefined})
    await run(process.argv.slice(2), config)
  } catch (error) {
    const {lines, exitCode} = explainError(error, 'gotrace-core')
    if (lines.length > 0) process.stderr.write(`${lines.join('\n')}\n`)
    if (process.env.GOTRACE_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`)
    process.exitCode = exitCode
  }
}
