import type {Address} from '../../base/address.ts'
import {addressOfWord, toAddress, type Word} from '../../base/address.ts'
import {readAddress, readWord} from '../../base/memory-reader.ts'
import type {DataType} from '../../dwarf/data-type.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import type {DynamicType} from './go-value.ts'
import {textAt} from './text-value.ts'

/** Of syscall.errors (syscall/zerrors_linux_amd64.go, since Go 1.0). */
const ERRNO_COUNT = 133
const ERRNO_TEXT_MAX = 256

/** What the runtime's own type descriptors say, and what DWARF says of the same types. */
export class GoTypes {
  readonly #process: DeadProcess
  readonly #known = new Map<Address, DynamicType | null>()
  /** The dictionary of the generic function whose variables are read. */
  #dictionary: Address | undefined

  constructor(process: DeadProcess) {
    this.#process = process
  }

  /** The type that a descriptor describes; undefined where there is none. */
  dynamic(descriptor: Address): DynamicType | undefined {
    const known = this.#known.get(descriptor)
    if (known !== undefined) return known ?? undefined
    const found = this.#find(descriptor)
    this.#known.set(descriptor, found ?? null)
    return found
  }

  #find(descriptor: Address): DynamicType | undefined {
    for (const {runtime, symbolizer} of this.#process.images) {
      const type = runtime?.typeAt(descriptor)
      if (!type) continue
      const debug = symbolizer.debugAt(descriptor)
      const link = debug?.module.linkAddress(descriptor)
      const described = debug && link !== undefined ? debug.dwarf.runtimeType([link, type.offset]) : undefined
      return {name: type.name, type: described, isDirect: type.isDirect}
    }
    return undefined
  }

  /** @param word what `.dict` holds in the frame that is read; undefined: it is not of a generic function */
  useDictionary(word: Word | undefined): void {
    this.#dictionary = word === undefined ? undefined : addressOfWord(word)
  }

  /** The type that a parameter of a generic function stands for, where its dictionary tells. */
  ofShape(type: DataType): DataType {
    const index = type.goDictIndex
    if (index === undefined || this.#dictionary === undefined || this.#dictionary === 0) return type
    const entry = readWord(this.#process.memory, toAddress(this.#dictionary + 8 * index))
    const descriptor = entry === undefined ? undefined : addressOfWord(entry)
    return (descriptor === undefined ? undefined : this.dynamic(descriptor)?.type) ?? type
  }

  /** What syscall.Errno.Error says, by the program's own table; undefined where it is not at hand. */
  errnoText(errno: number): string | undefined {
    const {memory, images} = this.#process
    const table = images.map(({runtime}) => runtime?.variable('syscall.errors')).find(found => found !== undefined)
    if (table === undefined || errno < 0 || errno >= ERRNO_COUNT) return undefined
    const entry = toAddress(table + 16 * errno)
    const [data, length] = [readAddress(memory, entry), readAddress(memory, toAddress(entry + 8))]
    if (data === undefined || length === undefined || length > ERRNO_TEXT_MAX) return undefined
    return length === 0 ? `errno ${errno}` : textAt(memory, data, length, length)?.text
  }

  /** ID of the goroutine whose g that is. */
  goroutineOf(g: Address): number | undefined {
    return this.#process.runtime?.goroutineAt(g)?.id
  }
}
