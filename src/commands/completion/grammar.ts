import type {Command, Interfaces} from '@oclif/core'

/** What a shell may offer where a value stands. */
export type Value =
  | {readonly kind: 'choice'; readonly choices: readonly string[]}
  | {readonly kind: 'file' | 'folder' | 'text'}

export interface GrammarFlag {
  /** As typed: `--exe`, `-e`. */
  readonly names: readonly string[]
  readonly description: string
  /** undefined: it takes none. */
  readonly value: Value | undefined
  readonly isRepeatable: boolean
}

export interface GrammarCommand {
  /** One, or two for a command below a topic. */
  readonly words: readonly string[]
  readonly summary: string
  readonly flags: readonly GrammarFlag[]
  /** What its arguments are. */
  readonly operand: Value
}

/** The command that a core alone stands for. */
export const DEFAULT_COMMAND = 'analyze'

const HELP_FLAG: GrammarFlag = {
  names: ['--help', '-h'],
  description: 'how to use it',
  value: undefined,
  isRepeatable: false,
}

/** What may be typed behind the program's name, in the words of no shell. */
export function grammarOf({commands}: Pick<Interfaces.Config, 'commands'>): GrammarCommand[] {
  return commands
    .filter(({hidden}) => hidden !== true)
    .map(command => ({
      words: command.id.split(/[: ]/),
      summary: command.summary ?? '',
      flags: [...Object.entries(command.flags).flatMap(([name, flag]) => flagOf(name, flag)), HELP_FLAG],
      operand: operandOf(Object.values(command.args)),
    }))
    .sort((a, b) => (a.words.join(' ') < b.words.join(' ') ? -1 : 1))
}

function flagOf(name: string, flag: Command.Flag.Cached): GrammarFlag[] {
  if (flag.hidden) return []
  const names = [`--${name}`, ...(flag.char ? [`-${flag.char}`] : [])]
  const description = flag.summary ?? flag.description ?? ''
  if (flag.type === 'option') {
    return [{names, description, value: flagValue(flag), isRepeatable: flag.multiple === true}]
  }
  const positive: GrammarFlag = {names, description, value: undefined, isRepeatable: false}
  return flag.allowNo ? [positive, {...positive, names: [`--no-${name}`]}] : [positive]
}

function flagValue({options, helpValue}: {options?: readonly string[]; helpValue?: string | string[]}): Value {
  if (options) return {kind: 'choice', choices: options}
  if (helpValue === 'FILE') return {kind: 'file'}
  return {kind: helpValue === 'DIR' ? 'folder' : 'text'}
}

/** Arguments that are no files. */
const WORDS = ['signature']

function operandOf(args: readonly Command.Arg.Cached[]): Value {
  const choices = args.find(({options}) => options)?.options
  if (choices) return {kind: 'choice', choices}
  return {kind: args.some(({name}) => !WORDS.includes(name)) ? 'file' : 'text'}
}

/** The words that may come first, each with what it does. */
export function firstWords(commands: readonly GrammarCommand[]): Map<string, string> {
  const first = new Map<string, string>()
  for (const {words, summary} of commands) {
    const [head = ''] = words
    if (words.length === 1) first.set(head, summary)
    else first.set(head, [...(first.has(head) ? [first.get(head)] : []), words[1]].join(', '))
  }
  return first
}
