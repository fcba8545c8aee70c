/** Whole milliseconds since it was made, whatever becomes of the machine's clock. */
export class Stopwatch {
  readonly #start = process.uptime()

  get milliseconds(): number {
    return Math.round((process.uptime() - this.#start) * 1000)
  }
}
