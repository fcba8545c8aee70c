/** A text with places that are filled anew each time: made of one in which marks stand there. */
export class TextTemplate {
  readonly #pieces: readonly string[]
  /** Which value stands behind each piece but the last. */
  readonly #holes: readonly number[]

  /** `marks`: what stands for each value, without characters that mean something to a pattern. */
  constructor(text: string, marks: readonly string[]) {
    // Every second part is a mark.
    const parts = text.split(new RegExp(`(${marks.join('|')})`))
    this.#pieces = parts.filter((_, index) => index % 2 === 0)
    this.#holes = parts.filter((_, index) => index % 2 === 1).map(mark => marks.indexOf(mark))
  }

  /** Whether one of the values from this one on has a place. */
  uses(first: number): boolean {
    return this.#holes.some(hole => hole >= first)
  }

  /** `values` in the order of the marks. */
  fill(values: readonly string[]): string {
    const pieces = this.#pieces
    const holes = this.#holes
    let text = pieces[0] as string
    for (let index = 0; index < holes.length; index++) {
      text += (values[holes[index] as number] as string) + (pieces[index + 1] as string)
    }
    return text
  }
}
