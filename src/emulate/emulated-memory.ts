import {type Address, hex, toAddress} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {CallEnd} from './call-end.ts'

const PAGE = 4096
/** Pages that are at hand without a look-up. */
const CACHE_SIZE = 512
/** Copies of pages that nobody has written to; they can be read again. */
const CLEAN_PAGES_MAX = 8192
/** Bytes that are read at once where not all of a page is there. */
const PIECE = 64
/** Where user space ends. */
const ADDRESS_END = 2 ** 47

/** What the process had mapped; a page whose rights are not known may be read, written and run. */
export interface MemoryImage {
  readonly memory: MemoryReader
  /** Rights of the mapping that covers an address. */
  readonly rightsAt: (address: Address) => {writable: boolean; executable: boolean} | undefined
}

interface Page {
  readonly start: number
  readonly bytes: Uint8Array
  readonly view: DataView
  writable: boolean
  executable: boolean
  isOwn: boolean
  /** Instructions were decoded from it. */
  isCode: boolean
  /** 1: this byte is not there. undefined: all are. */
  readonly absent: Uint8Array | undefined
}

interface Region {
  readonly start: number
  end: number
  readonly source: ByteSource | undefined
  readonly offset: number
}

/**
 * The memory of the dead process, copied page by page as it is written to: what reads it elsewhere sees nothing of
 * that. New memory comes from a range that the process did not use.
 */
export class EmulatedMemory {
  readonly #image: MemoryImage
  readonly #pagesMax: number
  readonly #pages = new Map<number, Page>()
  readonly #cache: (Page | undefined)[] = new Array(CACHE_SIZE)
  readonly #regions: Region[] = []
  #nextFree: number
  #ownPages = 0
  #cleanPages = 0
  /** Changes whenever code that was decoded has been written to. */
  codeVersion = 0

  /** @param free where a wide range begins that the process does not use */
  constructor(image: MemoryImage, free: Address, limit: number) {
    this.#image = image
    this.#nextFree = free
    this.#pagesMax = Math.floor(limit / PAGE)
  }

  /** New memory, of zeros or of a file. Nothing is read or copied before it is touched. */
  map(size: number, source?: ByteSource, offset = 0): Address {
    const length = Math.ceil(size / PAGE) * PAGE
    if (!(length > 0) || (!source && length / PAGE > this.#pagesMax)) {
      throw new CallEnd('memory-limit', `it asked for ${size} bytes`)
    }
    const start = this.#nextFree
    // A page between two of them is never there.
    this.#nextFree += length + PAGE
    if (this.#nextFree > ADDRESS_END) throw new CallEnd('memory-limit', 'it has used all addresses')
    this.#regions.push({start, end: start + length, source, offset})
    return toAddress(start)
  }

  unmap(start: Address): boolean {
    const index = this.#regions.findIndex(region => region.start === start)
    const [region] = index < 0 ? [] : this.#regions.splice(index, 1)
    if (!region) return false
    for (let at = region.start; at < region.end; at += PAGE) this.#drop(at)
    return true
  }

  /** Whether it was mapped here, and is nothing of the process. */
  isOwn(address: number): boolean {
    return this.#regions.some(({start, end}) => address >= start && address < end)
  }

  #drop(start: number): void {
    const page = this.#pages.get(start)
    if (!page) return
    this.#pages.delete(start)
    if (page.isOwn) this.#ownPages--
    else this.#cleanPages--
    this.#cache.fill(undefined)
  }

  #pageAt(address: number): Page {
    const number = Math.floor(address / PAGE)
    const start = number * PAGE
    const slot = number % CACHE_SIZE
    const cached = this.#cache[slot]
    if (cached && cached.start === start) return cached
    const page = this.#pages.get(start) ?? this.#load(start, address)
    this.#cache[slot] = page
    return page
  }

  #load(start: number, address: number): Page {
    if (!(address >= PAGE && address < ADDRESS_END)) {
      throw new CallEnd('unmapped', `nothing is mapped at ${hex(address < 0 ? 2n ** 64n + BigInt(address) : address)}`)
    }
    const region = this.#regions.find(each => start >= each.start && start < each.end)
    const page = region ? loadRegion(region, start) : this.#loadImage(start, address)
    if (this.#cleanPages >= CLEAN_PAGES_MAX) this.#forgetClean()
    this.#cleanPages++
    this.#pages.set(start, page)
    return page
  }

