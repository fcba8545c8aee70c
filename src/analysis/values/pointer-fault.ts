import {isKernelAddress, isNonCanonical} from '../../amd64/canonical-address.ts'
import {type Address, addressOfWord, hex, type Word} from '../../base/address.ts'
import type {StackBounds} from '../../runtime-model/goroutine.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {FreedBlocks} from './freed-blocks.ts'
import {findThreadRanges, stackNote, type ThreadRange} from './thread-ranges.ts'

/** Nothing is mapped below vm.mmap_min_addr; 64 kB wherever it has not been changed. */
const NULL_PAGES = 0x10000n

/** The thread and the stacks of Go that variables are of. */
export interface RunningOn {
  readonly thread: number | undefined
  /** Empty: not known. */
  readonly stacks: readonly StackBounds[]
}

export const NOWHERE: RunningOn = {thread: undefined, stacks: []}

/** Says what is wrong with a pointer, where that is proven: nothing is mapped there, glibc has it as free. */
export class PointerFaults {
  readonly #process: Pick<DeadProcess, 'core' | 'memory' | 'modules' | 'images'>
  readonly #freed: FreedBlocks
  #stacks: readonly ThreadRange[] | undefined
  #own: RunningOn = NOWHERE

  constructor(process: Pick<DeadProcess, 'core' | 'memory' | 'modules' | 'images'>) {
    this.#process = process
    this.#freed = new FreedBlocks(process)
  }

  /** Who the next variables are of. */
  useStacks(own: RunningOn): void {
    this.#own = own
  }

  /** undefined: nothing is known to be wrong with it; null is a value like others. */
  of(word: Word): string | undefined {
    if (word === 0n) return undefined
    if (isKernelAddress(word)) return 'kernel address'
    const address = addressOfWord(word)
    if (isNonCanonical(word) || address === undefined) return 'non-canonical'
    if (!this.#process.core.isMapped(address)) return word < NULL_PAGES ? `null plus ${hex(word)}` : 'not mapped'
    const stack = this.#stackNote(address)
    return stack?.isGone ? stack.text : (this.#inGoHeap(address) ?? this.#freed.stateOf(address))
  }

  /** What the collector has freed, and stacks that a goroutine has left: only what it still uses is kept up. */
  #inGoHeap(address: Address): string | undefined {
    for (const {runtime} of this.#process.images) {
      const place = runtime?.heap?.placeOf(address)
      if (place === 'free') return 'freed'
      const {stacks} = this.#own
      if (place !== 'manual' || stacks.length === 0) continue
      if (!stacks.some(({lo, hi}) => address >= lo && address < hi)) return 'no stack of this goroutine'
    }
    return undefined
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
    return stackNote(this.#stacks, address, this.#own.thread)
  }
}
