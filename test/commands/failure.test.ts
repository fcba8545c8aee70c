// What is on standard output when a command fails in the middle of its document.
import {spawnSync} from 'node:child_process'
import {fileURLToPath} from 'node:url'
import test from 'ava'
import {complaint} from '../support/documents.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

/** A command that writes so many characters, then meets a bug of ours. */
function failAfter(characters: number, ...flags: string[]) {
  const script = `
    import {BaseCommand} from './src/commands/base-command.ts'
    function* pieces() {
      for (let left = ${characters}; left > 0; left -= 1000) yield '.'.repeat(Math.min(left, 1000))
      throw new TypeError('not foreseen')
    }
    class Failing extends BaseCommand {
      async run() { this.writeAll([{path: undefined, isAllOrNothing: this.argv.includes('--json'), pieces: pieces()}]) }
    }
    await Failing.run(${JSON.stringify(flags)}, ${JSON.stringify(root)}).catch(error => { process.exitCode = error.oclif.exit })
  `
  const args = ['--import', 'tsx', '--input-type=module', '-e', script]
  const {stdout, stderr, status} = spawnSync(process.execPath, args, {cwd: root, encoding: 'utf8'})
  return {stdout, stderr, status}
}

test('with --json a document that is not out yet is the failure instead', t => {
  const {stdout, stderr, status} = failAfter(5000, '--json')
  t.is(status, 70, stderr)
  t.is(complaint('error', JSON.parse(stdout)), '')
  t.is(JSON.parse(stdout).error.code, 'bug')
  t.regex(stderr, /^gotrace-core: this is a bug of gotrace-core, not of your core: not foreseen\n {2}please report it/)
})

test('nothing follows half a document: its failure is on standard error alone', t => {
  const {stdout, stderr, status} = failAfter(200_000, '--json')
  t.is(status, 70)
  t.regex(stdout, /^\.{65536,}$/)
  t.regex(stderr, /this is a bug of gotrace-core/)
})

test('of a text all that was made is shown, and the failure on standard error', t => {
  const {stdout, stderr, status} = failAfter(5000)
  t.is(status, 70)
  t.is(stdout, '.'.repeat(5000))
  t.regex(stderr, /this is a bug of gotrace-core/)
})
