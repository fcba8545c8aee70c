import {ADDRESS_LIMIT, type Address, number64At} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import type {Diagnostics} from '../base/diagnostics.ts'
import {FormatError} from '../base/errors.ts'
import type {Section, SectionSource} from '../base/section-source.ts'
import {type PointerBases, readEncodedPointer, skipEncodedPointer} from './cfi-pointer.ts'
import type {CfiProgramParameters} from './cfi-program.ts'

/** Common information entry (DWARF 5, 6.4.1; LSB 5, 10.6.1.1 for augmentations). */
export interface Cie {
  readonly version: number
  readonly augmentation: string
  readonly hasAugmentationData: boolean
  readonly segmentSelectorSize: number
  readonly codeAlignment: number
  readonly dataAlignment: number
  readonly returnAddressRegister: number
  /** DW_EH_PE of pc_begin, pc_range and DW_CFA_set_loc. */
  readonly pointerEncoding: number
  /** Augmentation `S`: the function is where the kernel returns to from a handler; its caller's pc is exact. */
  readonly signalFrame: boolean
  readonly instructionsStart: number
  readonly end: number
}

/** Frame description entry: one function's range, or a part of one. */
export interface Fde {
  readonly cie: Cie
  /** Link addresses, half-open. */
  readonly start: number
  readonly end: number
  readonly instructionsStart: number
  readonly instructionsEnd: number
}

/** The range of an FDE by its link addresses, half-open, and the offset of the FDE. */
interface FdeRange {
  readonly offset: number
  readonly start: number
  readonly end: number
}

/** What stands at one offset of the section. `next` is always beyond the entry's start. */
interface EntryHeader {
  readonly kind: 'cie' | 'fde' | 'terminator'
  readonly bodyStart: number
  readonly end: number
  /** Section offset of the CIE of an FDE. */
  readonly cieOffset: number
}

/** No register number of a return address goes near this; it bounds the rule table. */
const REGISTER_LIMIT = 128
const DW_EH_PE_absptr = 0
/** DW_EH_PE_pcrel | DW_EH_PE_sdata4: what compilers write into `.eh_frame`. */
const PCREL_SDATA4 = 0x1b
/** Length, CIE pointer, start and size of 8 bytes each. */
const QUICK_SIZE = 24

interface QuickRange {
  readonly start: number
  readonly size: number
  /** Offset of the entry behind it. */
  readonly next: number
}

/** `.eh_frame` or `.debug_frame`: parses entries by offset, keeps CIEs. */
export class CfiSection {
  readonly section: Section
  readonly #label: string
  readonly #isEhFrame: boolean
  readonly #sections: SectionSource
  readonly #bases: PointerBases
  readonly #view: DataView
  readonly #cies = new Map<number, Cie>()

  constructor(sections: SectionSource, name: '.eh_frame' | '.debug_frame', section: Section) {
    this.section = section
    this.#view = new DataView(section.bytes.buffer, section.bytes.byteOffset, section.bytes.byteLength)
    this.#label = `${sections.name}:${name}`
    this.#isEhFrame = name === '.eh_frame'
    this.#sections = sections
    this.#bases = this.#basesWithin(undefined)
  }

