import type {Cursor} from '../base/cursor.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import type {Extent} from '../base/extent.ts'
import {DW_TAG, DW_UT} from './constants.ts'
import type {DwarfFile} from './dwarf-file.ts'
import {FunctionIndex} from './function-index.ts'
import {type RangeIndex, RangeIndexBuilder} from './range-index.ts'
import {readInitialLength} from './unit-list.ts'

/**
 * Which unit covers an address, in three steps that cost more and more: `.debug_aranges`, which may leave units out;
 * the root DIEs of the units it does not name; the functions of units whose root has no ranges.
 */
export class UnitIndex {
  readonly #file: DwarfFile
  readonly #diagnostics: Diagnostics
  readonly #seen: Uint8Array
  readonly #steps: RangeIndex[] = []

  constructor(file: DwarfFile, diagnostics: Diagnostics) {
    this.#file = file
    this.#diagnostics = diagnostics
    this.#seen = new Uint8Array(file.info.count)
  }

  /** Index of the unit in `file.info`, or -1. */
  find(address: number, extent?: Extent): number {
    for (let step = 0; step < 3; step++) {
      this.#steps[step] ??= this.#buildStep(step)
      const unit = this.#steps[step]?.find(address, extent) ?? -1
      if (unit >= 0) return unit
    }
    return -1
  }

  /** Of an address that no unit covers: the unit whose code lies before it, the nearest one; -1 where there is none. */
  findBefore(address: number): number {
    let best = {start: -1, value: -1}
    for (const ranges of this.#steps) {
      const found = ranges.lastBefore(address)
      if (found && found.start > best.start) best = found
    }
    return best.value
  }

  #buildStep(step: number): RangeIndex {
    const ranges = new RangeIndexBuilder()
    if (step === 0) this.#addAranges(ranges)
    else {
      for (let unit = 0; unit < this.#file.info.count; unit++) {
        try {
          if (step === 1 && this.#seen[unit] === 0) this.#addRoot(unit, ranges)
          else if (step === 2 && this.#seen[unit] !== 2) this.#addRest(unit, ranges)
        } catch (error) {
          this.#seen[unit] = 2
          this.#diagnostics.addError('dwarf-unit', error)
        }
      }
    }
    // GNU ld points the units of dropped copies of a function at the copy that it kept: the first unit is as good as
    // any
    return ranges.buildFirstWins()
  }

  #addRoot(index: number, ranges: RangeIndexBuilder): void {
    const type = this.#file.info.header(index)?.unitType
    if (type === DW_UT.type || type === DW_UT.split_type || type === DW_UT.partial) this.#seen[index] = 2
    const unit = this.#seen[index] === 2 ? undefined : this.#file.info.unit(index)
    if (!unit) return
    if (unit.rootTag !== DW_TAG.compile_unit && unit.rootTag !== DW_TAG.skeleton_unit) {
      this.#seen[index] = 2
      return
    }
    const before = ranges.size
    unit.ranges(unit.root, (start, end) => ranges.add(start, end, index))
    if (ranges.size > before) this.#seen[index] = 2
  }

  /** Units in `.debug_aranges` whose entry there was incomplete, and units whose root has no ranges. */
  #addRest(index: number, ranges: RangeIndexBuilder): void {
    const named = this.#seen[index] === 1
    if (named) this.#addRoot(index, ranges)
    const unit = this.#seen[index] === 2 ? undefined : this.#file.info.unit(index)
    this.#seen[index] = 2
    if (!unit || named) return
    const report = (error: unknown) => this.#diagnostics.addError('dwarf-unit', error)
    FunctionIndex.parse(unit, report).forEachRange((start, end) => ranges.add(start, end, index))
  }

  /** `.debug_aranges` (DWARF 5, 6.1.2). A broken set loses itself and what follows; the root DIEs stand in. */
  #addAranges(ranges: RangeIndexBuilder): void {
    const section = this.#file.sections.cursor('.debug_aranges')
    try {
      while (!section.atEnd) {
        const start = section.position
        const {length, offsetSize} = readInitialLength(section)
        const lengthSize = section.position - start
        this.#addSet(section.slice(Math.min(length, section.remaining)), offsetSize, lengthSize, ranges)
      }
    } catch (error) {
      this.#diagnostics.addError('dwarf-aranges', error)
    }
  }

  /** @param set what stands behind the length, which takes `lengthSize` bytes itself */
  #addSet(set: Cursor, offsetSize: 4 | 8, lengthSize: number, ranges: RangeIndexBuilder): void {
    const version = set.u16()
    const index = this.#file.info.indexAt(set.unsigned(offsetSize))
    const addressSize = set.u8()
    set.skip(1) // segment selector size
    if (version !== 2 || (addressSize !== 8 && addressSize !== 4)) return
    // The first pair is aligned to its own size, counted from the start of the set.
    const pairSize = addressSize * 2
    const padding = (pairSize - ((lengthSize + set.position) % pairSize)) % pairSize
    set.skip(Math.min(padding, set.remaining))
    while (set.remaining >= pairSize) {
      const address = addressSize === 8 ? set.number64() : set.u32()
      const size = addressSize === 8 ? set.number64() : set.u32()
      if (address === 0 && size === 0) break
      if (index < 0 || address === 0 || address + size >= 2 ** 53) continue
      ranges.add(address, address + size, index)
      this.#seen[index] = 1
    }
  }
}
