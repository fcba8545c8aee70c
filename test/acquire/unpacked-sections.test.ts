// What is unpacked of a file is kept for the next core, and of that file as it is alone.
import {copyFileSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {OpenFiles} from '../../src/acquire/open-files.ts'
import {BoundedCache} from '../../src/base/bounded-cache.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'

const directory = mkdtempSync(join(tmpdir(), 'gotrace-unpacked-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))
const {executable} = await openFixture('cfault-segv-go1.27')
const unpacked = new BoundedCache<string, Uint8Array>(256 * 1024 * 1024, bytes => bytes.length)

/** A section as a run of its own has it. */
function read(path: string, cache?: typeof unpacked): Uint8Array | undefined {
  const files = new OpenFiles({diagnostics: new Diagnostics(), unpacked: cache})
  try {
    return files.elf(path)?.section('.debug_info')?.bytes
  } finally {
    files.close()
  }
}

test('the next run has the same bytes, without unpacking them again', t => {
  const first = read(executable, unpacked)
  t.true((first?.length ?? 0) > 0)
  t.is(read(executable, unpacked), first)
  t.not(read(executable), first, 'without a cache each unpacks its own')
  t.deepEqual(read(executable), first)
})

test('a file that has changed since is another one', t => {
  const path = join(directory, 'exe')
  copyFileSync(executable, path)
  const first = read(path, unpacked)
  t.not(first, read(executable, unpacked), 'of another path')
  const bytes = readFileSync(path)
  writeFileSync(path, bytes)
  utimesSync(path, 1_700_000_000, 1_700_000_000)
  const again = read(path, unpacked)
  t.not(again, first)
  t.deepEqual(again, first)
})
