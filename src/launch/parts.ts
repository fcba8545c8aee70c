import {basename, dirname, join} from 'node:path'
import {constants, Script} from 'node:vm'
import {Module} from './module-class.ts'

/** Where the program's text is, wherever it lies. */
export interface PartFiles {
  /** Of dist/main.cjs; no file need be there. */
  readonly main: string
  /** The text of a part, whose path that is, in Node's wrapper of a module; one byte a character. */
  read(file: string): string
  /** From what a part requires that is no part; the last word is for modules of Node. */
  readonly requireOther: (main: Module) => NodeJS.Require
}

/** Of a part that another one asks for, as the build script writes it. */
const PART = /^\.\/(?:parts\/)?([\w.-]+\.cjs)$/

/** The parts of the program that were loaded, each a module: compiled, or taken over from V8's code cache. */
export class Parts {
  readonly #files: PartFiles
  readonly #compiled: ReadonlyMap<string, Uint8Array>
  readonly #scripts = new Map<string, Script>()
  readonly #modules = new Map<string, Module>()
  #require: NodeJS.Require | undefined
  #isNew = false

  /** @param compiled code of parts by name, of the same build and the same V8 */
  constructor(files: PartFiles, compiled: ReadonlyMap<string, Uint8Array>) {
    this.#files = files
    this.#compiled = compiled
  }

  /** What main exports. */
  start(): unknown {
    return this.#load(this.#files.main)
  }

  /** Whether a part was loaded that was not at hand. */
  get isNew(): boolean {
    return this.#isNew
  }

  /** All that was at hand, and all functions that are compiled by now. */
  compiled(): Map<string, Uint8Array> {
    const made = [...this.#scripts].map(([name, script]): [string, Uint8Array] => [name, script.createCachedData()])
    return new Map([...this.#compiled, ...made])
  }

  #load(file: string): unknown {
    const loaded = this.#modules.get(file)
    if (loaded) return loaded.exports
    const script = this.#compile(file)
    const module = new Module(file, require.main)
    this.#modules.set(file, module)
    module.filename = file
    this.#require ??= this.#files.requireOther(module)
    script.runInThisContext()(module.exports, this.#requireFor(), module, file, dirname(file))
    module.loaded = true
    return module.exports
  }

  #requireFor(): NodeJS.Require {
    const other = this.#require as NodeJS.Require
    const parts = join(dirname(this.#files.main), 'parts')
    const known = new Map<string, unknown>()
    const asked = (id: string): unknown => {
      if (known.has(id)) return known.get(id)
      const part = PART.exec(id)?.[1]
      if (part === undefined) return other(id)
      const exports = this.#load(join(parts, part))
      known.set(id, exports)
      return exports
    }
    return Object.assign(asked, {
      resolve: other.resolve,
      cache: other.cache,
      extensions: other.extensions,
      main: other.main,
    })
  }

  #compile(file: string): Script {
    const name = basename(file)
    const cachedData = this.#compiled.get(name) as Buffer | undefined
    const options = {
      filename: file,
      ...(cachedData && {cachedData}),
      importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
    }
    const script = new Script(this.#files.read(file), options)
    if (cachedData === undefined || script.cachedDataRejected) this.#isNew = true
    this.#scripts.set(name, script)
    return script
  }
}
