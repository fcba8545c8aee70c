import {Command, type Interfaces, Plugin, run, settings} from '@oclif/core'
import {growHeapAsUsual} from './base/heap-growth.ts'
import {isTerminal} from './base/terminal.ts'
import {tellError, wantsJson} from './commands/errors.ts'
import {ExplainedHelp} from './commands/help.ts'
import {runPlainly} from './commands/plain-run.ts'
import {unknownCommand, wrongWords} from './commands/slips.ts'
import {SUMMARIES} from './commands/summaries.ts'
import {asksForHelp, COMMAND_NAMES, type CommandName, isCommandName} from './launch/command-line.ts'

/**
 * By what oclif calls them: a word behind a colon is the second word of the command. A command is loaded when it is
 * asked for.
 */
type CommandId = keyof typeof SUMMARIES
const LOADERS: Readonly<Record<CommandId, () => Promise<{default: Command.Class}>>> = {
  analyze: () => import('./commands/analyze.ts'),
  batch: () => import('./commands/batch.ts'),
  'batch-worker': () => import('./commands/batch-worker.ts'),
  cgo: () => import('./commands/cgo.ts'),
  collect: () => import('./commands/collect.ts'),
  completion: () => import('./commands/completion.ts'),
  diff: () => import('./commands/diff.ts'),
  goroutines: () => import('./commands/goroutines.ts'),
  info: () => import('./commands/info.ts'),
  minimise: () => import('./commands/minimise.ts'),
  pack: () => import('./commands/pack.ts'),
  serve: () => import('./commands/serve.ts'),
  symbolize: () => import('./commands/symbolize.ts'),
  'symbols:pull': () => import('./commands/symbols/pull.ts'),
  'symbols:push': () => import('./commands/symbols/push.ts'),
  threads: () => import('./commands/threads.ts'),
  'triage:dead': () => import('./commands/triage/dead.ts'),
  'triage:diff': () => import('./commands/triage/diff.ts'),
  'triage:export': () => import('./commands/triage/export.ts'),
  'triage:list': () => import('./commands/triage/list.ts'),
  'triage:mark': () => import('./commands/triage/mark.ts'),
  'triage:show': () => import('./commands/triage/show.ts'),
  worker: () => import('./commands/worker.ts'),
}

const asked = process.argv[2]

/** What oclif loads (package.json, "oclif.commands"): filled by `loadCommands` before it does. */
export const COMMANDS: Record<string, Command.Class> = {}

/** The command of that name, or all of them. */
export async function loadCommands(name?: CommandName): Promise<Readonly<Record<string, Command.Class>>> {
  for (const [id, load] of Object.entries(LOADERS)) {
    if (name === undefined || id === name || id.startsWith(`${name}:`)) COMMANDS[id] = (await load()).default
  }
  return COMMANDS
}

/** All commands as a list of them tells them. */
function listCommands(): void {
  for (const [id, summary] of Object.entries(SUMMARIES)) {
    COMMANDS[id] = class extends Command {
      static override summary = summary
      static override hidden = id === 'batch-worker'
      async run(): Promise<void> {}
    }
  }
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
  process.on('uncaughtException', endWith)
  process.on('exit', tellUnsettled)
  if (process.env.NO_COLOR !== undefined && process.env.FORCE_COLOR === undefined) process.env.FORCE_COLOR = '0'
  process.env.GOTRACE_CORE_DISABLE_THEME = '1'
  settings.enableAutoTranspile = false
  const pjson = manifest ?? JSON.parse(typeof PACKAGE_JSON === 'string' ? PACKAGE_JSON : '{}')
  const isUnknown = asked !== undefined && !asked.startsWith('-') && !isCommandName(asked)
  // A package that is not whole ends here.
  if (!isCommandName(asked)) listCommands()
  else await loadCommands(asked === 'completion' ? undefined : asked)
  try {
    if (isUnknown) {
      throw unknownCommand(
        asked,
        COMMAND_NAMES.filter(name => name !== 'batch-worker'),
      )
    }
    const words = process.argv.slice(2)
    const wrong = wrongWords(words, COMMANDS)
    if (wrong) throw wrong
    const command = plainCommand(words)
    if (command) return await runPlainly(command, words[0] as string, words.slice(1), pjson)
    await runOclif(root, pjson, words)
  } catch (error) {
    process.exitCode = tellError(error, {usage: 'gotrace-core', json: wantsJson(process.argv)})
  } finally {
    process.off('exit', tellUnsettled)
    growHeapAsUsual()
  }
}

/** The command that is asked for by one word, but for help; `completion` is told of all commands by oclif. */
function plainCommand([name = '', ...words]: readonly string[]): Command.Class | undefined {
  return Object.hasOwn(COMMANDS, name) && name !== 'completion' && !asksForHelp(words) ? COMMANDS[name] : undefined
}

/** Help, the version, and commands of two words. */
async function runOclif(root: string, pjson: Interfaces.PJSON, words: string[]): Promise<void> {
  // What oclif writes but help goes to Node's own stream; reports have a sink of their own.
  if (!asksForHelp(words)) process.stdout.on('error', endWith)
  // As oclif does it, without that stream.
  if (!isTerminal(1)) settings.columns = 80
  // All commands are in this file, so oclif looks for nothing on the disk: no plugins, no description of commands.
  const plugin = new Plugin({root, pjson, isRoot: true, ignoreManifest: true})
  await plugin.load()
  await run(words, {root, pjson, plugins: new Map([[plugin.name, plugin]]), userPlugins: false, devPlugins: false})
}

/** Of what no command waited for: what is on standard output by then is not known, so no JSON goes behind it. */
function endWith(error: Error): void {
  process.exit(tellError(error, {usage: 'gotrace-core', json: false}))
}

/** Where nothing is left to wait for and the work is not done, Node would end with 0 and without a word. */
function tellUnsettled(code: number): void {
  if (code !== 0) return
  process.exitCode = tellError(new Error('it waits for nothing, and is not done'), {usage: 'gotrace-core', json: false})
}
