// Nothing that lies in a folder of crashes keeps the next crash from being kept.
import {spawnSync} from 'node:child_process'
import {chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {CrashFolder} from '../../src/acquire/crash-folder.ts'

const root = mkdtempSync(join(tmpdir(), 'gotrace-crash-folder-'))
test.after.always(() => rmSync(root, {recursive: true, force: true}))
chmodSync(root, 0o755)
let folders = 0
function newFolder(): string {
  const path = join(root, String(folders++))
  mkdirSync(path)
  return path
}

const LIMITS = {count: 2, size: 1024, free: 0, perMinute: 1}
const LINE = {
  id: '1',
  time: '2026-01-01T00:00:00.000Z',
  state: 'arrived',
  program: '/x',
  pid: 7,
  signal: 11,
  signature: null,
  path: null,
  reason: null,
} as const

const keep = (folder: string) =>
  new CrashFolder(folder, LIMITS).store('new', async sink => sink(Uint8Array.of(1, 2, 3)))

test('a journal that is a FIFO is not waited for', t => {
  const folder = newFolder()
  t.is(spawnSync('mkfifo', [join(folder, 'collect.ndjson')]).status, 0)
  t.false(new CrashFolder(folder, LIMITS).arrive(LINE))
})

test('links that lead in circles, folders and links for packages', async t => {
  const folder = newFolder()
  for (const name of ['a.gtc', '.spill-1']) symlinkSync(name, join(folder, name))
  mkdirSync(join(folder, 'b.gtc'))
  mkdirSync(join(folder, '.collect-4000000-x.tmp', 'inner'), {recursive: true})
  t.deepEqual(await keep(folder), {path: join(folder, 'new.gtc')})
  t.deepEqual(readdirSync(folder).sort(), ['.spill-1', 'a.gtc', 'b.gtc', 'new.gtc'])
})

test.serial('what may not be removed, and a folder that may not be read', async t => {
  const [sticky, hidden] = [newFolder(), newFolder()]
  for (const [index, name] of ['.collect-4000000-x.tmp', 'a.gtc', 'b.gtc', 'c.gtc'].entries()) {
    writeFileSync(join(sticky, name), 'x')
    utimesSync(join(sticky, name), index + 1, index + 1)
  }
  chmodSync(sticky, 0o1777)
  chmodSync(hidden, 0o333)
  // Root may do everything; elsewhere the files are this user's.
  const isRoot = process.geteuid?.() === 0
  if (isRoot) process.seteuid?.(65_534)
  try {
    t.deepEqual(await keep(sticky), {path: join(sticky, 'new.gtc')})
    t.deepEqual(await keep(hidden), {path: join(hidden, 'new.gtc')})
  } finally {
    if (isRoot) process.seteuid?.(0)
    chmodSync(hidden, 0o755)
  }
})
