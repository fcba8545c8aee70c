import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {GotraceError} from '../../src/base/errors.ts'
import {AddressSpace} from '../../src/elf/address-space.ts'
import {CoreFile} from '../../src/elf/core-file.ts'
import {ElfFile} from '../../src/elf/elf-file.ts'
import {findLoadedImages} from '../../src/elf/loaded-image.ts'
import {Module} from '../../src/elf/module.ts'
import {SymbolTable} from '../../src/elf/symtab.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {buildCore} from '../support/core-builder.ts'
import {buildElf, buildGnuBuildIdNote, buildSymbolSections, ET, PF, PT} from '../support/elf-builder.ts'

/** xorshift32: the same bytes are changed on every run. */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed
  return limit => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % limit
  }
}

const DYNAMIC = new BytesBuilder(0x3000)
  .u64(5, 0x1000, 6, 0x1000, 10, 64, 0x6ffffef5, 0x1010, 21, 0x500000, 0, 0)
  .build()

function image(withoutSectionHeaders: boolean): Uint8Array {
  return buildElf({
    type: ET.DYN,
    sections: [
      {name: '.note.gnu.build-id', bytes: buildGnuBuildIdNote('aabbccdd'), type: 7},
      {name: '.text', address: 0x1000, bytes: new BytesBuilder().u32(1, 1, 1, 6).zeros(100).build()},
      {name: '.eh_frame_hdr', address: 0x2000, bytes: new BytesBuilder().hex('011b033b 0c000000').zeros(32).build()},
      {name: '.dynamic', address: 0x3000, bytes: DYNAMIC},
      ...buildSymbolSections([
        {name: 'one', address: 0x1000, size: 8},
        {name: 'two', address: 0x1008},
      ]),
    ],
    segments: [
      {type: PT.LOAD, withHeaders: true, address: 0, fileSize: 0x800},
      {type: PT.LOAD, flags: PF.R + PF.X, from: '.text', to: '.eh_frame_hdr'},
      {type: PT.LOAD, flags: PF.R + PF.W, from: '.dynamic', memorySize: 0x800},
      {type: PT.DYNAMIC, from: '.dynamic'},
      {type: PT.GNU_EH_FRAME, from: '.eh_frame_hdr'},
      {type: PT.NOTE, from: '.note.gnu.build-id', alignment: 4},
    ],
    withoutSectionHeaders,
  })
}

const BASE = 0x7f0000000000

function core(): Uint8Array {
  const file = image(false)
  return buildCore({
    threads: [{tid: 1, signal: 11}, {tid: 2}],
    signal: {number: 11, code: 1, address: 8},
    auxv: [
      [3, BASE + 64],
      [33, BASE + 0x10000],
    ],
    mappings: [
      {start: BASE, end: BASE + 0x1000, path: '/lib/a.so'},
      {start: BASE + 0x1000, end: BASE + 0x4000, fileOffset: 0x1000, path: '/lib/a.so'},
    ],
    memory: [
      {address: BASE, bytes: new BytesBuilder().bytes(file.slice(0, 0x1000)).build(), flags: PF.R},
      {address: BASE + 0x1000, memorySize: 0x2000, flags: PF.R + PF.X},
      {address: BASE + 0x3000, bytes: new BytesBuilder().bytes(DYNAMIC).padTo(0x1000).build()},
      {address: BASE + 0x10000, bytes: file},
    ],
  })
}

function useImage(bytes: Uint8Array): void {
  const elf = ElfFile.open(new BytesSource(bytes, 'image'), new Diagnostics())
  for (const section of elf.sections) elf.section(section.name)
  for (const name of ['.eh_frame', '.dynsym', '.debug_info']) elf.section(name)
  void elf.buildId
  const table = SymbolTable.of(elf)
  table.find(toAddress(0x1004))
  table.lookup('two')
  elf.readAtLinkAddress(toAddress(0x1000), 64)
}

function useCore(bytes: Uint8Array): void {
  const diagnostics = new Diagnostics()
  const file = CoreFile.open(new BytesSource(bytes, 'core'), diagnostics)
  const elf = ElfFile.open(new BytesSource(image(false), 'a.so'), diagnostics)
  const modules = findLoadedImages(file, diagnostics).map(
    found => new Module({...found, loadBias: found.loadBias ?? BASE, image: elf}),
  )
  for (const found of modules) void found.image?.section('.dynsym')
  const space = new AddressSpace(file, modules)
  for (const at of [0, BASE, BASE + 0xffc, BASE + 0x1000, BASE + 0x3010, BASE + 0x10000, 2 ** 52]) {
    space.read(toAddress(at), 16)
    space.sourceOf(toAddress(at))
  }
}

function survives(use: (bytes: Uint8Array) => void, bytes: Uint8Array): string | undefined {
  try {
    use(bytes)
  } catch (error) {
    if (!(error instanceof GotraceError)) return String((error as Error).stack)
  }
  return undefined
}

const CASES: [string, (bytes: Uint8Array) => void, Uint8Array][] = [
  ['an image', useImage, image(false)],
  ['an image without section headers', useImage, image(true)],
  ['a core', useCore, core()],
]

for (const [name, use, whole] of CASES) {
  test(`${name} that is whole raises nothing`, t => {
    t.notThrows(() => use(whole))
  })

  test(`${name}, cut anywhere, gives a typed error or a result`, t => {
    const random = randomNumbers(0x5eed)
    for (let round = 0; round < 400; round++) {
      const size = round < 200 ? round * 3 : random(whole.length)
      t.is(survives(use, whole.slice(0, size)), undefined, `cut at ${size}`)
    }
  })

  test(`${name}, bytes changed, gives a typed error or a result`, t => {
    const random = randomNumbers(0xc0de)
    // Headers and notes are where a byte means something; the second half of the rounds goes anywhere.
    const dense = Math.min(whole.length, 0x900)
    for (let round = 0; round < 2500; round++) {
      const bytes = whole.slice()
      for (let change = random(4); change >= 0; change--) {
        const at = random(round < 2000 ? dense : whole.length)
        bytes[at] = round % 3 === 0 ? 0xff : random(256)
      }
      t.is(survives(use, bytes), undefined, `round ${round}`)
    }
  })
}
