import {type Command, type Interfaces, Plugin, run, settings} from '@oclif/core'
import Analyze from './commands/analyze.ts'
import Batch from './commands/batch.ts'
import BatchWorker from './commands/batch-worker.ts'
import Cgo from './commands/cgo.ts'
import Completion from './commands/completion.ts'
import Diff from './commands/diff.ts'
import {tellError, wantsJson} from './commands/errors.ts'
import Goroutines from './commands/goroutines.ts'
import {ExplainedHelp} from './commands/help.ts'
import Info from './commands/info.ts'
import Minimise from './commands/minimise.ts'
import Pack from './commands/pack.ts'
import Serve from './commands/serve.ts'
import {unknownCommand} from './commands/slips.ts'
import Symbolize from './commands/symbolize.ts'
import Threads from './commands/threads.ts'
import TriageDiff from './commands/triage/diff.ts'
import TriageExport from './commands/triage/export.ts'
import TriageList from './commands/triage/list.ts'
import TriageMark from './commands/triage/mark.ts'
import TriageShow from './commands/triage/show.ts'
import {COMMAND_NAMES, type CommandName, isCommandName} from './launch/command-line.ts'

/** By what oclif calls them: a word behind a colon is the second word of the command. */
const ALL: Readonly<Record<string, Command.Class>> = {
  analyze: Analyze,
  batch: Batch,
  'batch-worker': BatchWorker,
  cgo: Cgo,
  completion: Completion,
  diff: Diff,
  goroutines: Goroutines,
  info: Info,
  minimise: Minimise,
  pack: Pack,
  serve: Serve,
  symbolize: Symbolize,
  threads: Threads,
  'triage:diff': TriageDiff,
  'triage:export': TriageExport,
  'triage:list': TriageList,
  'triage:mark': TriageMark,
  'triage:show': TriageShow,
}

const asked = process.argv[2]
/** Where all commands are looked at: for help, and for the completion of them all. */
const looksAtAll = !isCommandName(asked) || asked === 'completion'
/** What oclif loads (package.json, "oclif.commands"). */
export const COMMANDS = looksAtAll ? ALL : commandsOf(asked)

function commandsOf(name: CommandName): Readonly<Record<string, Command.Class>> {
  return Object.fromEntries(Object.entries(ALL).filter(([id]) => id === name || id.startsWith(`${name}:`)))
}

/** What oclif prints help with (package.json, "oclif.helpClass"). */
export {ExplainedHelp}

/** package.json without what only developers need; put in by the bundler. */
declare const PACKAGE_JSON: string | undefined

/**
 * Runs the command line of this process, which `settleCommandLine` has settled.
 * @param root the package's folder
 * @param manifest package.json when the bundle does not carry it
 */
export async function start(root: string, manifest?: Interfaces.PJSON): Promise<void> {
  process.on('uncaughtException', error => {
    // Of what no command waited for: what is on standard output by then is not known, so no JSON goes behind it.
    process.exit(tellError(error, {usage: 'gotrace-core', json: false}))
  })
  if (process.env.NO_COLOR !== undefined && process.env.FORCE_COLOR === undefined) process.env.FORCE_COLOR = '0'
  process.env.GOTRACE_CORE_DISABLE_THEME = '1'
  settings.enableAutoTranspile = false
  const pjson = manifest ?? JSON.parse(typeof PACKAGE_JSON === 'string' ? PACKAGE_JSON : '{}')
  try {
    if (asked !== undefined && !asked.startsWith('-') && !isCommandName(asked)) {
      throw unknownCommand(
        asked,
        COMMAND_NAMES.filter(name => name !== 'batch-worker'),
      )
    }
    // All commands are in this file, so oclif looks for nothing on the disk: no plugins, no description of commands.
    const plugin = new Plugin({root, pjson, isRoot: true, ignoreManifest: true})
    await plugin.load()
    await run(process.argv.slice(2), {
      root,
      pjson,
      plugins: new Map([[plugin.name, plugin]]),
      userPlugins: false,
      devPlugins: false,
    })
  } catch (error) {
    process.exitCode = tellError(error, {usage: 'gotrace-core', json: wantsJson(process.argv)})
  }
}
