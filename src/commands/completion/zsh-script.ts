import {DEFAULT_COMMAND, firstWords, type GrammarCommand, type GrammarFlag, type Value} from './grammar.ts'

/** For zsh's completion system (zshcompsys(1)): as a file `_gotrace-core` in `fpath`, or sourced after `compinit`. */
export function zshScript(program: string, commands: readonly GrammarCommand[]): string {
  const name = `_${program}`
  const first = [...firstWords(commands)].map(([word, summary]) => described(word, summary))
  const topics = [...new Set(commands.filter(({words}) => words.length > 1).map(({words}) => words[0] ?? ''))]
  return `#compdef ${program}
# zsh completion of ${program}
${name}() {
  local curcontext="$curcontext" state line command=${DEFAULT_COMMAND}
  local -a first below
  first=(
    ${first.join('\n    ')}
    'help:explain a command'
    'version:print the version'
  )
  if (( CURRENT == 2 )) && [[ $words[2] != -* ]]; then
    _alternative 'commands:command:{_describe -t commands command first}' 'files:core:_files'
    return
  fi
  if (( CURRENT > 2 )) && [[ -n \${(M)first:#$words[2]:*} ]]; then
    command=$words[2]
    shift words
    (( CURRENT-- ))
  fi
  case $command in
${topics.map(topic => topicCase(topic, commands)).join('\n')}
    help)
      _describe -t commands command first
      return ;;
  esac
  case $command in
${commands.map(commandCase).join('\n')}
  esac
}
if [[ "$funcstack[1]" == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${program}
fi
`
}

function topicCase(topic: string, commands: readonly GrammarCommand[]): string {
  const below = commands.filter(({words}) => words[0] === topic && words.length > 1)
  return `    ${topic})
      if (( CURRENT == 2 )); then
        below=(${below.map(({words, summary}) => described(words[1] ?? '', summary)).join(' ')})
        _describe -t commands command below
        return
      fi
      command+=" $words[2]"
      shift words
      (( CURRENT-- )) ;;`
}

function commandCase({words, flags, operand}: GrammarCommand): string {
  const specs = [...flags.map(flagSpec), `'*:${label(operand)}:${action(operand)}'`]
  return `    '${words.join(' ')}')
      _arguments -s -S \\
        ${specs.join(' \\\n        ')} ;;`
}

function flagSpec({names, description, value, isRepeatable}: GrammarFlag): string {
  const behind = value ? `:${label(value)}:${action(value)}` : ''
  const text = `'[${escaped(description, /[[\]\\]/g)}]${behind}'`
  const forms = names.map(name => (value ? `${name}${name.startsWith('--') ? '=' : '+'}` : name))
  const excluded = isRepeatable ? `'*'` : `'(${names.join(' ')})'`
  return forms.length === 1 ? `${excluded}${forms[0]}${text}` : `${excluded}{${forms.join(',')}}${text}`
}

function label({kind}: Value): string {
  return kind === 'text' || kind === 'choice' ? 'value' : kind
}

function action(value: Value): string {
  if (value.kind === 'choice') return `(${value.choices.join(' ')})`
  if (value.kind === 'text') return ' '
  return value.kind === 'folder' ? '_files -/' : '_files'
}

function described(word: string, summary: string): string {
  return `'${word}:${escaped(summary, /[:\\]/g)}'`
}

/** What stands in single quotes, with a backslash before each character that means something to zsh's completion. */
function escaped(text: string, special: RegExp): string {
  return text.replace(special, '\\$&').replaceAll("'", "'\\''")
}
