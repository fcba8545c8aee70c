import {readFileSync} from 'node:fs'
import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {GoVersion} from '../../src/gosym/version.ts'
import {G_TABLE, M_TABLE} from '../../src/runtime-model/layout-tables.ts'
import {layoutsFromTables} from '../../src/runtime-model/layouts-by-version.ts'
import {type DeclaredLayout, layoutsFromDwarf} from '../../src/runtime-model/layouts-from-dwarf.ts'
import {RemoteStruct} from '../../src/runtime-model/remote-struct.ts'
import {STRUCT_FIELDS, StructLayout, type StructName} from '../../src/runtime-model/struct-layout.ts'

type Declared = Record<string, {size: number; fields: Record<string, [offset: number, size: number]>}>

/** What the DWARF of a cgo program built by each toolchain declares, cut down to the fields we use. */
const declaredByRelease = JSON.parse(readFileSync(new URL('declared-layouts.json', import.meta.url), 'utf8')) as Record<
  string,
  Declared
>

function query(declared: Declared): (names: readonly string[]) => Map<string, DeclaredLayout> {
  return names => {
    const found = new Map<string, DeclaredLayout>()
    for (const name of names) {
      const layout = declared[name]
      if (!layout) continue
      const fields = Object.entries(layout.fields).map(([path, [offset, size]]) => [path, {offset, size}] as const)
      found.set(name, {size: layout.size, fields: new Map(fields)})
    }
    return found
  }
}

const go = (minor: number, patch = 0): GoVersion => GoVersion.ofMinor(minor, patch)

for (const [release, declared] of Object.entries(declaredByRelease)) {
  test(`the tables for ${release} say what the DWARF of that toolchain says`, t => {
    const [, minor = 0, patch = 99] = release.split('.').map(Number)
    const tables = layoutsFromTables(go(minor, patch))
    const dwarf = layoutsFromDwarf(query(declared))
    for (const name of Object.keys(STRUCT_FIELDS) as StructName[]) {
      const layout = dwarf[name] as StructLayout<StructName> | undefined
      if (!layout) {
        t.is([...tables[name].fields()].length, 0, `${name} is in no DWARF, so in no table`)
        continue
      }
      t.is(layout.origin, 'dwarf')
      const byName = (fields: Iterable<[string, number]>) => [...fields].sort((a, b) => (a[0] < b[0] ? -1 : 1))
      t.deepEqual(byName(tables[name].fields()), byName(layout.fields()), name)
    }
  })
}

test('no release moved the head of a g or an m: a search knows one before anything tells the release', t => {
  for (const row of ['stack.lo', 'stack.hi', 'stackguard0', 'm'] as const) t.is(new Set(G_TABLE.rows[row]).size, 1, row)
  t.is(new Set(M_TABLE.rows.g0).size, 1)
})

test('patch releases that moved fields have columns of their own', t => {
  t.is(layoutsFromTables(go(9, 2)).m.offset('curg'), 152)
  t.is(layoutsFromTables(go(9, 3)).m.offset('curg'), 192)
  t.is(layoutsFromTables(go(16, 3)).m.offset('vdsoSP'), 824)
  t.is(layoutsFromTables(go(16, 4)).m.offset('vdsoSP'), 832)
})

test('a runtime whose mutexes have a rank has other places behind them, and its version says so', t => {
  const places = (text: string) => {
    const {schedt, bubble, m} = layoutsFromTables(GoVersion.parse(text) as GoVersion)
    return [schedt.offset('freem'), schedt.offset('procresizetime'), bubble.offset('root'), m.offset('vdsoSP')]
  }
  t.deepEqual(places('go1.19.8 X:staticlockranking'), [280, 352, undefined, 800])
  t.deepEqual(places('go1.24.4 X:staticlockranking'), [288, 360, 120, 880])
  t.deepEqual(places('go1.26.11 X:nogreenteagc,staticlockranking'), [320, 392, 120, 896])
  t.deepEqual(places('go1.27.4-X:staticlockranking'), [288, 360, 104, 896])
  t.deepEqual(places('go1.27.4-X:nogreenteagc'), [256, 328, 88, 896])
})

test('a release after the last table gets the last column, one before the first the first', t => {
  t.is(layoutsFromTables(go(40)).g.offset('startpc'), layoutsFromTables(go(27)).g.offset('startpc'))
  t.is(layoutsFromTables(GoVersion.parse('go2.0') as GoVersion).g.offset('startpc'), 304)
  t.is(layoutsFromTables(go(3)).g.offset('startpc'), 336)
})

test('a wait reason was a string up to 1.10 and is a byte since', t => {
  t.is(layoutsFromTables(go(10)).g.offset('waitreason'), undefined)
  t.is(layoutsFromTables(go(10)).g.offset('waitreason.len'), 176)
  t.is(layoutsFromTables(go(11)).g.offset('waitreason'), 176)
  const fields = new Map(Object.entries({waitreason: {offset: 168, size: 16}, goid: {offset: 152, size: 8}}))
  const old = layoutsFromDwarf(() => new Map([['runtime.sudog', {size: 8, fields: new Map()}]]))
  t.is(old.sudog, undefined, 'a declaration without a usable field is none')
  const incomplete = layoutsFromDwarf(() => new Map([['runtime.g', {size: 376, fields}]]))
  t.is(incomplete.g, undefined, 'a g without its stack is not believed')
})

test('a declared field that reaches past its structure is dropped', t => {
  const fields = new Map([
    ['g', {offset: 0, size: 8}],
    ['c', {offset: 80, size: 8}],
    ['elem', {offset: Number.NaN, size: 8}],
  ])
  const layout = layoutsFromDwarf(() => new Map([['runtime.sudog', {size: 64, fields}]])).sudog
  t.deepEqual([...(layout?.fields() ?? [])], [['g', 0]])
})

test('a remote structure is one read, and fields the release lacks read as zero', t => {
  const bytes = new Uint8Array(64)
  new DataView(bytes.buffer).setBigUint64(8, 0xffff_ffff_ffff_ffffn, true)
  new DataView(bytes.buffer).setUint32(24, 0xc000_0000, true)
  const reads: number[] = []
  const memory = {
    read(address: number, length: number) {
      reads.push(length)
      return address === 0x1000 && length <= 64 ? bytes.subarray(0, length) : undefined
    },
  }
  const layout = StructLayout.of('p', 'table', [
    ['m', 8],
    ['id', 24],
  ])
  const processor = RemoteStruct.read(memory, toAddress(0x1000), layout)
  t.is(processor?.word('m'), 0xffff_ffff_ffff_ffffn)
  t.is(processor?.pointer('m'), toAddress(0), 'no double holds it')
  t.is(processor?.number('m'), Number.POSITIVE_INFINITY)
  t.is(processor?.u32('id'), 0xc000_0000)
  t.is(processor?.word('sysmontick.schedwhen'), 0n)
  t.deepEqual(reads, [28])
  t.is(RemoteStruct.read(memory, toAddress(0x2000), layout), undefined)
  t.is(RemoteStruct.read(memory, toAddress(0), layout), undefined)
})
