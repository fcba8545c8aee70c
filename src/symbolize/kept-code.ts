import {KnownAccesses} from '../amd64/known-accesses.ts'
import type {SymbolSource} from './module-symbols.ts'

/** Keeps bytes for later runs. */
export interface CodeStore {
  /** Of the program. */
  readonly key: string
  read(): Uint8Array | undefined
  write(bytes: Uint8Array): void
}

/** Programs of one process. */
const PROGRAMS_MAX = 64

/** What earlier runs found in the machine code of programs: a stripped one tells its variables by nothing else. */
export class KeptCode {
  readonly #open: (module: SymbolSource) => CodeStore | undefined
  readonly #known = new Map<string, {store: CodeStore; accesses: KnownAccesses}>()

  /** @param open the store of a module; undefined where nothing of it can be kept */
  constructor(open: (module: SymbolSource) => CodeStore | undefined) {
    this.#open = open
  }

  of(module: SymbolSource): KnownAccesses | undefined {
    const store = this.#open(module)
    if (!store) return undefined
    const known = this.#known.get(store.key)
    if (known) return known.accesses
    if (this.#known.size >= PROGRAMS_MAX) this.#known.clear()
    const accesses = new KnownAccesses(store.read())
    this.#known.set(store.key, {store, accesses})
    return accesses
  }

  /** For the next run. */
  keep(): void {
    for (const {store, accesses} of this.#known.values()) {
      const bytes = accesses.takeNew()
      if (bytes) store.write(bytes)
    }
  }
}
