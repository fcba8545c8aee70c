import {execFileSync} from 'node:child_process'
import {chmodSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '../..')

/**
 * Lays out what `npm install gotrace-core` does: the published files, and inside of them what they depend on. Any user
 * may read it, wherever this checkout lies.
 * @returns the starter, `bin/run.cjs`; `remove` takes all away
 */
export function installPackage(): {directory: string; entry: string; remove: () => void} {
  const directory = mkdtempSync(join(tmpdir(), 'gotrace-installed-'))
  chmodSync(directory, 0o755)
  const npm = ['pack', '--silent', '--ignore-scripts', '--pack-destination', directory]
  execFileSync('npm', npm, {cwd: root, stdio: ['ignore', 'ignore', 'inherit']})
  const [tarball = ''] = readdirSync(directory).filter(name => name.endsWith('.tgz'))
  const modules = join(directory, 'node_modules')
  mkdirSync(modules)
  execFileSync('tar', ['-xzf', join(directory, tarball), '-C', modules])
  const installed = join(modules, 'gotrace-core')
  renameSync(join(modules, 'package'), installed)
  return {
    directory,
    entry: join(installed, 'bin', 'run.cjs'),
    remove: () => rmSync(directory, {recursive: true, force: true}),
  }
}
