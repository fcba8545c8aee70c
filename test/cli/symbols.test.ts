// A program that is gone is found in a symbol store, by every command.
import {mkdtempSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {complaint} from '../support/documents.ts'
import {runCommand} from '../support/run-command.ts'

const folder = mkdtempSync(join(tmpdir(), 'gotrace-symbols-'))
test.after.always(() => rmSync(folder, {recursive: true, force: true}))

test('what push put into a store, analysis finds there and pull takes out of it', async t => {
  const {core, executable, sysroot} = await openFixture('callback-deep-go1.27')
  const [store, pulled, empty] = [join(folder, 'store'), join(folder, 'pulled'), join(folder, 'empty')]
  const whole = runCommand(['analyze', core, '-e', executable, '--sysroot', sysroot])
  const pushed = runCommand(['symbols', 'push', executable, sysroot, '--symbols', store, '--json'])
  t.is(pushed.exitCode, 0, pushed.stderr)
  t.is(complaint('symbols', JSON.parse(pushed.stdout)), '')
  // Nothing else is at hand: the machine of the sysroot is an empty one.
  const flags = ['--sysroot', folder]
  t.is(runCommand(['analyze', core, ...flags, '--symbols', store]).stdout, whole.stdout)
  // The processes of batch work in another folder.
  const lines = [store, 'store'].map(symbols => {
    const line = JSON.parse(runCommand(['batch', core, ...flags, '--symbols', symbols], {cwd: folder}).stdout)
    return {frames: line.frames, signature: line.signature}
  })
  t.true(lines[0]?.frames.length > 0)
  t.deepEqual(lines[1], lines[0])
  const env = {GOTRACE_SYMBOLS: store}
  const got = runCommand(['symbols', 'pull', core, '-d', pulled, '--json', '--strict'], {env})
  t.is(got.exitCode, 0, got.stderr)
  const {files} = JSON.parse(got.stdout)
  t.is(complaint('symbols', JSON.parse(got.stdout)), '')
  t.deepEqual([...new Set(files.map(({state}: {state: string}) => state))], ['stored'])
  t.is(runCommand(['analyze', core, ...flags, '--debug-dir', pulled]).stdout, whole.stdout)
  const nothing = runCommand(['symbols', 'pull', core, '--symbols', empty, '-d', join(folder, 'none')])
  t.is(nothing.exitCode, 1)
  t.regex(nothing.stdout, /^missing {2}\w{40} -/)
})
