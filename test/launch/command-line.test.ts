import test from 'ava'
import {settleCommandLine} from '../../src/launch/command-line.ts'

const isFile = (path: string): boolean => ['core', 'info', './info', 'core.1234'].includes(path)

const SETTLED: readonly (readonly [string, string])[] = [
  ['', '--help'],
  ['-h', '--help'],
  ['help', '--help'],
  ['help threads', 'threads --help'],
  ['help triage list', 'triage list --help'],
  ['help triage --help', 'triage --help'],
  ['version', '--version'],
  ['-V', '--version'],
  // A core alone.
  ['core.1234', 'analyze core.1234'],
  ['core', 'analyze core'],
  ['- --json', 'analyze - --json'],
  ['--json core.1234', 'analyze --json core.1234'],
  ['/missing/core', 'analyze /missing/core'],
  ['core.gone', 'analyze core.gone'],
  // A command goes before a file of its name, which can be written otherwise.
  ['info core', 'info core'],
  ['./info', 'analyze ./info'],
  // A flag whose value may be left out.
  ['--values core.1234', 'analyze --values=all core.1234'],
  ['threads core --values', 'threads core --values=all'],
  ['threads --values args core', 'threads --values args core'],
  ['threads --values all core', 'threads --values all core'],
  ['threads --values=args core', 'threads --values=args core'],
  ['threads -- --values', 'threads -- --values'],
  // A word that is neither is a slip.
  ['analize core', 'analize core'],
  // coredumpctl debug --debugger=gotrace-core [--debugger-arguments=…]
  ['/usr/bin/server -c /var/tmp/coredump-x', 'analyze /var/tmp/coredump-x --exe /usr/bin/server'],
  ['threads --json /usr/bin/server -c core', 'threads core --exe /usr/bin/server --json'],
  ['--brief /usr/bin/server -c core', 'analyze core --exe /usr/bin/server --brief'],
  // A flag whose value may be left out.
  ['--source core.1234', 'analyze --source=5 core.1234'],
  ['core.1234 --source', 'analyze core.1234 --source=5'],
  ['core.1234 --source 2 --brief', 'analyze core.1234 --source 2 --brief'],
  ['core.1234 --source=0', 'analyze core.1234 --source=0'],
  ['analyze -- --source', 'analyze -- --source'],
]

for (const [typed, settled] of SETTLED) {
  test(`\`gotrace-core ${typed}\` is \`gotrace-core ${settled}\``, t => {
    t.is(settleCommandLine(typed.split(' ').filter(Boolean), isFile).join(' '), settled)
  })
}
