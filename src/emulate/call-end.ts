/** Why a call ended before it returned. */
export const CALL_END_REASONS = {
  instruction: 'it came to an instruction that is not emulated',
  unmapped: 'it read or wrote memory that is not there, or not in the core',
  protected: 'it wrote to memory that is read-only, or ran what is not code',
  fault: 'the processor would have refused an instruction: a division by zero, a trap',
  aborted: 'it called abort, or a function that does not return',
  'instruction-limit': 'it ran more instructions than are allowed',
  'memory-limit': 'it used more memory than is allowed',
  'depth-limit': 'its calls went deeper than is allowed',
  'time-limit': 'it took longer than is allowed',
} as const satisfies Readonly<Record<string, string>>

export type CallEndReason = keyof typeof CALL_END_REASONS

/** Thrown inside of an emulated call, and caught at its edge. */
export class CallEnd extends Error {
  readonly reason: CallEndReason

  constructor(reason: CallEndReason, message: string) {
    super(message)
    this.reason = reason
  }
}