  #forgetClean(): void {
    for (const [start, page] of this.#pages) if (!page.isOwn && !page.isCode) this.#pages.delete(start)
    this.#cache.fill(undefined)
    this.#cleanPages = [...this.#pages.values()].filter(page => !page.isOwn).length
  }

  #loadImage(start: number, address: number): Page {
    const {memory, rightsAt} = this.#image
    const found = memory.read(toAddress(start), PAGE)
    const {bytes, absent} = found ? {bytes: found.slice(), absent: undefined} : readHolding(memory, start)
    if (!bytes) throw new CallEnd('unmapped', `nothing is mapped at ${hex(address)}, or the core does not have it`)
    const rights = rightsAt(toAddress(address)) ?? {writable: true, executable: true}
    return newPage(start, bytes, rights, absent)
  }

  #writablePage(address: number): Page {
    const page = this.#pageAt(address)
    if (!page.writable) throw new CallEnd('protected', `it wrote to ${hex(address)}, which is read-only`)
    if (!page.isOwn) {
      if (this.#ownPages >= this.#pagesMax) {
        throw new CallEnd('memory-limit', `it wrote to more than ${this.#pagesMax * PAGE} bytes`)
      }
      page.isOwn = true
      this.#ownPages++
      this.#cleanPages--
    }
    if (page.isCode) {
      this.codeVersion++
      page.isCode = false
    }
    return page
  }

  u8(address: number): number {
    const page = this.#pageAt(address)
    const offset = address - page.start
    if (page.absent) requirePresent(page.absent, page.start, offset, 1)
    return page.bytes[offset] as number
  }

  u16(address: number): number {
    const page = this.#pageAt(address)
    const offset = address - page.start
    if (offset > PAGE - 2) return this.u8(address) | (this.u8(address + 1) << 8)
    if (page.absent) requirePresent(page.absent, page.start, offset, 2)
    return page.view.getUint16(offset, true)
  }

  u32(address: number): number {
    const page = this.#pageAt(address)
    const offset = address - page.start
    if (offset > PAGE - 4) return (this.u16(address) | (this.u16(address + 2) << 16)) >>> 0
    if (page.absent) requirePresent(page.absent, page.start, offset, 4)
    return page.view.getUint32(offset, true)
  }

  u64(address: number): bigint {
    const page = this.#pageAt(address)
    const offset = address - page.start
    if (offset > PAGE - 8) return BigInt(this.u32(address)) | (BigInt(this.u32(address + 4)) << 32n)
    if (page.absent) requirePresent(page.absent, page.start, offset, 8)
    return page.view.getBigUint64(offset, true)
  }

  setU8(address: number, value: number): void {
    const page = this.#writablePage(address)
    const offset = address - page.start
    if (page.absent) requirePresent(page.absent, page.start, offset, 1)
    page.bytes[offset] = value
  }

  setU16(address: number, value: number): void {
    const page = this.#writablePage(address)
    const offset = address - page.start
    if (offset > PAGE - 2 || page.absent) {
      this.#requireWritable(address, 2)
      this.setU8(address, value & 0xff)
      this.setU8(address + 1, value >>> 8)
    } else page.view.setUint16(offset, value, true)
  }

  setU32(address: number, value: number): void {
    const page = this.#writablePage(address)
    const offset = address - page.start
    if (offset > PAGE - 4 || page.absent) {
      this.#requireWritable(address, 4)
      this.setU16(address, value & 0xffff)
      this.setU16(address + 2, value >>> 16)
    } else page.view.setUint32(offset, value, true)
  }

  setU64(address: number, value: bigint): void {
    const page = this.#writablePage(address)
    const offset = address - page.start
    if (offset > PAGE - 8 || page.absent) {
      this.#requireWritable(address, 8)
      this.setU32(address, Number(value & 0xffffffffn))
      this.setU32(address + 4, Number(value >> 32n))
    } else page.view.setBigUint64(offset, value, true)
  }

  /** An instruction writes all of its bytes or none. */
  #requireWritable(address: number, length: number): void {
    this.#writablePage(address)
    this.#writablePage(address + length - 1)
    this.requireReadable(address, length)
  }

  /** @throws CallEnd unmapped */
  requireReadable(address: number, length: number): void {
    for (let at = address; at < address + length; ) {
      const page = this.#pageAt(at)
      const count = Math.min(address + length, page.start + PAGE) - at
      if (page.absent) requirePresent(page.absent, page.start, at - page.start, count)
      at += count
    }
  }

  /** A copy. */
  read(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let done = 0; done < length; ) {
      const page = this.#pageAt(address + done)
      const offset = address + done - page.start
      const count = Math.min(length - done, PAGE - offset)
      if (page.absent) requirePresent(page.absent, page.start, offset, count)
      bytes.set(page.bytes.subarray(offset, offset + count), done)
      done += count
    }
    return bytes
  }

  write(address: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return
    for (let at = address; at < address + bytes.length; ) {
      const page = this.#writablePage(at)
      const count = Math.min(address + bytes.length, page.start + PAGE) - at
      if (page.absent) requirePresent(page.absent, page.start, at - page.start, count)
      at += count
    }
    for (let done = 0; done < bytes.length; ) {
      const page = this.#writablePage(address + done)
      const offset = address + done - page.start
      const count = Math.min(bytes.length - done, PAGE - offset)
      page.bytes.set(bytes.subarray(done, done + count), offset)
      done += count
    }
  }

  /** NUL-terminated bytes, without the NUL; as many as `limit` at most. */
  cString(address: number, limit: number): Uint8Array {
    const bytes: number[] = []
    for (let at = address; bytes.length < limit; at++) {
      const byte = this.u8(at)
      if (byte === 0) break
      bytes.push(byte)
    }
    return Uint8Array.from(bytes)
  }

  /** As many bytes of code as there are, `length` at most. */
  code(address: number, length: number): Uint8Array {
    const page = this.#pageAt(address)
    if (!page.executable) throw new CallEnd('protected', `it came to ${hex(address)}, which is not code`)
    page.isCode = true
    const offset = address - page.start
    const own = page.bytes.subarray(offset, Math.min(offset + length, PAGE))
    if (own.length === length) return own
    const next = this.#nextCode(page.start + PAGE)
    if (!next) return own
    const bytes = new Uint8Array(length)
    bytes.set(own)
    bytes.set(next.subarray(0, length - own.length), own.length)
    return bytes
  }

  /** The rest of an instruction that crosses a page's end. */
  #nextCode(start: number): Uint8Array | undefined {
    try {
      const page = this.#pageAt(start)
      page.isCode = true
      return page.executable ? page.bytes : undefined
    } catch (error) {
      if (error instanceof CallEnd) return undefined
      throw error
    }
  }
}

