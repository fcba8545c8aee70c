// What the shells offer: bash is asked here, zsh and fish in test/live/completion.live.ts.
import {spawnSync} from 'node:child_process'
import test from 'ava'
import {bashScript} from '../../src/commands/completion/bash-script.ts'
import {fishScript} from '../../src/commands/completion/fish-script.ts'
import {type GrammarCommand, grammarOf} from '../../src/commands/completion/grammar.ts'
import {zshScript} from '../../src/commands/completion/zsh-script.ts'
import {runCommand} from '../support/run-command.ts'

/** What bash's completion function leaves for a line whose last word is being typed. */
function offers(script: string, ...words: string[]): string[] {
  const call = `${script}
    COMP_WORDS=(gotrace-core "$@"); COMP_CWORD=$#; _gotrace_core; printf '%s\\n' "\${COMPREPLY[@]}"`
  const {stdout, stderr} = spawnSync('bash', ['--norc', '-c', call, 'bash', ...words], {
    encoding: 'utf8',
    cwd: '/proc/self',
  })
  return stderr === ''
    ? stdout
        .split('\n')
        .filter(line => line !== '')
        .sort()
    : [stderr]
}

const {stdout: script} = runCommand(['completion', 'bash'])

test('bash offers commands and files first, and the flags and values of the command that is typed', t => {
  t.deepEqual(offers(script, 'an'), ['analyze'])
  t.deepEqual(offers(script, 'info'), ['info'])
  // Files of /proc/self: a core alone is analysed.
  t.true(offers(script, 'c').includes('cmdline') && offers(script, 'c').includes('cgo'))
  t.deepEqual(offers(script, 'threads', '--reg'), ['--registers'])
  t.deepEqual(offers(script, 'info', '--reg'), [])
  t.deepEqual(offers(script, 'analyze', 'core', '--color', ''), ['always', 'auto', 'never'])
  t.deepEqual(offers(script, 'analyze', 'core', '--color', '=', 'al'), ['always'])
  t.deepEqual(offers(script, 'analyze', 'core', '--color', '='), ['always', 'auto', 'never'])
  t.deepEqual(offers(script, 'batch', '--no-s'), ['--no-summary'])
  t.deepEqual(offers(script, 'completion', ''), ['bash', 'fish', 'zsh'])
  t.deepEqual(offers(script, 'help', 'th'), ['threads'])
})

test('behind a core alone bash offers the flags of analyze, and behind -- none', t => {
  t.deepEqual(offers(script, 'core.1234', '--trace'), ['--traceback'])
  t.deepEqual(offers(script, 'core.1234', '--', '--trace'), [])
})

test('bash leaves names of files to readline', t => {
  t.deepEqual(offers(script, 'analyze', 'c'), [])
  t.deepEqual(offers(script, 'analyze', '--exe', 'c'), [])
})

test('what is hidden is offered by no shell', t => {
  for (const shell of ['bash', 'fish', 'zsh']) t.notRegex(runCommand(['completion', shell]).stdout, /batch-worker/)
})

test('a shell that it does not know is wrong usage', t => {
  const {exitCode, stderr, stdout} = runCommand(['completion', 'csh'])
  t.deepEqual({exitCode, stdout}, {exitCode: 2, stdout: ''})
  t.regex(
    stderr,
    /^gotrace-core: Expected csh to be one of: bash, fish, zsh\n {2}see `gotrace-core completion --help`\n$/,
  )
})

const TOPIC: GrammarCommand[] = [
  {
    words: ['stock', 'list'],
    summary: "what is in it: [all], \\, and whose it's",
    flags: [
      {names: ['--dir', '-d'], description: "a [folder]: it's there", value: {kind: 'folder'}, isRepeatable: true},
    ],
    operand: {kind: 'choice', choices: ['new', 'old']},
  },
  {words: ['stock', 'drop'], summary: 'empties it', flags: [], operand: {kind: 'text'}},
]

test('commands below a topic are completed in two steps', t => {
  const text = bashScript('gotrace-core', TOPIC)
  t.deepEqual(offers(text, 'sto'), ['stock'])
  t.deepEqual(offers(text, 'stock', ''), ['drop', 'list'])
  t.deepEqual(offers(text, 'stock', 'list', '-'), ['--dir', '-d'])
  t.deepEqual(offers(text, 'stock', 'list', ''), ['new', 'old'])
  t.deepEqual(offers(text, 'stock', 'drop', ''), [])
})

test('descriptions are quoted for each shell', t => {
  t.true(
    zshScript('gotrace-core', TOPIC).includes("'*'{--dir=,-d+}'[a \\[folder\\]: it'\\''s there]:folder:_files -/'"),
  )
  t.true(zshScript('gotrace-core', TOPIC).includes("'list:what is in it\\: [all], \\\\, and whose it'\\''s'"))
  t.true(
    fishScript('gotrace-core', TOPIC).includes(
      "-l dir -s d -x -a '(__fish_complete_directories)' -d 'a [folder]: it\\'s there'",
    ),
  )
})

test('a flag with a negative has both forms, and one that takes a value says of what kind', t => {
  const flags = {
    quick: {name: 'quick', type: 'boolean', allowNo: true, description: 'at once'},
    out: {name: 'out', type: 'option', char: 'o', helpValue: 'FILE', multiple: true},
    secret: {name: 'secret', type: 'boolean', hidden: true, allowNo: false},
  }
  const commands = [{id: 'stock:list', summary: 'it', flags, args: {}, hidden: false}]
  const [command] = grammarOf({commands} as unknown as Parameters<typeof grammarOf>[0])
  t.deepEqual(command?.words, ['stock', 'list'])
  t.deepEqual(
    command?.flags.map(({names, value, isRepeatable}) => ({names, value, isRepeatable})),
    [
      {names: ['--quick'], value: undefined, isRepeatable: false},
      {names: ['--no-quick'], value: undefined, isRepeatable: false},
      {names: ['--out', '-o'], value: {kind: 'file'}, isRepeatable: true},
      {names: ['--help', '-h'], value: undefined, isRepeatable: false},
    ],
  )
})
