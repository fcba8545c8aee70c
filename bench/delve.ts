import {execFileSync} from 'node:child_process'
import {existsSync, mkdirSync, readdirSync, writeFileSync} from 'node:fs'
import {join} from 'node:path'
import {benchDirectory} from './cores.ts'

const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg'

/** Delve of Debian sid, beside whatever is installed: undefined where it was not put there. */
export function newestDelve(): string | undefined {
  const path = join(benchDirectory(), 'sid', 'root', 'usr/bin/dlv')
  return existsSync(path) ? path : undefined
}

/** Takes the package of Debian sid apart, in a folder of the bench's own: nothing is installed. */
export function fetchDelve(): void {
  const sid = join(benchDirectory(), 'sid')
  for (const folder of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(sid, folder), {recursive: true})
  const sources = join(sid, 'sources.list')
  writeFileSync(sources, `deb [signed-by=${KEYS}] http://deb.debian.org/debian sid main\n`)
  const options = {
    'Dir::Etc::SourceList': sources,
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::State::Lists': join(sid, 'lists'),
    'Dir::Cache': join(sid, 'cache'),
  }
  const apt = (...words: string[]): void => {
    const flags = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    execFileSync('apt-get', [...flags, '-qq', ...words], {cwd: sid, stdio: ['ignore', 'ignore', 'inherit']})
  }
  apt('update')
  apt('download', 'delve')
  const [file = ''] = readdirSync(sid).filter(name => /^delve_.*\.deb$/.test(name))
  execFileSync('dpkg-deb', ['-x', join(sid, file), join(sid, 'root')])
}
