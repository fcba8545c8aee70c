import {spawn, spawnSync} from 'node:child_process'
import {once} from 'node:events'
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import {tmpdir} from 'node:os'
import {basename, join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {installPackage} from '../support/installed-package.ts'

const installed = installPackage()
const directory = mkdtempSync(join(tmpdir(), 'gotrace-cache-'))
test.after.always(() => {
  installed.remove()
  rmSync(directory, {recursive: true, force: true})
})

interface Answer {
  exitCode: number | null
  signal: NodeJS.Signals | null
  stdout: string
  stderr: string
}

function run(home: string, args: readonly string[] = ['--version'], entry = installed.entry, more = {}): Answer {
  const env = {PATH: process.env.PATH, HOME: home, ...more}
  const {status, signal, stdout, stderr} = spawnSync(process.execPath, [entry, ...args], {encoding: 'utf8', env})
  return {exitCode: status, signal, stdout, stderr}
}

function newHome(): string {
  return mkdtempSync(join(directory, 'home-'))
}

const folderOf = (home: string): string => join(home, '.cache', 'gotrace-core')
const filesOf = (home: string): string[] => readdirSync(folderOf(home)).map(name => join(folderOf(home), name))

/** The one file of a home, and the number that tells whether it was written anew. */
function cacheOf(home: string): {path: string; inode: number} {
  const [path = '', ...others] = filesOf(home)
  if (path === '' || others.length > 0) throw new Error(`${home}: not one file: ${[path, ...others].join(' ')}`)
  return {path, inode: statSync(path).ino}
}

/** A home with a cache that is in use. */
function usedHome(): {home: string; path: string; inode: number} {
  const home = newHome()
  run(home)
  return {home, ...cacheOf(home)}
}

const right = run(newHome())

test('a second run takes over what the first one compiled, and leaves it alone', t => {
  const {home, inode} = usedHome()
  t.deepEqual(run(home), right)
  t.is(cacheOf(home).inode, inode)
  t.is(statSync(folderOf(home)).mode & 0o777, 0o700)
  t.is(statSync(cacheOf(home).path).mode & 0o777, 0o600)
})

test('a limit of the heap, which Node is given or batch gives to its processes, leaves it alone', async t => {
  const {home, inode} = usedHome()
  t.deepEqual(run(home, ['--version'], installed.entry, {NODE_OPTIONS: '--max-old-space-size=300'}), right)
  t.is(cacheOf(home).inode, inode)
  const {core, sysroot} = await openFixture('cfault-segv-go1.27')
  const ofBatch = newHome()
  const inodesOf = (args: readonly string[]): number[] => {
    t.is(run(ofBatch, ['batch', '--quiet', '--sysroot', sysroot, core, ...args]).exitCode, 0)
    return filesOf(ofBatch).map(path => (basename(path).startsWith('code-') ? statSync(path).ino : 0))
  }
  const first = inodesOf([])
  t.deepEqual([inodesOf(['--memory', '300']), inodesOf(['--memory', '400'])], [first, first])
})

test("of a run that failed the code is kept until one has answered, and that of help is no command's", t => {
  const home = newHome()
  run(home, ['symbolize', '/nowhere', '0x1'])
  const failed = cacheOf(home)
  run(home, ['symbolize', '/nowhere', '0x1'])
  t.is(cacheOf(home).inode, failed.inode)
  const size = statSync(failed.path).size
  t.is(run(home, ['symbolize', '--no-cache', process.execPath, '0x1000000']).exitCode, 0)
  const answered = cacheOf(home)
  t.not(answered.inode, failed.inode)
  t.true(statSync(answered.path).size > size)
  for (const words of [
    ['--no-cache', process.execPath, '0x1000000'],
    ['/nowhere', '0x1'],
  ]) {
    run(home, ['symbolize', ...words])
    t.is(cacheOf(home).inode, answered.inode)
  }
  run(home, ['symbolize', '--help'])
  const [first, second] = filesOf(home).map(path => basename(path).split('-', 2).join('-'))
  t.deepEqual([first, second].sort(), ['code-help', 'code-symbolize'])
})

test('a process of batch keeps what its first core took, not what it took to start', async t => {
  const {core, sysroot} = await openFixture('cfault-segv-go1.27')
  const home = newHome()
  const sizeOf = (args: readonly string[]): number => {
    run(home, ['batch', '--quiet', '--sysroot', sysroot, ...args])
    return statSync(filesOf(home).find(path => basename(path).startsWith('code-batch-worker-')) ?? '').size
  }
  const size = sizeOf([core])
  t.is(sizeOf([core]), size, 'once')
  run(home, ['analyze', '--sysroot', sysroot, core, '--json'])
  const ofAnalyze = filesOf(home).find(path => basename(path).startsWith('code-analyze-')) ?? ''
  t.true(size > statSync(ofAnalyze).size * 0.8, `${size}, and analyze has ${statSync(ofAnalyze).size}`)
})

test('wherever a cache is damaged, the answer is right and the file is replaced', t => {
  const {home, path} = usedHome()
  const whole = readFileSync(path)
  const damage: [string, (bytes: Buffer) => Buffer][] = []
  const places = 40
  for (let index = 0; index < places; index++) {
    const at = Math.floor((whole.length * index) / places)
    damage.push([
      `a bit at ${at}`,
      bytes => {
        bytes[at] = (bytes[at] as number) ^ (1 << (index % 8))
        return bytes
      },
    ])
  }
  for (const length of [0, 1, 7, 8, 9, 64, 4096, whole.length >> 1, whole.length - 1]) {
    damage.push([`cut to ${length}`, bytes => bytes.subarray(0, length)])
  }
  for (const at of [8, 4096, whole.length >> 1, whole.length - 4096]) {
    damage.push([`zeros at ${at}`, bytes => bytes.fill(0, at, at + 4096)])
  }
  damage.push(['longer', bytes => Buffer.concat([bytes, Buffer.alloc(8)])])
  damage.push(['twice', bytes => Buffer.concat([bytes, bytes])])
  damage.push(['text', () => Buffer.from('no code at all\n'.repeat(1000))])
  for (const [title, hurt] of damage) {
    writeFileSync(path, hurt(Buffer.from(whole)))
    const damaged = readFileSync(path)
    t.deepEqual(run(home), right, title)
    t.false(readFileSync(path).equals(damaged), `${title}: replaced`)
  }
  const {inode} = cacheOf(home)
  t.deepEqual(run(home), right)
  t.is(cacheOf(home).inode, inode, 'the last replacement is whole')
})

test('a cache under the name of another build, or of another Node, is not taken', t => {
  const {home, path} = usedHome()
  const elsewhere = newHome()
  run(elsewhere, ['info', 'nowhere'])
  const [other = ''] = filesOf(elsewhere)
  writeFileSync(path, readFileSync(other))
  t.deepEqual(run(home), right)
  t.false(readFileSync(path).equals(readFileSync(other)))
})

test('code of another bundle is not run, though length and time of change are the same', t => {
  const copy = installPackage()
  const home = newHome()
  run(home, ['--version'], copy.entry)
  const file = join(copy.entry, '../../dist/main.cjs')
  const {atime, mtime} = statSync(file)
  const text = readFileSync(file, 'latin1')
  const at = text.indexOf('"version":"0.1.0"')
  t.true(at > 0)
  // Another build has another first line, as the build script writes it.
  const changed = text
    .replace('"version":"0.1.0"', '"version":"9.1.0"')
    .replace(/^\/\/ [0-9a-f]{16}/, `// ${'0'.repeat(16)}`)
  writeFileSync(file, changed, 'latin1')
  utimesSync(file, atime, mtime)
  t.regex(run(home, ['--version'], copy.entry).stdout, /^gotrace-core\/9\.1\.0 /)
  copy.remove()
})

test('two first runs at once, and ten, leave one whole file', async t => {
  const home = newHome()
  const env = {PATH: process.env.PATH, HOME: home}
  const runs = Array.from({length: 10}, () => spawn(process.execPath, [installed.entry, '--version'], {env}))
  const ends = await Promise.all(runs.map(child => once(child, 'exit')))
  t.deepEqual(
    ends.map(([code]) => code),
    Array.from({length: 10}, () => 0),
  )
  const {inode} = cacheOf(home)
  t.deepEqual(run(home), right)
  t.is(cacheOf(home).inode, inode)
})

test('on a full disk no part of a file is left', t => {
  const home = newHome()
  // A limit of the shell's stands for the disk: the write fails in the middle.
  const script = `trap '' XFSZ; ulimit -f 64; exec ${process.execPath} ${installed.entry} --version`
  const {status, stdout, stderr} = spawnSync('bash', ['-c', script], {
    encoding: 'utf8',
    env: {PATH: process.env.PATH, HOME: home},
  })
  t.deepEqual({exitCode: status, signal: null, stdout, stderr}, right)
  t.deepEqual(filesOf(home), [])
})

test('what a killed run was writing is removed, and what was used lately stays', t => {
  const home = newHome()
  mkdirSync(folderOf(home), {recursive: true, mode: 0o700})
  const put = (name: string, hours: number): void => {
    const path = join(folderOf(home), name)
    writeFileSync(path, 'x')
    const time = new Date(Date.now() - hours * 3600_000)
    utimesSync(path, time, time)
  }
  put('code-info-1.77-abc.tmp', 3)
  put('code-info-2.78-abc.tmp', 0)
  put('code-info-3', 24 * 8)
  put('code-info-4', 24 * 6)
  put('notes.txt', 24 * 100)
  run(home)
  const kept = readdirSync(folderOf(home)).filter(name => !name.startsWith('code-other-'))
  t.deepEqual(kept.sort(), ['code-info-2.78-abc.tmp', 'code-info-4', 'notes.txt'])
})

interface Place {
  title: string
  isUsed: boolean
  /** Makes the folder of a home what the title says. */
  arrange: (home: string) => void
}

const makeFolder = (home: string, mode: number): void => {
  mkdirSync(folderOf(home), {recursive: true})
  chmodSync(folderOf(home), mode)
}

const isRoot = process.getuid?.() === 0
const places: readonly Place[] = [
  {title: 'is its own', isUsed: true, arrange: home => makeFolder(home, 0o700)},
  {title: 'can be read by others', isUsed: true, arrange: home => makeFolder(home, 0o755)},
  {title: 'can be written by others', isUsed: false, arrange: home => makeFolder(home, 0o777)},
  {title: 'can be written by its group', isUsed: false, arrange: home => makeFolder(home, 0o770)},
  {
    title: 'lies in a folder that others can write to',
    isUsed: false,
    arrange: home => {
      makeFolder(home, 0o700)
      chmodSync(join(home, '.cache'), 0o777)
    },
  },
  {title: 'lies in a home that others can write to', isUsed: false, arrange: home => chmodSync(home, 0o777)},
  {
    title: 'is a link to a folder of the same user',
    isUsed: true,
    arrange: home => {
      mkdirSync(join(home, '.cache'))
      mkdirSync(join(home, 'elsewhere'), {mode: 0o700})
      symlinkSync('../elsewhere', folderOf(home))
    },
  },
  {
    title: 'is below a link to a folder on another disk',
    isUsed: true,
    arrange: home => {
      mkdirSync(join(home, 'disk'), {mode: 0o700})
      symlinkSync(join(home, 'disk'), join(home, '.cache'))
    },
  },
  {
    title: 'is a link to a folder that others can write to',
    isUsed: false,
    arrange: home => {
      mkdirSync(join(home, '.cache'))
      mkdirSync(join(home, 'elsewhere'))
      chmodSync(join(home, 'elsewhere'), 0o777)
      symlinkSync('../elsewhere', folderOf(home))
    },
  },
  {
    title: 'is a link to itself',
    isUsed: false,
    arrange: home => symlinkSync('.cache', join(home, '.cache')),
  },
]

for (const {title, isUsed, arrange} of places) {
  test(`a folder that ${title} is ${isUsed ? 'used' : 'not used'}`, t => {
    const home = newHome()
    arrange(home)
    t.deepEqual(run(home), right)
    const files = (readdirSync(home, {recursive: true}) as string[]).filter(name => /(^|\/)code-/.test(name))
    t.is(files.length > 0, isUsed)
  })
}

test('a file that others can write to is not taken, but replaced', t => {
  const {home, path, inode} = usedHome()
  chmodSync(path, 0o666)
  t.deepEqual(run(home), right)
  t.not(cacheOf(home).inode, inode)
  t.is(statSync(path).mode & 0o777, 0o600)
})

test('a link or a pipe in the place of the file is not opened, but replaced', t => {
  const {home, path} = usedHome()
  const victim = join(home, 'victim')
  writeFileSync(victim, readFileSync(path))
  rmSync(path)
  symlinkSync(victim, path)
  t.deepEqual(run(home), right)
  t.true(statSync(path).isFile())
  t.not(statSync(path).ino, statSync(victim).ino)
  rmSync(path)
  spawnSync('mkfifo', [path])
  t.deepEqual(run(home), right)
  t.true(statSync(path).isFile())
})

const asRoot = isRoot ? test : test.skip

asRoot('a folder or a file of another user is not used', t => {
  const foreign = usedHome()
  chownSync(foreign.path, 54321, 54321)
  t.deepEqual(run(foreign.home), right)
  t.not(cacheOf(foreign.home).inode, foreign.inode)
  for (const place of ['.', '.cache', '.cache/gotrace-core']) {
    const {home, path} = usedHome()
    truncateSync(path, 0)
    chownSync(join(home, place), 54321, 54321)
    t.deepEqual(run(home), right, place)
    t.is(statSync(path).size, 0, `${place}: nothing is written there`)
  }
})

asRoot('a disk without room and one that is read-only cost nothing but time', t => {
  const home = newHome()
  const mount = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k,mode=700', 'none', home])
  if (mount.status !== 0) {
    t.log('tmpfs cannot be mounted here')
    t.pass()
    return
  }
  try {
    t.deepEqual(run(home), right)
    t.deepEqual(filesOf(home), [])
    spawnSync('mount', ['-o', 'remount,ro', home])
    t.deepEqual(run(home), right)
  } finally {
    spawnSync('umount', [home])
  }
})
