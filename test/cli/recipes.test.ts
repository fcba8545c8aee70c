// The lines of docs/recipes.md run as they stand; those that ask jq do so of a real report.
import {copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {raw} from 'jq-wasm'
import {openFixture} from '../../lab/fixtures.ts'
import {runCommand, runShell} from '../support/run-command.ts'

const path = join(dirname(fileURLToPath(import.meta.url)), '../../docs/recipes.md')
const lines = readFileSync(path, 'utf8')
  .split('\n')
  .filter(line => line.includes('| jq '))
const ANSWERS = [
  /^not crashed: this is the core of a living process\n$/,
  /^\{\n( {2}".+": \d+,?\n)+\}\n$/,
  /^(\d+\t\d+\t\w+\n)+$/,
  /^(.+\t0x[0-9a-f]+\t\d+\n)+$/,
  /^(\d+\n)+$/,
]

test('every line that asks jq has an answer', async t => {
  t.is(lines.length, ANSWERS.length)
  const {core, executable, sysroot} = await openFixture('stuck-cross-go1.27')
  for (const [index, line] of lines.entries()) {
    const [, command = '', filter = ''] = /^gotrace-core (.*) \| jq -r '(.*)'$/.exec(line) ?? []
    const args = command.replace('core.1234', `${core} -e ${executable} --sysroot ${sysroot}`).split(' ')
    const {stdout, stderr, exitCode} = runCommand(args)
    t.is(exitCode, 0, stderr)
    t.regex(`${await raw(stdout, filter, ['-r'])}\n`, ANSWERS[index] ?? /^$/, line)
  }
})

test('the other commands run as they stand', async t => {
  const {core, executable, sysroot} = await openFixture('cfault-segv-go1.27')
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-recipes-'))
  try {
    mkdirSync(join(directory, 'crash'))
    symlinkSync(core, join(directory, 'core.1234'))
    copyFileSync(core, join(directory, 'crash', 'core.1'))
    symlinkSync(executable, join(directory, 'server'))
    const commands = readFileSync(path, 'utf8')
      .split('\n')
      .filter(line => /^gotrace-core (?!diff )/.test(line) && !/\|/.test(line))
    t.true(commands.length >= 7)
    for (const command of commands) {
      const line = command
        .replace('gotrace-core', '$RUN')
        .replace('/var/crash', 'crash')
        .replace('/srv/images/server', sysroot)
        .replaceAll('s3://symbols', 'symbols')
      const {exitCode, stderr} = runShell(line, {cwd: directory})
      const other = /# exit code (\d)/.exec(command)?.[1]
      t.true(exitCode === 0 || String(exitCode) === other, `${command}: ${exitCode}, ${stderr}`)
    }
  } finally {
    rmSync(directory, {recursive: true, force: true})
  }
})
