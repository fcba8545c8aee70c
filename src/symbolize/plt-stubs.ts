import {slotOfJump} from '../amd64/call-encoding.ts'
import {type Address, toAddress} from '../base/address.ts'
import {Cursor} from '../base/cursor.ts'
import {FormatError} from '../base/errors.ts'
import type {Extent} from '../base/extent.ts'
import type {ElfFile} from '../elf/elf-file.ts'
import {withoutVersion} from '../elf/symtab.ts'

/** Sections of stubs and the length of one stub (psABI amd64, 5.2; .plt.sec with control-flow enforcement). */
const STUB_SECTIONS = [
  {name: '.plt', stride: 16},
  {name: '.plt.sec', stride: 16},
  {name: '.plt.got', stride: 8},
] as const

/** Behind the name of the function that a stub leads to, as disassemblers write it. */
export const STUB_SUFFIX = '@plt'

const R_X86_64_GLOB_DAT = 6
const R_X86_64_JUMP_SLOT = 7
const RELA_SIZE = 24
const SYMBOL_SIZE = 24

/**
 * The stubs through which a module calls functions of others. They have no symbols; each jumps through a slot of the
 * global offset table, and the relocation of that slot names the function.
 */
export class PltStubs {
  readonly #image: ElfFile
  #sections: {start: number; end: number; stride: number}[] | undefined
  #names: Map<number, string> | undefined

  constructor(image: ElfFile) {
    this.#image = image
  }

  /** `memcpy@plt`, where the stub's target is known. */
  find(linkAddress: Address, extent?: Extent): {name: string; entry: Address} | undefined {
    for (const {start, end, stride} of this.#stubSections()) {
      extent?.split(start, end, linkAddress)
      if (linkAddress < start || linkAddress >= end) continue
      const first = linkAddress - ((linkAddress - start) % stride)
      extent?.narrow(first, first + stride)
      const found = this.#stubAt(linkAddress, start, stride)
      if (found) return found
    }
    return undefined
  }

  /** @param start of the section */
  #stubAt(linkAddress: Address, start: number, stride: number): {name: string; entry: Address} | undefined {
    // .plt.got has stubs of 16 bytes where control-flow enforcement made them longer
    for (const length of stride === 8 ? [8, 16] : [16]) {
      const entry = linkAddress - ((linkAddress - start) % length)
      const slot = this.#jumpSlot(toAddress(entry), length)
      const target = slot === undefined ? undefined : this.#slotNames().get(slot)
      if (target !== undefined) return {name: `${target}${STUB_SUFFIX}`, entry: toAddress(entry)}
    }
    return undefined
  }

  /** The name that the slot of the global offset table at an address is bound by. */
  slotName(linkAddress: Address): string | undefined {
    return this.#slotNames().get(linkAddress)
  }

  /** Whether an address is in a stub. */
  covers(linkAddress: Address): boolean {
    return this.#stubSections().some(({start, end}) => linkAddress >= start && linkAddress < end)
  }

  #stubSections(): readonly {start: number; end: number; stride: number}[] {
    this.#sections ??= STUB_SECTIONS.flatMap(({name, stride}) => {
      const header = this.#image.sectionHeader(name)
      return header ? [{start: header.address, end: header.address + header.size, stride}] : []
    })
    return this.#sections
  }

  /** The slot that a stub's jump goes through. */
  #jumpSlot(entry: Address, length: number): number | undefined {
    const bytes = this.#image.readAtLinkAddress(entry, length)
    return bytes && slotOfJump(bytes, entry)
  }

  #slotNames(): Map<number, string> {
    if (!this.#names) {
      this.#names = new Map()
      try {
        for (const section of ['.rela.plt', '.rela.dyn']) this.#readRelocations(section, this.#names)
      } catch (error) {
        if (!(error instanceof FormatError)) throw error // names of stubs are a nicety: what was read so far stays
      }
    }
    return this.#names
  }

  #readRelocations(section: string, names: Map<number, string>): void {
    const relocations = this.#image.section(section)
    const symbols = this.#image.section('.dynsym')
    const strings = this.#image.section('.dynstr')
    if (!relocations || !symbols || !strings) return
    const cursor = new Cursor(relocations.bytes, `${this.#image.name}:${section}`)
    const table = new Cursor(symbols.bytes, `${this.#image.name}:.dynsym`)
    const text = new Cursor(strings.bytes, `${this.#image.name}:.dynstr`)
    while (cursor.remaining >= RELA_SIZE) {
      const slot = cursor.number64()
      const type = cursor.u32()
      const symbol = cursor.u32()
      cursor.skip(8)
      if ((type !== R_X86_64_JUMP_SLOT && type !== R_X86_64_GLOB_DAT) || symbol === 0) continue
      if ((symbol + 1) * SYMBOL_SIZE > table.size) continue
      table.seek(symbol * SYMBOL_SIZE)
      const nameOffset = table.u32()
      if (nameOffset >= text.size) continue
      text.seek(nameOffset)
      names.set(slot, withoutVersion(text.cstring()))
    }
  }
}
