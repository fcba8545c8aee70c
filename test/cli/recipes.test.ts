// The lines of docs/recipes.md that ask jq do so of a real report.
import {readFileSync} from 'node:fs'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {raw} from 'jq-wasm'
import {openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

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
