/** Why a call ended before it returned. */
type CallEndReason =
  /** It came to one that is not emulated. */
  | 'instruction'
  /** It read or wrote memory that is not there, or not in the core. */
  | 'unmapped'
  /** It wrote to memory that is read-only, or ran what is not code. */
  | 'protected'
  /** The processor would have refused an instruction: a division by zero, a trap. */
  | 'fault'
  /** It called abort, or a function that does not return. */
  | 'aborted'
  | 'instruction-limit'
  | 'memory-limit'
  | 'depth-limit'
  | 'time-limit'

/** Thrown inside of an emulated call, and caught at its edge. */
export class CallEnd extends Error {
  readonly reason: CallEndReason

  constructor(reason: CallEndReason, message: string) {
    super(message)
    this.reason = reason
  }
}
