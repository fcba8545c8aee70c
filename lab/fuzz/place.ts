/** What stands at a place, which decides what is put there instead. */
export type Holds = 'word' | 'pointer' | 'size' | 'offset' | 'text' | 'bytes'

/** Bytes of one file of a crash that mean something. */
export interface Place {
  /** `core`, `debug`, or the name of a module's file. */
  readonly file: string
  /** Places of one kind are equally likely, and so are the kinds, however many places each has. */
  readonly kind: string
  readonly at: number
  readonly size: number
  readonly holds: Holds
}

/** All places of a crash, by kind, and what else a change is made of. */
export interface PlaceList {
  readonly kinds: ReadonlyMap<string, readonly Place[]>
  /** Addresses that mean something in the process: a pointer that is changed mostly leads to one of them. */
  readonly addresses: readonly number[]
  /** Where a part of a file begins or ends, by file: a cut is made there, or a byte beside. */
  readonly edges: ReadonlyMap<string, readonly number[]>
  readonly sizes: ReadonlyMap<string, number>
}

/** Gathers places; what would lie outside its file is left out. */
export class PlaceCollector {
  readonly #kinds = new Map<string, Place[]>()
  readonly #addresses = new Set<number>()
  readonly #edges = new Map<string, Set<number>>()
  readonly #sizes = new Map<string, number>()

  addFile(file: string, size: number): void {
    this.#sizes.set(file, size)
    this.addEdge(file, 0)
    this.addEdge(file, size)
  }

  add(place: Place): void {
    const {file, at, size, kind} = place
    if (!(at >= 0 && size > 0 && at + size <= (this.#sizes.get(file) ?? 0))) return
    const list = this.#kinds.get(kind) ?? []
    list.push(place)
    this.#kinds.set(kind, list)
  }

  addEdge(file: string, at: number): void {
    const edges = this.#edges.get(file) ?? new Set()
    if (at >= 0 && at <= (this.#sizes.get(file) ?? 0)) edges.add(at)
    this.#edges.set(file, edges)
  }

  addAddress(address: number): void {
    if (address > 0) this.#addresses.add(address)
  }

  list(): PlaceList {
    const edges = [...this.#edges].map(([file, set]) => [file, [...set].sort((a, b) => a - b)] as const)
    return {
      kinds: this.#kinds,
      addresses: [...this.#addresses],
      edges: new Map(edges),
      sizes: this.#sizes,
    }
  }
}
