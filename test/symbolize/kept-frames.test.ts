import test from 'ava'
import {type Address, toAddress} from '../../src/base/address.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {KeptFrames, LastingTables} from '../../src/symbolize/kept-frames.ts'
import type {SymbolSource} from '../../src/symbolize/module-symbols.ts'
import {type SourceFrame, unknownFrame} from '../../src/symbolize/source-frame.ts'
import {buildElf, ET, PF, PT} from '../support/elf-builder.ts'

const bytes = buildElf({
  type: ET.DYN,
  sections: [{name: '.text', bytes: new Uint8Array(0x40), address: 0x1000}],
  segments: [{type: PT.LOAD, flags: PF.R + PF.X, from: '.text', to: '.text'}],
})
const image = ElfFile.open(new BytesSource(bytes, '/lib/x.so'), new Diagnostics())

/** The library where one process has it. */
function loadedAt(bias: number): SymbolSource {
  return {
    path: '/lib/x.so',
    start: toAddress(bias + 0x1000),
    image,
    debug: {},
    linkAddress: address =>
      address >= bias + 0x1000 && address < bias + 0x2000 ? toAddress(address - bias) : undefined,
    toAddress: linkAddress => toAddress(linkAddress + bias),
  }
}

/** A file of the cache. */
class Store {
  readonly key: string
  bytes: Uint8Array | undefined
  writes = 0

  constructor(key = 'x') {
    this.key = key
  }

  read(): Uint8Array | undefined {
    return this.bytes
  }

  write(pieces: readonly Uint8Array[]): void {
    this.bytes = new Uint8Array(Buffer.concat(pieces))
    this.writes++
  }
}

function frameAt(module: SymbolSource, offset: number): SourceFrame {
  const place = {module: module.path, moduleOffset: null}
  return {...unknownFrame(place), function: 'f', file: 'x.c', line: 3, entry: toAddress(module.start + offset)}
}

const PLACE = {module: '/lib/x.so', moduleOffset: null}

function ask(kept: KeptFrames, module: SymbolSource, at: number, find: (told: Diagnostics) => SourceFrame[]) {
  const diagnostics = new Diagnostics()
  return kept.of(module, at as Address, {place: PLACE, diagnostics}, () => find(diagnostics))
}

function unasked(): never {
  throw new Error('it is known')
}

test('frames of one process are those of another, wherever the module is loaded', t => {
  const store = new Store()
  const first = new KeptFrames(() => store)
  const here = loadedAt(0x10000)
  t.deepEqual(
    ask(first, here, 0x1010, () => [frameAt(here, 8)]),
    [frameAt(here, 8)],
  )
  t.deepEqual(ask(first, here, 0x1010, unasked), [frameAt(here, 8)])
  first.keep()
  const there = loadedAt(0x70000)
  t.deepEqual(ask(new KeptFrames(() => store), there, 0x1010, unasked), [frameAt(there, 8)])
  t.deepEqual(
    ask(new KeptFrames(() => undefined), there, 0x1010, () => []),
    [],
  )
})

test('nothing is kept of a module of which something had to be told, nor an entry outside of it', t => {
  const store = new Store()
  const kept = new KeptFrames(() => store)
  const here = loadedAt(0x10000)
  ask(kept, here, 0x1010, () => [{...frameAt(here, 8), entry: toAddress(0x900000)}])
  kept.keep()
  t.is(store.bytes, undefined)
  ask(kept, here, 0x1020, told => {
    told.add('dwarf-unit', 'damaged')
    return [frameAt(here, 8)]
  })
  ask(kept, here, 0x1030, () => [frameAt(here, 8)])
  kept.keep()
  t.is(store.bytes, undefined)
})

test('the next core of a process has what the one before it found, and a table is not written for each of them', t => {
  const [store, tables] = [new Store(), new LastingTables()]
  for (let core = 0; core < 20; core++) {
    const [here, kept] = [loadedAt(0x10000 * (core + 1)), new KeptFrames(() => store, tables)]
    const at = (offset: number) => 0x1000 + offset
    if (core > 0) t.deepEqual(ask(kept, here, at(core - 1), unasked), [frameAt(here, 8)])
    ask(kept, here, at(core), () => [frameAt(here, 8)])
    kept.keep()
  }
  t.true(store.writes > 0 && store.writes < 15)
  const other = new KeptFrames(() => new Store('y'), tables)
  const here = loadedAt(0x10000)
  t.deepEqual(
    ask(other, here, 0x1000, () => []),
    [],
    'other files have other answers',
  )
})

test('what had to be told of a module is told of each core', t => {
  const tables = new LastingTables()
  let asked = 0
  for (const _core of [1, 2]) {
    const kept = new KeptFrames(() => new Store(), tables)
    ask(kept, loadedAt(0x10000), 0x1010, told => {
      asked++
      told.add('dwarf-unit', 'damaged')
      return []
    })
    kept.keep()
  }
  t.is(asked, 2)
})
