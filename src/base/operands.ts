/** No word of a command line can hold it. */
const SEPARATOR = '\0'

/**
 * A command line with words in a row joined to one: what is no flag, but for the first word, which may be the value of
 * the flag before it. The framework's time grows with the square of their number (15 s for 30,000 words), and it sorts
 * words that stand there twice: `a b a` becomes `a a b`.
 */
export function joinOperands(words: readonly string[]): string[] {
  const joined: string[] = []
  let run: string[] = []
  let isBehindFlags = false
  const endRun = (): void => {
    if (run.length > 0) joined.push(run.join(SEPARATOR))
    run = []
  }
  let isAlone = true
  for (const word of words) {
    const isFlag = !isBehindFlags && word.startsWith('-') && word !== '-'
    if (isFlag || isAlone) {
      endRun()
      joined.push(word)
    } else run.push(word)
    isBehindFlags ||= word === '--'
    isAlone = isFlag
  }
  endRun()
  return joined
}

/** What was joined. */
export function splitOperands(words: readonly string[]): string[] {
  return words.flatMap(word => word.split(SEPARATOR))
}
