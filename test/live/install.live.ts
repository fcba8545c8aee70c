// The package as a user has it: packed, installed with npm into an empty folder, and run from there.
import assert from 'node:assert/strict'
import {execFileSync} from 'node:child_process'
import {mkdtempSync, readdirSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {test} from 'node:test'
import {fileURLToPath} from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

test('the installed package analyses a core', () => {
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-install-'))
  try {
    const stdio = ['ignore', 'ignore', 'inherit'] as const
    execFileSync('npm', ['pack', '--silent', '--pack-destination', directory], {cwd: root, stdio: [...stdio]})
    const [tarball = ''] = readdirSync(directory)
    const npm = [
      'install',
      '--silent',
      '--offline',
      '--cache',
      join(directory, 'cache'),
      '--prefix',
      directory,
      join(directory, tarball),
    ]
    execFileSync('npm', npm, {cwd: directory, stdio: [...stdio]})
    const command = join(directory, 'node_modules/.bin/gotrace-core')
    const core = join(root, 'fixtures/cores/cfault-segv-go1.27/core.zst')
    const options = {cwd: '/', encoding: 'utf8', env: {PATH: process.env.PATH, HOME: directory}} as const
    assert.match(execFileSync(command, ['analyze', core], options), /^SIGSEGV|^goroutine \d+/m)
    const found = readdirSync(join(directory, 'node_modules')).filter(name => !name.startsWith('.'))
    assert.deepEqual(found.sort(), ['gotrace-core'])
  } finally {
    rmSync(directory, {recursive: true, force: true})
  }
})
