import {toAddress} from '../../src/base/address.ts'
import type {SectionSource} from '../../src/base/section-source.ts'
import {DW_AT, DW_FORM, DW_LNE, DW_LNS, DW_TAG, DW_UT} from '../../src/dwarf/constants.ts'
import {BytesBuilder} from './bytes-builder.ts'

export type AttributeSpec = readonly [
  name: keyof typeof DW_AT,
  form: keyof typeof DW_FORM,
  value: number | bigint | string | Uint8Array,
]

/** A DIE; references name labels. */
export interface DieSpec {
  tag: keyof typeof DW_TAG
  label?: string
  attributes?: readonly AttributeSpec[]
  children?: readonly DieSpec[]
}

export interface UnitSpec {
  version?: number
  offsetSize?: 4 | 8
  unitType?: keyof typeof DW_UT
  /** Signature or dwo_id of the header. */
  id?: bigint
  root: DieSpec
}

/** Grows .debug_info, .debug_abbrev and .debug_str; every DIE has an abbreviation of its own. */
export class DwarfBuilder {
  readonly info = new BytesBuilder()
  readonly #abbrev = new BytesBuilder()
  readonly #strings = new BytesBuilder().cstring('')
  #units = 0
  #code = 0

  /** Offset of a string in .debug_str. */
  string(text: string): number {
    const offset = this.#strings.here
    this.#strings.cstring(text)
    return offset
  }

  unit(spec: UnitSpec): this {
    const {version = 4, offsetSize = 4, unitType = 'compile', id, root} = spec
    const name = `unit${this.#units++}`
    const {info} = this
    info.label(name)
    if (offsetSize === 8) info.u32(0xffffffff)
    info.difference(offsetSize, `${name}:end`, `${name}:body`).label(`${name}:body`).u16(version)
    const offset = (value: number) => (offsetSize === 8 ? info.u64(value) : info.u32(value))
    if (version >= 5) info.u8(DW_UT[unitType], 8)
    offset(this.#abbrev.here)
    if (version < 5) info.u8(8)
    if (id !== undefined) info.u64(id)
    this.#code = 0
    this.#die(root, name, version, offsetSize)
    this.#abbrev.u8(0)
    info.label(`${name}:end`)
    return this
  }

  #die({tag, label, attributes = [], children}: DieSpec, unit: string, version: number, offsetSize: 4 | 8): void {
    if (label !== undefined) this.info.label(label)
    this.info.uleb128(++this.#code)
    this.#abbrev
      .uleb128(this.#code)
      .uleb128(DW_TAG[tag])
      .u8(children ? 1 : 0)
    for (const [name, form, value] of attributes) {
      this.#abbrev.uleb128(DW_AT[name]).uleb128(DW_FORM[form])
      if (form === 'implicit_const') this.#abbrev.sleb128(Number(value))
      else this.#value(form, value, unit, version, offsetSize)
    }
    this.#abbrev.u8(0, 0)
    if (!children) return
    for (const child of children) this.#die(child, unit, version, offsetSize)
    this.info.u8(0)
  }

  #value(form: keyof typeof DW_FORM, value: AttributeSpec[2], unit: string, version: number, offsetSize: 4 | 8): void {
    const {info} = this
    const integer = (size: 1 | 2 | 4 | 8) =>
      info.computed(size, at => (typeof value === 'string' ? at(value) : Number(value)))
    switch (form) {
      case 'addr':
      case 'data8':
      case 'ref_sig8':
        info.u64(value as bigint)
        return
      case 'data1':
      case 'strx1':
      case 'addrx1':
      case 'flag':
        info.u8(Number(value))
        return
      case 'data2':
        info.u16(Number(value))
        return
      case 'data4':
        info.u32(Number(value))
        return
      case 'udata':
      case 'strx':
      case 'addrx':
      case 'rnglistx':
      case 'GNU_addr_index':
      case 'GNU_str_index':
        info.uleb128(Number(value))
        return
      case 'sdata':
        info.sleb128(Number(value))
        return
      case 'string':
        info.cstring(String(value))
        return
      case 'flag_present':
        return
      case 'exprloc':
        info.uleb128((value as Uint8Array).length).bytes(value as Uint8Array)
        return
      case 'ref4':
        info.computed(4, at => at(String(value)) - at(unit))
        return
      case 'indirect':
        info.uleb128(DW_FORM.data4).u32(Number(value))
        return
      case 'ref_addr':
        integer(version <= 2 ? 8 : offsetSize)
        return
      case 'sec_offset':
      case 'strp':
      case 'line_strp':
      case 'GNU_ref_alt':
      case 'GNU_strp_alt':
        integer(offsetSize)
        return
      default:
        throw new Error(`the builder does not write DW_FORM_${form}`)
    }
  }

  build(): Record<string, Uint8Array> {
    return {
      '.debug_info': this.info.build(),
      '.debug_abbrev': this.#abbrev.build(),
      '.debug_str': this.#strings.build(),
    }
  }
}

/** A line table of version 4 whose files are in the compilation directory. */
export function lineTable(files: readonly string[], program: (lines: LineProgramBuilder) => void): Uint8Array {
  const bytes = new BytesBuilder()
  bytes.difference(4, 'end', 'body').label('body').u16(4).difference(4, 'program', 'header').label('header')
  bytes.u8(1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1)
  bytes.u8(0)
  for (const file of files) bytes.cstring(file).u8(0, 0, 0)
  bytes.u8(0).label('program')
  program(new LineProgramBuilder(bytes))
  return bytes.label('end').build()
}

/** Line table opcodes by what they do. */
class LineProgramBuilder {
  readonly bytes: BytesBuilder
  #line = 1

  constructor(bytes: BytesBuilder) {
    this.bytes = bytes
  }

  address(address: number | bigint): this {
    this.#line = 1
    this.bytes.u8(0).uleb128(9).u8(DW_LNE.set_address).u64(address)
    return this
  }

  row(line: number, options: {file?: number; column?: number; advance?: number} = {}): this {
    const {file, column, advance} = options
    if (advance !== undefined) this.bytes.u8(DW_LNS.advance_pc).uleb128(advance)
    if (file !== undefined) this.bytes.u8(DW_LNS.set_file).uleb128(file)
    if (column !== undefined) this.bytes.u8(DW_LNS.set_column).uleb128(column)
    this.bytes
      .u8(DW_LNS.advance_line)
      .sleb128(line - this.#line)
      .u8(DW_LNS.copy)
    this.#line = line
    return this
  }

  end(advance: number): this {
    this.bytes.u8(DW_LNS.advance_pc).uleb128(advance).u8(0, 1, DW_LNE.end_sequence)
    return this
  }
}

/** Sections by name, as an ELF file would give them. */
export function sectionSource(sections: Record<string, Uint8Array>, name = 'test'): SectionSource {
  return {
    name,
    section(wanted) {
      const bytes = sections[wanted]
      return bytes && {bytes, address: toAddress(0)}
    },
  }
}
