import {type Address, toAddress} from '../base/address.ts'
import {Extent} from '../base/extent.ts'
import type {AnswerTable} from './answer-table.ts'
import type {SourceFrame} from './source-frame.ts'
import type {Symbolizer} from './symbolizer.ts'

/** Of what is known, which would all be written again. */
const SHARE_OF_NEWS = 1 / 16

/** Answers for many addresses of one file that is not running: what is the same for several is found once. */
export class AddressAnswers {
  readonly table: AnswerTable
  /** How many ranges the table had when it came. */
  readonly #known: number
  readonly #open: () => Symbolizer
  #symbolizer: Symbolizer | undefined

  /** @param open is called when something is asked that the table does not know */
  constructor(open: () => Symbolizer, table: AnswerTable) {
    this.table = table
    this.#known = table.size
    this.#open = open
  }

  /** Finds what the table does not know yet of these addresses, until it is full. @param goOn is asked before each */
  prepare(addresses: readonly Address[], goOn: () => boolean): void {
    const unknown = new Float64Array(addresses.length)
    let count = 0
    for (const address of addresses) if (!this.table.seek(address)) unknown[count++] = address
    let extent = new Extent()
    extent.narrow(0, 0)
    for (const address of unknown.subarray(0, count).sort()) {
      if (address < extent.end) continue
      if (this.table.isFull || !goOn()) break
      extent = new Extent()
      const answer = this.#symbols.answerAt(toAddress(address), extent)
      this.table.add(extent, answer)
    }
    this.table.settle()
  }

  /** Whether it is worth to keep the table, for something was found, and more than a little beside what was known. */
  get isRicher(): boolean {
    return this.table.size > this.#known * (1 + SHARE_OF_NEWS)
  }

  /** Innermost inline first; never empty. */
  framesAt(address: Address): readonly SourceFrame[] {
    return this.table.seek(address) ? this.table.frames : this.#symbols.locate(address, address)
  }

  get #symbols(): Symbolizer {
    this.#symbolizer ??= this.#open()
    return this.#symbolizer
  }
}
