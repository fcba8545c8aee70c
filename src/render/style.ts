/** How parts of the text are set apart. Plain by default; the command hands in a coloured one. */
export interface Style {
  header(text: string): string
  goroutine(text: string): string
  goFunction(text: string): string
  cFunction(text: string): string
  location(text: string): string
  note(text: string): string
}

const plain = (text: string): string => text

export const PLAIN_STYLE: Style = {
  header: plain,
  goroutine: plain,
  goFunction: plain,
  cFunction: plain,
  location: plain,
  note: plain,
}
