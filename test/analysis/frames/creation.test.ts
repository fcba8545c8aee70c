import test from 'ava'
import {Creation} from '../../../src/analysis/frames/creation.ts'
import type {Visibility} from '../../../src/analysis/frames/go-frames.ts'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {type Address, toAddress} from '../../../src/base/address.ts'
import {GoVersion} from '../../../src/gosym/version.ts'
import type {Goroutine} from '../../../src/runtime-model/goroutine.ts'
import {everyRelease} from '../../support/release-rows.ts'

const FUNCTIONS = [
  {name: 'main.serve', entry: 0x1000, end: 0x2000},
  {name: 'runtime.gcenable', entry: 0x2000, end: 0x3000},
]

function creationOf(version: GoVersion): Creation {
  const asked = (at: Address, {name, entry}: (typeof FUNCTIONS)[number]) => ({
    name,
    entry: toAddress(entry),
    fileLine: (pc: Address) => ({file: 'f.go', line: pc - entry}),
    inlineFrames: () => [{name, file: 'f.go', line: at - entry}],
  })
  const tables = {
    functionAt(pc: Address) {
      const found = FUNCTIONS.find(({entry, end}) => pc >= entry && pc < end)
      return found && asked(pc, found)
    },
  }
  const memory = {moduleAt: () => undefined}
  return new Creation({version, tables, memory} as unknown as DeadProcess)
}

const GOPC = toAddress(0x1020)
const rules = (version: GoVersion, fields: Partial<Visibility> = {}): Visibility => ({
  version,
  level: 1,
  whole: false,
  ...fields,
})

test('who created a goroutine is told by its go statement, and from 1.21 on in which goroutine', t => {
  const rows = [
    [7, null],
    [21, 5],
  ] as const
  for (const {version, form} of everyRelease<number | null>(rows)) {
    const created = creationOf(version).report(GOPC, 7, 5, rules(version))
    t.deepEqual(created, {function: 'main.serve', file: 'f.go', line: 0x1f, offset: '0x20', goroutine: form})
  }
})

test('the line is that of the statement: the pc before the return address, but for the entry', t => {
  const version = GoVersion.ofMinor(27)
  const created = creationOf(version).report(toAddress(0x1000), 7, 0, rules(version))
  t.deepEqual(created, {function: 'main.serve', file: 'f.go', line: 0, offset: null, goroutine: null})
})

test('the main goroutine, one without a statement and one in no Go code have no creator', t => {
  const version = GoVersion.ofMinor(27)
  const creation = creationOf(version)
  t.is(creation.report(GOPC, 1, 0, rules(version)), null)
  t.is(creation.report(toAddress(0), 7, 0, rules(version)), null)
  t.is(creation.report(toAddress(0x9000), 7, 0, rules(version)), null)
})

test('a creator in the runtime is shown at level 2 and for a whole goroutine', t => {
  const version = GoVersion.ofMinor(27)
  const creation = creationOf(version)
  const gopc = toAddress(0x2010)
  t.is(creation.report(gopc, 2, 1, rules(version)), null)
  t.is(creation.report(gopc, 2, 1, rules(version, {level: 2}))?.function, 'runtime.gcenable')
  t.is(creation.report(gopc, 2, 1, rules(version, {whole: true}))?.function, 'runtime.gcenable')
})

test('ancestors have the frames that the runtime saved, looked up at the return address itself', t => {
  const rows = [
    [11, 100],
    [21, 50],
  ] as const
  for (const {version, form: limit} of everyRelease<number>(rows)) {
    const ancestorOf = (count: number) => ({
      goid: 3,
      gopc: GOPC,
      pcs: Array.from({length: count}, () => toAddress(0x1030)),
    })
    const goroutine = {ancestors: [ancestorOf(1), ancestorOf(limit)]} as unknown as Goroutine
    const [short, long] = creationOf(version).reportAncestors(goroutine, rules(version))
    t.like(short, {goroutine: 3, elided: false})
    t.like(short?.frames[0], {function: 'main.serve', line: 0x30, offset: '0x30', args: '...'})
    t.is(short?.createdBy?.function, 'main.serve')
    t.is(long?.elided, true, `${version.text}: as many as it saves at most`)
  }
})

test('a goroutine without ancestors has none', t => {
  const version = GoVersion.ofMinor(27)
  t.deepEqual(creationOf(version).reportAncestors({ancestors: []} as unknown as Goroutine, rules(version)), [])
})
