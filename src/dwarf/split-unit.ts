import type {Diagnostics} from '../base/diagnostics.ts'
import type {SectionSource} from '../base/section-source.ts'
import {DW_SECT_V2, DW_SECT_V5, DW_TAG} from './constants.ts'
import {type Contribution, DebugSections} from './debug-sections.ts'
import {DwarfFile} from './dwarf-file.ts'
import type {Unit} from './unit.ts'

/** Finds the file with a unit's split part: the .dwo that it names, or a .dwp package. */
export type SplitUnitFinder = (
  name: string,
  compDir: string | undefined,
  dwoId: bigint | undefined,
) => SectionSource | undefined

/** Sections of a package index that are read; DWARF 5 defines 8. */
const COLUMN_LIMIT = 32

/** The split part of a skeleton unit; undefined where it has none or it cannot be found. @throws FormatError */
export function openSplitUnit(skeleton: Unit, find: SplitUnitFinder, diagnostics: Diagnostics): Unit | undefined {
  const name = skeleton.dwoName
  const id = skeleton.dwoId
  if (name === undefined) return undefined
  const source = find(name, skeleton.compDir, id)
  if (!source) {
    diagnostics.add('split-dwarf-missing', `${skeleton.file.sections.name}: ${name} not found`, {
      where: skeleton.file.sections.name,
      hint: 'put the .dwo files, or a .dwp file beside the executable, where the build left them',
    })
    return undefined
  }
  const contributions = id === undefined ? undefined : findContributions(source, id)
  if (contributions === 'absent') return undefined
  const sections = new DebugSections(source, '.dwo', contributions)
  const file = new DwarfFile(sections, diagnostics, {skeleton, supplementary: skeleton.file.supplementary})
  return findUnit(file, id)
}

function findUnit(file: DwarfFile, id: bigint | undefined): Unit | undefined {
  let first: Unit | undefined
  for (let index = 0; index < file.info.count; index++) {
    const unit = file.info.unit(index)
    if (!unit || unit.rootTag !== DW_TAG.compile_unit) continue
    if (id !== undefined && unit.dwoId === id) return unit
    first ??= unit
  }
  return first
}

/**
 * The shares that a unit has in the sections of a package, by its `.debug_cu_index` (DWARF 5, 7.3.5.3): a hash table of
 * ids, then a row of offsets and a row of sizes for each. undefined: the source is no package.
 */
function findContributions(
  source: SectionSource,
  id: bigint,
): ReadonlyMap<string, Contribution> | 'absent' | undefined {
  const sections = new DebugSections(source)
  const cursor = sections.cursor('.debug_cu_index')
  if (cursor.size === 0) return undefined
  const version = cursor.u32() // 2 in GNU packages; in DWARF 5 a u16 and two bytes of padding
  const columns = cursor.u32()
  const units = cursor.u32()
  const slots = cursor.u32()
  if (columns > COLUMN_LIMIT) throw cursor.error(`${columns} columns in a package index`, 4)
  const hashes = cursor.slice(slots * 8)
  const rows = cursor.slice(slots * 4)
  let row = 0
  for (let slot = 0; slot < slots; slot++) {
    const used = rows.u32()
    if (hashes.word() === id && used > 0) row = used
  }
  if (row === 0 || row > units) return 'absent'
  const names = version === 2 ? DW_SECT_V2 : DW_SECT_V5
  const columnNames: (string | undefined)[] = []
  for (let column = 0; column < columns; column++) columnNames.push(names[cursor.u32()])
  const offsets = cursor.slice(units * columns * 4)
  const sizes = cursor.slice(units * columns * 4)
  offsets.seek((row - 1) * columns * 4)
  sizes.seek((row - 1) * columns * 4)
  const contributions = new Map<string, Contribution>()
  for (const name of columnNames) {
    const contribution = {offset: offsets.u32(), size: sizes.u32()}
    if (name !== undefined) contributions.set(name, contribution)
  }
  return contributions
}
