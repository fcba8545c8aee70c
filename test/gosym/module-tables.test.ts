import test from 'ava'
import type {Address} from '../../src/base/address.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {MemoryReader} from '../../src/base/memory-reader.ts'
import {GoTables} from '../../src/gosym/func-table.ts'
import type {LastingRun} from '../../src/gosym/module-tables.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import {buildGoImage, memoryOf, TEXT} from '../support/pclntab-builder.ts'

const image = buildGoImage({
  minor: 24,
  functions: [
    {name: 'main.main', at: 0},
    {name: 'runtime.gopanic', at: 0x40},
  ],
  end: 0x60,
  files: ['/src/main.go'],
})
const whole = {start: image.start, end: image.end, image: {}}

function open(lasting: LastingRun | undefined, memory: MemoryReader = image.memory, minor = 24): GoTables {
  const tables = GoTables.open({
    memory,
    version: GoVersion.ofMinor(minor),
    firstModuledata: image.moduledata,
    candidates: [],
    diagnostics: new Diagnostics(),
    lasting: () => lasting,
  })
  if (!tables) throw new Error('no tables')
  return tables
}

const first = (tables: GoTables) => tables.functionAt(TEXT as Address)

test('the next process with the same file at the same place has the same functions', t => {
  const run = {...whole, image: {}}
  const known = first(open(run))
  t.is(known?.name, 'main.main')
  t.is(first(open(run)), known)
  t.not(first(open({...run, image: {}})), known)
})

test('another place in memory, another release and a process that holds the tables itself have their own', t => {
  const run = {...whole, image: {}}
  const known = first(open(run))
  t.not(first(open(undefined)), known)
  t.not(first(open({...run, end: (run.end - 1) as Address})), known)
  const again = first(open(run))
  t.not(first(open(run, image.memory, 25)), again)
})

test('what was read beside the file is of one process alone', t => {
  const run = {...whole, image: {}, end: (image.start + 16) as Address}
  t.is(first(open(run))?.name, 'main.main')
  t.is(first(open(run, renamedImage()))?.name, 'Main.main')
})

/** The same image, of which the process has written over a name. */
function renamedImage(): MemoryReader {
  const bytes = image.memory.read(image.start, image.end - image.start)?.slice() ?? new Uint8Array(0)
  bytes[Buffer.from(bytes).indexOf('main.main\0')] = 0x4d
  return memoryOf(bytes, image.start)
}
