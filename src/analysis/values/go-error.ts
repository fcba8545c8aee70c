import type {GoObject} from './go-object.ts'
import {quoted} from './text-value.ts'

/** Errors that are wrapped by errors; a chain that leads back to itself has no end. */
const CHAIN_MAX = 16
const JOINED_MAX = 64

/** What an error of the standard library prints, and the types of those that it wraps, the nearest first. */
export interface ErrorText {
  readonly text: string
  readonly wraps: readonly string[]
}

/** undefined for an error whose Error method is code of the program, or whose fields cannot be read. */
export function readErrorText(error: GoObject | undefined, depth = 0): ErrorText | undefined {
  if (!error || depth > CHAIN_MAX) return undefined
  return READERS[error.type.name]?.(error, depth)
}

type ErrorReader = (error: GoObject, depth: number) => ErrorText | undefined

/** One that is made of its own fields and of the error that it wraps in `name`. */
function wrapping(name: string, print: (error: GoObject, inner: string) => string | undefined): ErrorReader {
  return (error, depth) => {
    const inner = error.inner(name)
    const found = readErrorText(inner, depth + 1)
    if (!found || !inner) return undefined
    const text = print(error, found.text)
    return text === undefined ? undefined : {text, wraps: [inner.type.name, ...found.wraps]}
  }
}

/** One whose text a field holds; what it wraps is in `inner`. */
function withText(field: string | undefined, inner?: string): ErrorReader {
  return (error, depth) => {
    const text = error.text(field)
    const wrapped = inner === undefined ? undefined : error.inner(inner)
    if (text === undefined) return undefined
    const further = readErrorText(wrapped, depth + 1)?.wraps ?? []
    return {text, wraps: wrapped ? [wrapped.type.name, ...further] : []}
  }
}

const path = wrapping('Err', (error, inner) => joined([error.text('Op'), error.text('Path')], inner))
const call = wrapping('Err', (error, inner) => joined([error.text('Syscall')], inner))

function joined(words: readonly (string | undefined)[], inner: string): string | undefined {
  return words.includes(undefined) ? undefined : `${words.join(' ')}: ${inner}`
}

/** errors.Join, and several %w: their texts are lines, or one text that holds them. */
const list: ErrorReader = (error, depth) => {
  const inner = error.list('errs', JOINED_MAX)
  const texts = inner.map(each => readErrorText(each, depth + 1)?.text)
  if (texts.length === 0 || texts.includes(undefined)) return undefined
  return {text: texts.join('\n'), wraps: inner.flatMap(each => each?.type.name ?? [])}
}

/** By the type as %T prints it. */
const READERS: Readonly<Record<string, ErrorReader>> = {
  '*errors.errorString': withText('s'),
  '*fmt.wrapError': withText('msg', 'err'),
  '*fmt.wrapErrors': withText('msg'),
  '*fmt.fmtError': withText('msg'),
  '*errors.joinError': list,
  '*fs.PathError': path,
  '*os.PathError': path,
  '*os.SyscallError': call,
  '*os.LinkError': wrapping('Err', (error, inner) =>
    joined([error.text('Op'), error.text('Old'), error.text('New')], inner),
  ),
  '*url.Error': wrapping('Err', (error, inner) => {
    const [operation, url] = [error.text('Op'), error.text('URL')]
    return operation === undefined || url === undefined ? undefined : `${operation} ${quoted(url)}: ${inner}`
  }),
  '*strconv.NumError': wrapping('Err', (error, inner) => {
    const [name, number] = [error.text('Func'), error.text('Num')]
    return name === undefined || number === undefined
      ? undefined
      : `strconv.${name}: parsing ${quoted(number)}: ${inner}`
  }),
  '*json.SyntaxError': withText('msg'),
  'context.deadlineExceededError': () => ({text: 'context deadline exceeded', wraps: []}),
}
