import type {FramePosition, SourceFrame} from './source-frame.ts'

/**
 * The frames at many addresses, by one object for all of them; but for the position of the innermost one, which each
 * address has for itself. Places of the pc are left out.
 */
export interface FrameStack {
  readonly frames: readonly SourceFrame[]
  /** The table that has taken it, and by which number. */
  takenBy?: object
  number?: number
}

/** What is at an address. */
export interface Answer {
  readonly stack: FrameStack
  /** Of the innermost frame. */
  readonly position: FramePosition
}