  /** The sections that few encodings name are read for those alone: .text is most of a file. */
  #basesWithin(start: number | undefined): PointerBases {
    const addressOf = (name: string): number => this.#sections.section(name)?.address ?? 0
    return {
      section: this.section.address,
      get text() {
        return addressOf('.text')
      },
      get data() {
        return addressOf('.got')
      },
      function: start,
    }
  }

  #cursor(offset: number, end = this.section.bytes.length): Cursor {
    const {bytes} = this.section
    if (!(offset >= 0 && offset <= end && end <= bytes.length)) {
      throw new FormatError(`${this.#label}+0x${offset.toString(16)}`, 'entry outside of the section')
    }
    return new Cursor(bytes.subarray(offset, end), this.#label, offset)
  }

  /** @throws FormatError when no entry starts at `offset` */
  parseFde(offset: number): Fde {
    const header = this.#parseHeader(offset)
    if (header.kind !== 'fde') throw new FormatError(`${this.#label}+0x${offset.toString(16)}`, 'no FDE here')
    return this.#parseFdeBody(header)
  }

  /**
   * All FDEs in file order. A zero length ends `.eh_frame` for the C runtime, but crtend.o may put it before another
   * object's entries: it is skipped. A broken entry is reported and stepped over; a broken length ends the walk.
   */
  *fdes(onError: (error: unknown) => void): Generator<FdeRange> {
    let offset = 0
    while (offset + 4 <= this.section.bytes.length) {
      const quick = this.#quickRange(offset)
      if (quick) {
        yield {offset, start: quick.start, end: quick.start + quick.size}
        offset = quick.next
        continue
      }
      let header: EntryHeader
      try {
        header = this.#parseHeader(offset)
      } catch (error) {
        onError(error)
        return
      }
      if (header.kind === 'fde') {
        const fde = this.#tryFde(header, onError)
        if (fde) yield {offset, start: fde.start, end: fde.end}
      }
      offset = header.end
    }
  }

  /** Where the FDE at an offset starts and ends, read in place; undefined where it has no usual shape. */
  #quickRange(offset: number): QuickRange | undefined {
    const limit = this.section.bytes.length
    if (offset + QUICK_SIZE > limit) return undefined
    const length = this.#view.getUint32(offset, true)
    const next = offset + 4 + length
    if (length < QUICK_SIZE - 4 || length >= 0xfffffff0 || next > limit) return undefined
    const cie = this.#knownCie(offset, this.#view.getUint32(offset + 4, true))
    if (cie === undefined || cie.segmentSelectorSize > 0) return undefined
    const isShort = cie.pointerEncoding === PCREL_SDATA4
    if (!isShort && cie.pointerEncoding !== DW_EH_PE_absptr) return undefined
    const body = offset + 8
    const range = isShort ? this.#shortRange(body) : this.#wideRange(body)
    const isUsual = range.start >= 0 && range.start < ADDRESS_LIMIT && range.size >= 0 && range.size < ADDRESS_LIMIT
    return isUsual && this.#isAugmented(cie, body + (isShort ? 8 : 16), next) ? {...range, next} : undefined
  }

  #shortRange(at: number): {start: number; size: number} {
    const start = this.#bases.section + at + this.#view.getInt32(at, true)
    return {start, size: this.#view.getInt32(at + 4, true)}
  }

  #wideRange(at: number): {start: number; size: number} {
    return {start: number64At(this.#view, at), size: number64At(this.#view, at + 8)}
  }

  /** The CIE of an entry, where it is one that was parsed before. */
  #knownCie(offset: number, id: number): Cie | undefined {
    if (id === (this.#isEhFrame ? 0 : 0xffffffff)) return undefined
    return this.#cies.get(this.#isEhFrame ? offset + 4 - id : id)
  }

  /** Its augmentation data lies in it. */
  #isAugmented(cie: Cie, at: number, end: number): boolean {
    if (!cie.hasAugmentationData) return at <= end
    const length = at < end ? this.#view.getUint8(at) : 0x80
    return length < 0x80 && at + 1 + length <= end
  }

  #tryFde(header: EntryHeader, onError: (error: unknown) => void): Fde | undefined {
    try {
      return this.#parseFdeBody(header)
    } catch (error) {
      onError(error)
      return undefined
    }
  }

  /** 64-bit lengths start with 0xffffffff (DWARF 5, 7.4); CIE pointers of .eh_frame stay 4 bytes wide even then. */
  #parseHeader(offset: number): EntryHeader {
    const cursor = this.#cursor(offset)
    let length = cursor.u32()
    if (length === 0) return {kind: 'terminator', bodyStart: offset + 4, end: offset + 4, cieOffset: 0}
    const is64 = length === 0xffffffff
    if (is64) length = cursor.u64()
    else if (length >= 0xfffffff0) throw cursor.error(`reserved length 0x${length.toString(16)}`, 0)
    const bodyOffset = offset + cursor.position
    if (length > cursor.remaining) throw cursor.error(`entry of ${length} bytes ends behind the section`, 0)
    const end = bodyOffset + length
    const wideId = is64 && !this.#isEhFrame
    const id = wideId ? cursor.word() : BigInt(cursor.u32())
    const bodyStart = offset + cursor.position
    if (bodyStart > end) throw cursor.error('entry too short for its CIE pointer', 0)
    const cieId = this.#isEhFrame ? 0n : wideId ? 0xffffffffffffffffn : 0xffffffffn
    if (id === cieId) return {kind: 'cie', bodyStart, end, cieOffset: offset}
    const cieOffset = this.#isEhFrame ? bodyOffset - Number(id) : Number(id)
    return {kind: 'fde', bodyStart, end, cieOffset}
  }

  #cie(offset: number): Cie {
    const known = this.#cies.get(offset)
    if (known) return known
    const header = this.#parseHeader(offset)
    if (header.kind !== 'cie') throw new FormatError(`${this.#label}+0x${offset.toString(16)}`, 'no CIE here')
    const cie = this.#parseCie(header)
    this.#cies.set(offset, cie)
    return cie
  }

  #parseCie(header: EntryHeader): Cie {
    const cursor = this.#cursor(header.bodyStart, header.end)
    const version = cursor.u8()
    if (version !== 1 && version !== 3 && version !== 4) throw cursor.error(`CIE version ${version}`, 0)
    const augmentation = cursor.cstring()
    if (augmentation === 'eh') cursor.skip(8)
    let segmentSelectorSize = 0
    if (version === 4) {
      const addressSize = cursor.u8()
      if (addressSize !== 8) throw cursor.error(`CIE with ${addressSize}-byte addresses`)
      segmentSelectorSize = cursor.u8()
    }
    const codeAlignment = cursor.uleb128()
    const dataAlignment = cursor.sleb128()
    const returnAddressRegister = version === 1 ? cursor.u8() : cursor.uleb128()
    if (returnAddressRegister >= REGISTER_LIMIT)
      throw cursor.error(`return address in register ${returnAddressRegister}`)
    const {pointerEncoding, signalFrame} = parseAugmentationData(augmentation, cursor)
    return {
      version,
      augmentation,
      hasAugmentationData: augmentation.startsWith('z'),
      segmentSelectorSize,
      codeAlignment,
      dataAlignment,
      returnAddressRegister,
      pointerEncoding,
      signalFrame,
      instructionsStart: header.bodyStart + cursor.position,
      end: header.end,
    }
  }

  #parseFdeBody(header: EntryHeader): Fde {
    const cie = this.#cie(header.cieOffset)
    const cursor = this.#cursor(header.bodyStart, header.end)
    cursor.skip(cie.segmentSelectorSize)
    const start = readEncodedPointer(cursor, cie.pointerEncoding, this.#bases)
    if (start === undefined) throw cursor.error('FDE without a start', 0)
    // The range is a plain size in the same format: no base applies to it (LSB 5, 10.6.1.2).
    const size = readEncodedPointer(cursor, cie.pointerEncoding % 0x10, this.#bases) ?? 0
    if (cie.hasAugmentationData) cursor.skip(cursor.uleb128())
    return {
      cie,
      start,
      end: start + size,
      instructionsStart: header.bodyStart + cursor.position,
      instructionsEnd: header.end,
    }
  }

  /** What runCfiProgram needs, with fresh cursors. */
  program(fde: Fde): CfiProgramParameters {
    const {cie} = fde
    return {
      codeAlignment: cie.codeAlignment,
      dataAlignment: cie.dataAlignment,
      returnAddressRegister: cie.returnAddressRegister,
      initialInstructions: this.#cursor(cie.instructionsStart, cie.end),
      instructions: this.#cursor(fde.instructionsStart, fde.instructionsEnd),
      start: fde.start,
      readLocation: cursor => {
        const location = readEncodedPointer(cursor, cie.pointerEncoding, this.#basesWithin(fde.start))
        if (location === undefined) throw cursor.error('DW_CFA_set_loc without a location')
        return location
      },
    }
  }
}

interface AugmentationData {
  pointerEncoding: number
  signalFrame: boolean
}

/** LSB 5, 10.6.1.1.1. A letter that is not known ends the decoding: `z` says where the instructions start. */
function parseAugmentationData(augmentation: string, cursor: Cursor): AugmentationData {
  const result: AugmentationData = {pointerEncoding: DW_EH_PE_absptr, signalFrame: false}
  if (augmentation === '' || augmentation === 'eh') return result
  if (!augmentation.startsWith('z')) throw cursor.error(`CIE augmentation "${augmentation}" without a length`)
  const data = cursor.slice(cursor.uleb128())
  for (const letter of augmentation.slice(1)) {
    if (letter === 'R') result.pointerEncoding = data.u8()
    else if (letter === 'L') data.skip(1)
    else if (letter === 'P') skipEncodedPointer(data, data.u8())
    else if (letter === 'S') result.signalFrame = true
    else if (letter !== 'B' && letter !== 'G') break
  }
  return result
}

/** Opens the section unless it is absent or empty. */
export function openCfiSection(sections: SectionSource, name: '.eh_frame' | '.debug_frame'): CfiSection | undefined {
  const section = sections.section(name)
  return section && section.bytes.length > 4 ? new CfiSection(sections, name, section) : undefined
}

/** A sorted table of the FDEs of a section that has no usable `.eh_frame_hdr`. */
export interface FdeColumns {
  readonly starts: Float64Array
  readonly offsets: Uint32Array
}

export function buildFdeColumns(cfi: CfiSection, diagnostics: Diagnostics): FdeColumns {
  const found: {start: number; offset: number}[] = []
  for (const {offset, start, end} of cfi.fdes(error => diagnostics.addError('bad-cfi', error))) {
    // Linkers leave FDEs of discarded functions behind, with start 0 or an empty range.
    if (end > start && start > 0) found.push({start, offset})
  }
  found.sort((a, b) => a.start - b.start)
  return {
    starts: Float64Array.from(found, entry => entry.start),
    offsets: Uint32Array.from(found, entry => entry.offset),
  }
}

/** The link address of a section offset, for messages and the header's table. */
export function sectionOffsetOf(section: Section, address: Address | number): number | undefined {
  const offset = address - section.address
  return offset >= 0 && offset < section.bytes.length ? offset : undefined
}
