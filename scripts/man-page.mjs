// The man page (man(7) macros), made of what the commands say of themselves: man/gotrace-core.1.

/** @typedef {import('@oclif/core').Command.Class} CommandClass */

/**
 * @param {Record<string, CommandClass>} commands by name
 * @param {{name: string, version: string, description: string, oclif: {description: string}}} manifest package.json
 */
export function manPage(commands, {name, version, description, oclif}) {
  const [, ...about] = oclif.description.split('\n').filter(line => line !== '')
  // To oclif a colon joins the words of a command.
  const visible = Object.entries(commands).flatMap(([id, command]) =>
    command.hidden ? [] : [[id.replaceAll(':', ' '), command]],
  )
  return [
    `.TH ${name.toUpperCase()} 1 "" "${name} ${version}" "User Commands"`,
    '.SH NAME',
    text(`${name} - ${description.replace(/\.$/, '').replace(/^./, first => first.toLowerCase())}`),
    '.SH SYNOPSIS',
    '.nf',
    ...[[], ...visible.map(([command]) => [command])].map(words => synopsis([name, ...words], words.length === 0)),
    '.fi',
    '.SH DESCRIPTION',
    ...about.flatMap((line, index) => [...(index > 0 ? ['.PP'] : []), text(line)]),
    '.SH COMMANDS',
    ...visible.flatMap(([command, about]) => commandLines(name, command, about)),
    '.SH SEE ALSO',
    '.BR core (5),',
    '.BR coredumpctl (1),',
    '.BR gdb (1)',
    '',
  ].join('\n')
}

function synopsis([program, command], isShort) {
  const bold = `\\fB${escaped(command === undefined ? program : `${program} ${command}`)}\\fP`
  return isShort ? `${bold} \\fICORE\\fP [\\fIFLAG\\fP...]` : `${bold} [\\fIFLAG\\fP...] \\fIARGUMENT\\fP...`
}

function commandLines(program, command, {summary, description, args = {}, flags = {}, examples = [], exitCodes = {}}) {
  const paragraphs = (description ?? '').split('\n').filter(line => line !== '')
  return [
    `.SS ${escaped(command)}`,
    text(`${summary ?? ''}.`),
    ...paragraphs.flatMap(line => ['.PP', text(line)]),
    ...Object.values(args).flatMap(argumentLines),
    ...Object.entries(flags)
      .filter(([, {hidden}]) => !hidden)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(flagLines),
    '.PP',
    'Exit codes:',
    ...Object.entries(exitCodes).flatMap(([code, meaning]) => ['.TP', code, text(meaning)]),
    ...examples.flatMap(example => exampleLines(program, example)),
  ]
}

function argumentLines({name, description, options}) {
  const choices = options ? ` (${options.join(', ')})` : ''
  return ['.TP', `.I ${escaped(name.toUpperCase())}`, text(`${description ?? ''}${choices}`)]
}

function flagLines([name, {char, type, helpValue, options, description, default: preset, allowNo}]) {
  const value = type === 'option' ? `=\\fI${escaped(options?.join('|') ?? helpValue ?? 'VALUE')}\\fP` : ''
  const long = `\\fB\\-\\-${allowNo ? '[no\\-]' : ''}${escaped(name)}\\fP${value}`
  const usual = type === 'option' && preset !== undefined && typeof preset !== 'function' ? ` [${preset}]` : ''
  return ['.TP', char ? `\\fB\\-${char}\\fP, ${long}` : long, text(`${description ?? ''}${usual}`)]
}

function exampleLines(program, example) {
  const line = example.replaceAll('<%= config.bin %>', program)
  return ['.PP', '.RS', '.nf', ...line.split('\n').map(each => protectedLine(escaped(each))), '.fi', '.RE']
}

const COLUMNS_MAX = 78

/** A paragraph of text, in lines as man(7) asks for. */
function text(paragraph) {
  const lines = ['']
  for (const word of paragraph.split(' ').map(escaped)) {
    const longer = `${lines.at(-1)} ${word}`.trimStart()
    if (longer.length <= COLUMNS_MAX) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines.map(protectedLine).join('\n')
}

/** A dot or an apostrophe at the beginning of a line would be a request. */
function protectedLine(line) {
  return /^['.]/.test(line) ? `\\&${line}` : line
}

/** groff(7): a backslash begins an escape; minus, apostrophe, accent, caret and tilde are told from their look-alikes. */
function escaped(line) {
  return line
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replaceAll("'", '\\(aq')
    .replaceAll('`', '\\(ga')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/[\u0080-\uffff]/g, char => `\\[u${char.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0')}]`)
}
