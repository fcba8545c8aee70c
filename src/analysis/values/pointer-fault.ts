import {isKernelAddress, isNonCanonical} from '../../amd64/canonical-address.ts'
import {type Address, addressOfWord, hex, type Word} from '../../base/address.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {FreedBlocks} from './freed-blocks.ts'
import {findThreadRanges, stackNote, type ThreadRange} from './thread-ranges.ts'

/** Nothing is mapped below vm.mmap_min_addr; 64 kB wherever it has not been changed. */
const NULL_PAGES = 0x10000n

/** Says what is wrong with a pointer, where that is proven: nothing is mapped there, glibc has it as free. */
export class PointerFaults {
  readonly #process: Pick<DeadProcess, 'core' | 'memory' | 'modules'>
  readonly #freed: FreedBlocks
  #stacks: readonly ThreadRange[] | undefined
  #own: number | undefined

  constructor(process: Pick<DeadProcess, 'core' | 'memory' | 'modules'>) {
    this.#process = process
    this.#freed = new FreedBlocks(process)
  }

  /** @param tid of the thread whose variables come next; undefined: they are on none */
  useThread(tid: number | undefined): void {
    this.#own = tid
  }

  /** undefined: nothing is known to be wrong with it; null is a value like others. */
  of(word: Word): string | undefined {
    if (word === 0n) return undefined
    if (isKernelAddress(word)) return 'kernel address'
    const address = addressOfWord(word)
    if (isNonCanonical(word) || address === undefined) return 'non-canonical'
    if (!this.#process.core.isMapped(address)) return word < NULL_PAGES ? `null plus ${hex(word)}` : 'not mapped'
    const stack = this.#stackNote(address)
    return stack?.isGone ? stack.text : this.#freed.stateOf(address)
  }

  /** What is odd about a pointer that can be followed: whose stack it leads to, that nobody can write there. */
  noteOf(word: Word, isWritten: boolean): string | undefined {
    const address = addressOfWord(word)
    const extent = address === undefined ? undefined : this.#process.core.segments.extentAt(address)
    if (address === undefined || !extent || extent.state === 'unmapped') return undefined
    const {readable, writable, executable} = extent
    const isReadOnly = readable && !writable && !executable
    return isReadOnly && isWritten ? 'read-only' : this.#stackNote(address)?.text
  }

  #stackNote(address: Address): ReturnType<typeof stackNote> {
    this.#stacks ??= findThreadRanges(this.#process)
    return stackNote(this.#stacks, address, this.#own)
  }
}
