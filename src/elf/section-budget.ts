import {GotraceError} from '../base/errors.ts'

const MIB = 1024 ** 2
/** What sections of files may take together: the largest programs have some hundred megabytes of debug information. */
const ROOM = 512 * MIB

/** A section is sound, and more than is read. */
export class SectionTooLargeError extends GotraceError {
  constructor(where: string, size: number) {
    const message = `${where}: ${Math.ceil(size / MIB)} MiB, more than the files of one process may have together (${ROOM / MIB} MiB)`
    super('too-large', message)
  }
}

/** The memory that the sections of all files of one process take, which are read whole. */
export class SectionBudget {
  #left = ROOM

  /** @throws SectionTooLargeError */
  take(size: number, where: string): void {
    if (size > this.#left) throw new SectionTooLargeError(where, size)
    this.#left -= size
  }
}
