import {DEFAULT_COMMAND, firstWords, type GrammarCommand, type GrammarFlag, type Value} from './grammar.ts'

/** For fish 3 and later: files are offered wherever nothing else is said. */
export function fishScript(program: string, commands: readonly GrammarCommand[]): string {
  const test = `__${program.replaceAll('-', '_')}_is`
  const names = commands.map(({words}) => words.join(' '))
  const first = [...firstWords(commands), ['help', 'explain a command'], ['version', 'print the version']] as const
  return `# fish completion of ${program}
function ${test} --argument-names wanted
    set -l words (commandline -opc)
    set -l command ${DEFAULT_COMMAND}
    test (count $words) -eq 1; and set command ''
    string match -q -- '-*' (commandline -ct); and test (count $words) -eq 1; and set command ${DEFAULT_COMMAND}
    contains -- "$words[2]" ${first.map(([word]) => word).join(' ')}; and set command $words[2]
    contains -- "$words[2] $words[3]" ${names
      .filter(name => name.includes(' '))
      .map(quoted)
      .join(' ')}; and set command "$words[2] $words[3]"
    test "$command" = "$wanted"
end
${first.map(([word, summary]) => `complete -c ${program} -n '${test} ""' -a ${word} -d ${quoted(summary)}`).join('\n')}
complete -c ${program} -n '${test} help' -x -a ${quoted([...firstWords(commands).keys()].join(' '))}
${commands.flatMap(command => linesOf(command, `complete -c ${program} -n`, test)).join('\n')}
`
}

function linesOf({words, summary, flags, operand}: GrammarCommand, complete: string, test: string): string[] {
  const when = `${complete} ${quoted(`${test} "${words.join(' ')}"`)}`
  const [topic = '', below] = words
  const named =
    below === undefined ? [] : [`${complete} ${quoted(`${test} ${topic}`)} -x -a ${below} -d ${quoted(summary)}`]
  const operands = operand.kind === 'file' ? [] : [`${when} ${valueWords(operand)}`]
  return [...named, ...flags.map(flag => `${when} ${flagWords(flag)}`), ...operands]
}

function flagWords({names, description, value}: GrammarFlag): string {
  const forms = names.map(name => (name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`))
  return [...forms, ...(value ? [valueWords(value)] : []), `-d ${quoted(description)}`].join(' ')
}

function valueWords(value: Value): string {
  if (value.kind === 'choice') return `-x -a ${quoted(value.choices.join(' '))}`
  if (value.kind === 'folder') return `-x -a '(__fish_complete_directories)'`
  return value.kind === 'file' ? '-r -F' : '-x'
}

function quoted(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`
}
