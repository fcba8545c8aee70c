// Sizes that a header claims: one changed byte says that a segment has 2^47 bytes.
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openFixture} from '../../lab/fixtures.ts'
import {runCommand} from '../support/run-command.ts'

const fixture = await openFixture('cfault-segv-go1.27-nosections')
const directory = mkdtempSync(join(tmpdir(), 'gotrace-sizes-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

const PT_LOAD = 1
const PHDR = {size: 56, offset: 8, address: 16, fileSize: 32, memorySize: 40} as const

interface Load {
  /** Of its program header in the file. */
  at: number
  offset: number
  address: number
}

function loadsOf(view: DataView, start = 0): Load[] {
  const table = start + Number(view.getBigUint64(start + 32, true))
  const count = view.getUint16(start + 56, true)
  return Array.from({length: count}, (_, index) => table + index * PHDR.size)
    .filter(at => view.getUint32(at, true) === PT_LOAD)
    .map(at => ({
      at,
      offset: Number(view.getBigUint64(at + PHDR.offset, true)),
      address: Number(view.getBigUint64(at + PHDR.address, true)),
    }))
}

function mutated(source: string, name: string, change: (view: DataView) => void): string {
  const bytes = readFileSync(source)
  change(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength))
  const path = join(directory, name)
  writeFileSync(path, bytes)
  return path
}

/** A root without files: the program is lost. */
const root = join(directory, 'root')
mkdirSync(root)
const LOST = ['--sysroot', root]

for (const index of [0, 1, 2, 3]) {
  const core = mutated(fixture.core, `core-${index}`, view => {
    const program = loadsOf(view).find(({address}) => address === 0x400000)
    const load = loadsOf(view, program?.offset)[index]
    view.setUint8((load?.at ?? 0) + PHDR.memorySize + 5, 0x7f)
  })
  for (const command of ['info', 'analyze', 'threads']) {
    test(`${command} ends where the header page in a core claims 2^47 bytes for segment ${index}`, t => {
      t.is(runCommand([command, core, '--quiet', '--json', ...LOST], {seconds: 60}).exitCode, 0)
    })
  }
}

for (const index of [0, 1, 2]) {
  const program = mutated(fixture.executable, `program-${index}`, view => {
    const load = loadsOf(view)[index]
    view.setBigUint64((load?.at ?? 0) + PHDR.fileSize, 2n ** 40n, true)
    view.setBigUint64((load?.at ?? 0) + PHDR.memorySize, 2n ** 40n, true)
  })
  test(`symbolize and analyze end where a file claims 2^40 bytes for segment ${index}`, t => {
    t.is(runCommand(['symbolize', program, '0x401000', '--quiet'], {seconds: 60}).exitCode, 0)
    t.is(runCommand(['analyze', fixture.core, '-e', program, '--quiet'], {seconds: 60}).exitCode, 0)
  })
}
