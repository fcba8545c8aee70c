import {existsSync} from 'node:fs'
import {joinOperands} from '../base/operands.ts'

/** What the program can be asked for; `batch-worker` is what `batch` starts. */
export const COMMAND_NAMES = [
  'analyze',
  'batch',
  'batch-worker',
  'cgo',
  'collect',
  'completion',
  'diff',
  'goroutines',
  'info',
  'minimise',
  'pack',
  'serve',
  'symbolize',
  'symbols',
  'threads',
  'triage',
  'worker',
] as const
export type CommandName = (typeof COMMAND_NAMES)[number]

export function isCommandName(word: string | undefined): word is CommandName {
  return COMMAND_NAMES.some(name => name === word)
}

/** Flags that oclif answers itself, with or without a command. */
const HELP = ['--help', '-h']
const VERSION = ['--version', '-V']

/** Whether help is asked for, whatever else is. */
export function asksForHelp(words: readonly string[]): boolean {
  return words.some(word => HELP.includes(word))
}

/**
 * A command line as it is typed, to one that begins with a command or with `--help` or `--version`: a core alone means
 * `analyze`; `help`, `version` and what coredumpctl(1) starts a debugger with mean what they do elsewhere. A word that
 * is neither a command nor a file stays as it is.
 */
export function settleCommandLine(typed: readonly string[], isFile: (path: string) => boolean = existsSync): string[] {
  const [first] = typed
  if (first === undefined || HELP.includes(first)) return ['--help']
  if (VERSION.includes(first) || (first === 'version' && typed.length === 1)) return ['--version']
  if (first === 'help') return [...typed.slice(1, 3).filter(word => !HELP.includes(word)), '--help']
  const asked = fromDebugger(typed) ?? [...typed]
  const [command = ''] = asked
  const isWord = /^[a-z][a-z-]*$/.test(command)
  const isSettled = isCommandName(command) || (isWord && !isFile(command))
  const settled = withValues(isSettled ? asked : ['analyze', ...asked])
  return TAKES_MANY.includes(command) ? [command, ...joinOperands(settled.slice(1))] : settled
}

/** Commands that are given any number of words, which they take apart again (operandsOf). */
const TAKES_MANY = ['batch', 'collect', 'symbolize', 'symbols']

/** What a flag means that stands without a value. */
const VALUES: Readonly<Record<string, {value: string; pattern: RegExp}>> = {
  '--source': {value: '5', pattern: /^\d+$/},
  '--values': {value: 'all', pattern: /^(?:args|all)$/},
}

/** The framework has no flags whose value may be left out: what is left out is put in. */
function withValues(words: readonly string[]): string[] {
  const end = words.indexOf('--')
  return words.map((word, index) => {
    const known = Object.hasOwn(VALUES, word) && (end < 0 || index < end) ? VALUES[word] : undefined
    return known && !known.pattern.test(words[index + 1] ?? '') ? `${word}=${known.value}` : word
  })
}

/** `coredumpctl debug` runs `DEBUGGER [ARGUMENT…] EXECUTABLE -c CORE` (systemd, src/coredump/coredumpctl.c). */
function fromDebugger(typed: readonly string[]): string[] | undefined {
  const [executable, flag, core] = typed.slice(-3)
  if (flag !== '-c' || executable === undefined || core === undefined) return undefined
  const before = typed.slice(0, -3)
  const [command] = before
  const rest = isCommandName(command) ? before.slice(1) : before
  return [isCommandName(command) ? command : 'analyze', core, '--exe', executable, ...rest]
}
