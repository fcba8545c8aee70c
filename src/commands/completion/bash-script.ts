import {DEFAULT_COMMAND, firstWords, type GrammarCommand, type Value} from './grammar.ts'

/**
 * For programmable completion of bash 4 and later, and as far as names of commands and flags go of 3.2; it needs
 * nothing of the bash-completion package. Names of files are left to readline, which knows how to quote them.
 */
export function bashScript(program: string, commands: readonly GrammarCommand[]): string {
  const name = `_${program.replaceAll('-', '_')}`
  const topics = [...new Set(commands.filter(({words}) => words.length > 1).map(({words}) => words[0]))]
  return `# bash completion of ${program}
${name}() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} flags= operand=file value= word
  local command=${DEFAULT_COMMAND} first=' ${[...firstWords(commands).keys()].join(' ')} help version ' topics=' ${topics.join(' ')} '
  COMPREPLY=()
  # --flag=value comes as three words.
  [[ $cur == = ]] && cur=
  [[ $prev == = ]] && prev=\${COMP_WORDS[COMP_CWORD-2]}
  if ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$first" -- "$cur"; compgen -f -- "$cur")
    return
  fi
  word=\${COMP_WORDS[1]}
  ((COMP_CWORD > 1)) && [[ $first == *" $word "* ]] && command=$word
  if [[ $topics == *" $command "* ]] && ((COMP_CWORD > 2)); then command+=" \${COMP_WORDS[2]}"; fi
  case $command in
${commands.map(commandCase).join('\n')}
${topics.map(topic => topicCase(topic ?? '', commands)).join('\n')}
    help) operand='choice:${[...firstWords(commands).keys()].join(' ')}' ;;
    version) operand=text ;;
  esac
  case "$command $prev" in
${commands.flatMap(valueCases).join('\n')}
  esac
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do [[ $word == -- ]] && flags= value=; done
  if [[ -z $value && $cur == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$cur"))
    compopt +o default 2>/dev/null
    return
  fi
  case \${value:-$operand} in
    choice:*)
      word=\${value:-$operand}
      COMPREPLY=($(compgen -W "\${word#choice:}" -- "$cur"))
      compopt +o default 2>/dev/null ;;
    folder) compopt -o dirnames +o default 2>/dev/null ;;
    text) compopt +o default 2>/dev/null ;;
  esac
}
complete -o default -F ${name} ${program}
`
}

function commandCase({words, flags, operand}: GrammarCommand): string {
  const names = flags.flatMap(flag => flag.names).join(' ')
  return `    '${words.join(' ')}') flags='${names}' operand='${valueWord(operand)}' ;;`
}

function topicCase(topic: string, commands: readonly GrammarCommand[]): string {
  const below = commands.filter(({words}) => words[0] === topic && words.length > 1).map(({words}) => words[1])
  return `    '${topic}') operand='choice:${below.join(' ')}' ;;`
}

function valueCases({words, flags}: GrammarCommand): string[] {
  return flags.flatMap(({names, value}) => {
    if (!value) return []
    const patterns = names.map(name => `'${words.join(' ')} ${name}'`).join('|')
    return [`    ${patterns}) value='${valueWord(value)}' ;;`]
  })
}

function valueWord(value: Value): string {
  return value.kind === 'choice' ? `choice:${value.choices.join(' ')}` : value.kind
}
