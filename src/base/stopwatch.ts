/** Whole milliseconds since it was made, whatever becomes of the machine's clock. */
export class Stopwatch {
  readonly #start = performance.now()

  get milliseconds(): number {
    return Math.round(performance.now() - this.#start)
  }
}
