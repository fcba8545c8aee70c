/** As much as a pipe of Linux holds (pipe(7)), and Node reads of one at a time: who sends that has more to send. */
const FULL_LENGTH = 64 * 1024
const PIECE_MAX = 4 * 1024 * 1024
/** Less than what a full piece takes to be answered. */
const PATIENCE_MS = 10

type Next = Promise<IteratorResult<string>>

/**
 * The pieces of a text that is sent through a pipe, in larger ones: what fills the pipe waits for what follows, any
 * other for nothing.
 */
export async function* gatheredText(pieces: AsyncIterable<string>): AsyncGenerator<string> {
  const iterator = pieces[Symbol.asyncIterator]()
  const begin = (): Next => {
    const next = iterator.next()
    // Told where it is awaited, which may be later.
    next.catch(() => undefined)
    return next
  }
  let next = begin()
  for (let first = await next; !first.done; first = await next) {
    let text = first.value
    next = begin()
    for (let last = text; last.length >= FULL_LENGTH && text.length < PIECE_MAX; ) {
      last = await inTime(next)
      if (last === '') break
      text += last
      next = begin()
    }
    yield text
  }
}

/** '' where nothing has come by then, or will come. */
async function inTime(next: Next): Promise<string> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(() => resolve(undefined), PATIENCE_MS)
  })
  // What goes wrong is told where the next piece begins, behind what came before.
  const result = await Promise.race([next.catch(() => undefined), late])
  clearTimeout(timer)
  return result === undefined || result.done ? '' : result.value
}