function requirePresent(absent: Uint8Array, start: number, offset: number, length: number): void {
  const missing = absent.indexOf(1, offset)
  if (missing >= 0 && missing < offset + length) {
    throw new CallEnd('unmapped', `the core does not have what was at ${hex(start + missing)}`)
  }
}

function newPage(
  start: number,
  bytes: Uint8Array,
  {writable, executable}: {writable: boolean; executable: boolean},
  absent?: Uint8Array,
): Page {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return {start, bytes, view, writable, executable, isOwn: false, isCode: false, absent}
}

/** Past its end a file is zeros up to the end of the page. */
function loadRegion({start: first, source, offset}: Region, start: number): Page {
  const bytes = new Uint8Array(PAGE)
  if (source) {
    const from = offset + (start - first)
    const held = Math.max(0, Math.min(PAGE, source.size - from))
    if (held > 0) bytes.set(source.read(from, held))
  }
  return newPage(start, bytes, {writable: true, executable: false})
}

/** A page that is there in part: files end, and cores are cut, anywhere. */
function readHolding(memory: MemoryReader, start: number): {bytes: Uint8Array | undefined; absent: Uint8Array} {
  const bytes = new Uint8Array(PAGE)
  const absent = new Uint8Array(PAGE)
  let held = 0
  for (let at = 0; at < PAGE; ) {
    const chunk = Math.min(PIECE - (at % PIECE), PAGE - at)
    const part = memory.read(toAddress(start + at), chunk) ?? memory.read(toAddress(start + at), 1)
    if (part) bytes.set(part, at)
    else absent[at] = 1
    held += part?.length ?? 0
    at += part?.length ?? 1
  }
  return {bytes: held > 0 ? bytes : undefined, absent}
}
