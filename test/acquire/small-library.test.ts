// A library whose file fits one page, in cores without the header pages of files (coredump_filter without bit 4).
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {join} from 'node:path'
import test from 'ava'
import {openProcess} from '../../src/acquire/open-process.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {CoreFile} from '../../src/elf/core-file.ts'
import {findLoadedImages} from '../../src/elf/loaded-image.ts'
import {buildCore, type MappingSpec, type MemorySpec} from '../support/core-builder.ts'
import {buildElf, PF, PT} from '../support/elf-builder.ts'

const PAGE = 0x1000
const BASE = 0x7f0000000000
const directory = mkdtempSync(join(tmpdir(), 'gotrace-small-'))
test.after.always(() => rmSync(directory, {recursive: true, force: true}))

/** As `ld -z noseparate-code -z max-page-size=…` links it: code and headers, and data `distance` above them. */
function library(distance: number, dataOffset = 0): Uint8Array {
  const data = {offset: dataOffset + 0xe68, address: distance + dataOffset + 0xe68, fileSize: 0x1a0}
  const headers = buildElf({
    withoutSectionHeaders: true,
    segments: [
      {type: PT.LOAD, flags: PF.R + PF.X, offset: 0, address: 0, fileSize: 0x50c},
      {type: PT.LOAD, flags: PF.R + PF.W, ...data, memorySize: 0x1a8},
    ],
  })
  const file = new Uint8Array(dataOffset + 0x1008)
  file.set(headers)
  return file
}

interface Load {
  at: number
  path?: string
  distance: number
  /** Mapped in one piece first, of which the part between the segments is left. */
  hasGap: boolean
  isDataDumped: boolean
}

/** What NT_FILE and the program headers of the core say of a library; its code is not in the core. */
function loaded({at, path = '/lib/libt.so', distance, hasGap, isDataDumped}: Load) {
  const file = library(distance)
  const places = [
    {start: at, size: PAGE, fileOffset: 0, flags: PF.R + PF.X},
    ...(hasGap ? [{start: at + PAGE, size: distance - PAGE, fileOffset: PAGE, flags: 0}] : []),
    {start: at + distance, size: PAGE, fileOffset: 0, flags: PF.R + PF.W, bytes: file.slice(0, PAGE)},
    {start: at + distance + PAGE, size: PAGE, fileOffset: PAGE, flags: PF.R + PF.W},
  ]
  const mappings: MappingSpec[] = places.map(({start, size, fileOffset}) => ({
    start,
    end: start + size,
    fileOffset,
    path,
  }))
  const memory: MemorySpec[] = places.map(({start, size, flags, bytes}) => ({
    address: start,
    memorySize: size,
    flags,
    ...(bytes && isDataDumped ? {bytes} : {}),
  }))
  return {mappings, memory}
}

function imagesOf(...loads: Load[]): [number, number][] {
  const parts = loads.map(loaded)
  const core = buildCore({
    mappings: parts.flatMap(({mappings}) => mappings),
    memory: parts.flatMap(({memory}) => memory),
  })
  const images = findLoadedImages(CoreFile.open(new BytesSource(core, 'core'), new Diagnostics()), new Diagnostics())
  return images.map(({start, end}) => [start - BASE, end - BASE])
}

for (const isDataDumped of [true, false]) {
  const layout = {at: BASE, isDataDumped}
  const which = isDataDumped ? 'whose data is in the core' : 'of which the core holds nothing'
  test(`a library ${which} is one image, though its data begins at file offset 0 too`, t => {
    t.deepEqual(imagesOf({...layout, distance: PAGE, hasGap: false}), [[0, 3 * PAGE]])
    t.deepEqual(imagesOf({...layout, distance: 16 * PAGE, hasGap: true}), [[0, 18 * PAGE]])
  })

  test(`a library ${which} that is loaded twice is two images`, t => {
    const second = BASE + 3 * PAGE
    const twice = [BASE, second].map(at => ({...layout, at, distance: PAGE, hasGap: false}))
    t.deepEqual(imagesOf(...twice), [
      [0, 3 * PAGE],
      [3 * PAGE, 6 * PAGE],
    ])
  })
}

test('data that lies apart is known by the headers that its page shows', t => {
  t.deepEqual(imagesOf({at: BASE, distance: 16 * PAGE, hasGap: false, isDataDumped: true}), [[0, 18 * PAGE]])
})

test('a file agrees with mappings of which one is what lies between its segments', async t => {
  const path = join(directory, 'libt.so')
  const distance = 0x1ff000
  writeFileSync(path, library(0x200000, distance))
  const mappings = [
    {start: BASE, end: BASE + PAGE, fileOffset: 0, path},
    {start: BASE + PAGE, end: BASE + 0x3ff000, fileOffset: PAGE, path},
    {start: BASE + 0x3ff000, end: BASE + 0x400000, fileOffset: 0x1ff000, path},
    {start: BASE + 0x400000, end: BASE + 0x401000, fileOffset: 0x200000, path},
  ]
  const memory = mappings.map(({start, end}, index) => ({
    address: start,
    memorySize: end - start,
    flags: index === 0 ? PF.R + PF.X : PF.R,
  }))
  const corePath = join(directory, 'core')
  writeFileSync(corePath, buildCore({mappings, memory}))
  const diagnostics = new Diagnostics()
  const dead = await openProcess(corePath, {diagnostics})
  t.deepEqual(
    dead.modules.map(({imageOrigin, mismatch}) => [imageOrigin, mismatch]),
    [['file', undefined]],
  )
  dead.close()
})
