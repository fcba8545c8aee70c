import {FileSource} from '../src/base/byte-source.ts'
import {Diagnostics} from '../src/base/diagnostics.ts'
import {ElfFile, type SectionHeader} from '../src/elf/elf-file.ts'
import {STT, SymbolTable} from '../src/elf/symtab.ts'

/** Where in a file an address was taken from. */
export type SampleKind = 'text' | 'first' | 'last' | 'between' | 'stub' | 'outside'

const SHF_EXECINSTR = 4

/**
 * Addresses of one file, the same in every run: random code, first and last bytes of functions, the gaps between them,
 * stubs, nowhere.
 */
export function sampleAddresses(path: string, count: number): ReadonlyMap<number, SampleKind> {
  const image = ElfFile.open(FileSource.open(path), new Diagnostics())
  const random = generator(12345)
  const samples = new Map<number, SampleKind>()
  const add = (address: number, kind: SampleKind) => {
    if (address > 0 && !samples.has(address)) samples.set(address, kind)
  }
  const code = image.sections.filter(isCode)
  const text = code.filter(section => !/^\.plt/.test(section.name))
  for (const address of spread(text, count, random)) add(address, 'text')
  const functions = [...SymbolTable.of(image)].filter(symbol => symbol.type === STT.STT_FUNC && symbol.size > 0)
  for (const symbol of pick(functions, Math.ceil(count / 2), random)) {
    add(symbol.address, 'first')
    add(symbol.address + symbol.size - 1, 'last')
    add(symbol.address + symbol.size, 'between')
  }
  const stubs = code.filter(section => /^\.plt/.test(section.name))
  for (const address of spread(stubs, Math.ceil(count / 20), random)) add(address, 'stub')
  const last = Math.max(0, ...image.sections.map(section => section.address + section.size))
  for (const address of [1, 0x40, last + 1, last + 0x10000, 2 ** 47 - 1]) add(address, 'outside')
  for (const section of image.sections.filter(section => section.address > 0 && !isCode(section))) {
    add(section.address + Math.floor(section.size / 2), 'outside')
  }
  return samples
}

function isCode(section: SectionHeader): boolean {
  return section.address > 0 && Math.floor(section.flags / SHF_EXECINSTR) % 2 === 1
}

function spread(sections: readonly SectionHeader[], count: number, random: () => number): number[] {
  const total = sections.reduce((sum, section) => sum + section.size, 0)
  const addresses: number[] = []
  for (let at = 0; at < Math.min(count, total); at++) {
    let offset = Math.floor(random() * total)
    for (const section of sections) {
      if (offset < section.size) {
        addresses.push(section.address + offset)
        break
      }
      offset -= section.size
    }
  }
  return addresses
}

function pick<T>(items: readonly T[], count: number, random: () => number): T[] {
  if (items.length <= count) return [...items]
  return Array.from({length: count}, () => items[Math.floor(random() * items.length)] as T)
}

/** Mulberry32. */
function generator(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let word = Math.imul(state ^ (state >>> 15), 1 | state)
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word
    return ((word ^ (word >>> 14)) >>> 0) / 2 ** 32
  }
}
