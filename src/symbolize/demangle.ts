import {demangleCxx} from './cxx-demangle.ts'
import {demangleRust} from './rust-demangle.ts'

/** Itanium C++ and Rust legacy start with _Z, Rust v0 with _R; Mach-O linkers add an underscore. */
const MANGLED = /^_{1,2}(?:Z|R)[A-Za-z0-9_]/
/** Longer names are kept as they are: no compiler's own reach this, and a hostile one must not cost seconds. */
const NAME_LIMIT = 64 * 1024
const CACHE_LIMIT = 1 << 16

/** Turns linkage names into source names, and remembers them. */
export class Demangler {
  readonly #cache = new Map<string, string | undefined>()

  /** The source name, or undefined where the name is not mangled or not understood. */
  demangle(name: string): string | undefined {
    if (!MANGLED.test(name) || name.length > NAME_LIMIT) return undefined
    let text = this.#cache.get(name)
    if (text === undefined && !this.#cache.has(name)) {
      if (this.#cache.size >= CACHE_LIMIT) this.#cache.clear()
      text = demangleRust(name) ?? demangleCxx(name)
      this.#cache.set(name, text)
    }
    return text
  }
}
