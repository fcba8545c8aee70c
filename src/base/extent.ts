/**
 * How far around an address an answer stays the same, as a half-open range: each lookup that the answer depends on
 * narrows it.
 */
export class Extent {
  start = 0
  end = Number.POSITIVE_INFINITY

  /** To what also lies in [start, end). */
  narrow(start: number, end: number): void {
    if (start > this.start) this.start = start
    if (end < this.end) this.end = end
  }

  /** By the range [start, end), which the address is in or not. True where it is. */
  split(start: number, end: number, address: number): boolean {
    if (address < start) this.narrow(0, start)
    else if (address >= end) this.narrow(end, Number.POSITIVE_INFINITY)
    else this.narrow(start, end)
    return address >= start && address < end
  }

  /** To one address: nothing is known of those beside it. */
  narrowTo(address: number): void {
    this.narrow(address, address + 1)
  }
}
