import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {complaint} from '../support/documents.ts'
import {runCommand} from '../support/run-command.ts'

test('symbolize --json prints a line of its schema for each address, and one for the call that closes', async t => {
  const {executable} = await openFixture('cfault-segv-go1.27')
  const {stdout, exitCode} = runCommand(['symbolize', executable, '0x48600f', '0xffffffffffffffff', '--json'])
  t.is(exitCode, 0)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line))
  for (const line of lines) t.is(complaint('symbolize', line), '')
  t.deepEqual(
    lines.map(({address}) => address),
    ['0x48600f', '0xffffffffffffffff', '0x0'],
  )
  t.is(lines[0].calls[0].func, 'store_value')
})
