import {closeSync, openSync, readFileSync, readSync, statSync} from 'node:fs'
import {addCfiPlaces} from './cfi-places.ts'
import {addNotePlaces, CoreMemory} from './core-places.ts'
import {addElfPlaces, sectionsOf} from './elf-places.ts'
import {PlaceCollector, type PlaceList} from './place.ts'
import {addReadPlaces} from './read-places.ts'
import {addRuntimePlaces} from './runtime-places.ts'
import type {WorkingCopy} from './working-copy.ts'

/** Program headers of the cores that are committed lie well within. */
const CORE_HEAD_SIZE = 65_536

export interface Places extends PlaceList {
  /** Link addresses of the program that its stacks lead through. */
  readonly programPcs: readonly number[]
}

/** Every place of an undamaged crash that something reads. */
export async function findPlaces(copy: WorkingCopy): Promise<Places> {
  const places = new PlaceCollector()
  for (const [name, path] of copy.files) places.addFile(name, statSync(path).size)
  const core = copy.files.get('core') as string
  const {loads, notes} = addElfPlaces(places, 'core', readPart(core, 0, CORE_HEAD_SIZE))
  const memory = new CoreMemory(loads)
  const threads = notes.flatMap(({offset, size}) => addNotePlaces(places, readPart(core, offset, size), offset))
  for (const thread of threads) memory.addThread(places, thread)
  // The header page that a core holds of each module stands for a file that is lost.
  for (const {offset} of loads) addHeaderPage(places, core, offset)
  const {pcs, modules} = await addRuntimePlaces(places, copy, memory)
  const all = [...threads.map(({rip}) => rip), ...pcs]
  const program = copy.fixture.meta.files.find(({name}) => name === copy.fixture.meta.executable)
  let programPcs: readonly number[] = []
  for (const {name, path} of copy.fixture.meta.files) {
    const bias = modules.find(module => module.path === path)?.loadBias ?? 0
    const linkPcs = all.map(pc => pc - bias)
    if (name === program?.name) programPcs = linkPcs
    addModuleFile(places, copy, name, linkPcs)
  }
  if (copy.files.has('debug')) addModuleFile(places, copy, 'debug', programPcs)
  await addReadPlaces(places, copy)
  return {...places.list(), programPcs: programPcs.filter(pc => pc > 0)}
}

/** A part of a file that is too large to be read whole. */
function readPart(path: string, offset: number, size: number): Uint8Array {
  const bytes = new Uint8Array(size)
  const file = openSync(path, 'r')
  try {
    return bytes.subarray(0, readSync(file, bytes, 0, size, offset))
  } finally {
    closeSync(file)
  }
}

const ELF_MAGIC = 0x464c457f
/** The ELF header, and program headers as far as any module here has them. */
const HEADER_PAGE_SIZE = 768

function addHeaderPage(places: PlaceCollector, core: string, offset: number): void {
  const page = readPart(core, offset, HEADER_PAGE_SIZE)
  if (page.length < HEADER_PAGE_SIZE || new DataView(page.buffer).getUint32(0, true) !== ELF_MAGIC) return
  for (let at = offset + 4; at < offset + HEADER_PAGE_SIZE; at += 4) {
    places.add({file: 'core', kind: 'core: header pages of modules', at, size: 4, holds: 'size'})
  }
}

function addModuleFile(places: PlaceCollector, copy: WorkingCopy, name: string, linkPcs: readonly number[]): void {
  const path = copy.files.get(name)
  if (path === undefined) return
  const bytes = readFileSync(path)
  const kind = name === copy.fixture.meta.executable ? 'program' : name === 'debug' ? 'debug file' : 'library'
  addElfPlaces(places, name, bytes, kind)
  for (const section of sectionsOf(bytes)) {
    if (section.name === '.eh_frame') {
      addCfiPlaces(places, bytes, {file: name, kind: `${kind}: CFI`, section}, linkPcs)
    }
    if (section.name === '.eh_frame_hdr') {
      places.add({
        file: name,
        kind: `${kind}: CFI`,
        at: section.offset,
        size: Math.min(section.size, 64),
        holds: 'bytes',
      })
    }
  }
}
