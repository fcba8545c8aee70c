import {constants} from 'node:buffer'
import {GotraceError} from '../base/errors.ts'

const MIB = 1024 ** 2
/** What sections of files may take together: most programs have some hundred megabytes of debug information at most. */
export const DEFAULT_SECTION_MEMORY = 512 * MIB

/** A section is sound, and more than is read. */
export class SectionTooLargeError extends GotraceError {
  constructor(where: string, size: number, room: number) {
    const message = `${where}: ${Math.ceil(size / MIB)} MiB, more than the files of one process may have together (${room / MIB} MiB)`
    super('too-large', message)
  }
}

/** The memory that the sections of all files of one process take, which are read whole. */
export class SectionBudget {
  readonly #room: number
  #left: number

  /** @param room bytes */
  constructor(room = DEFAULT_SECTION_MEMORY) {
    this.#room = room
    this.#left = room
  }

  /** @throws SectionTooLargeError */
  take(size: number, where: string): void {
    // No array is longer, whatever the machine has.
    if (size > Math.min(this.#left, constants.MAX_LENGTH)) throw new SectionTooLargeError(where, size, this.#room)
    this.#left -= size
  }

  /**
   * A packed section is there beside what is unpacked of it, and gone then.
   * @throws SectionTooLargeError
   */
  checkPacked(size: number, where: string): void {
    if (size > this.#room / 2) throw new SectionTooLargeError(where, size, this.#room)
  }
}
