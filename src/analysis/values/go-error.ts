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

/** fmt.Errorf with several %w: its text is its own. */
const wrapped: ErrorReader = error => {
  const text = error.text('msg')
  const inner = error.list('errs', JOINED_MAX)
  return text === undefined ? undefined : {text, wraps: inner.flatMap(each => each?.type.name ?? [])}
}

/** net.OpError.Error: operation, network, addresses, what it wraps. */
const operation = wrapping('Err', (error, inner) => {
  const [name, network] = [error.text('Op'), error.text('Net')]
  const [source, target] = ['Source', 'Addr'].map(field =>
    error.isNil(field) ? '' : networkAddress(error.inner(field)),
  )
  if (name === undefined || network === undefined || source === undefined || target === undefined) return undefined
  const from = source === '' ? '' : ` ${source}`
  const to = target === '' ? '' : source === '' ? ` ${target}` : `->${target}`
  return `${name}${network === '' ? '' : ` ${network}`}${from}${to}: ${inner}`
})

/** `10.0.0.1:80`; undefined for all but TCP and UDP over IPv4. */
function networkAddress(address: GoObject | undefined): string | undefined {
  if (!address || !/^\*net\.(?:TCP|UDP)Addr$/.test(address.type.name)) return undefined
  const [ip, port] = [address.bytes('IP', 16), address.number('Port')]
  const isMapped = ip?.length === 16 && ip.subarray(0, 12).every((byte, at) => byte === (at < 10 ? 0 : 0xff))
  const four = ip?.length === 4 ? ip : isMapped ? ip?.subarray(12) : undefined
  return four && port !== undefined ? `${[...four].join('.')}:${port}` : undefined
}

/** runtime.boundsErrorFmts, without that of conversions, whose words differ between releases (runtime/error.go). */
const BOUNDS = [
  'index out of range [%x] with length %y',
  'slice bounds out of range [:%x] with length %y',
  'slice bounds out of range [:%x] with capacity %y',
  'slice bounds out of range [%x:%y]',
  'slice bounds out of range [::%x] with length %y',
  'slice bounds out of range [::%x] with capacity %y',
  'slice bounds out of range [:%x:%y]',
  'slice bounds out of range [%x:%y:]',
] as const
/** Of a negative number: what follows the index says nothing more (runtime.boundsNegErrorFmts). */
const BELOW_ZERO = 'index out of range [%x]'

const bounds: ErrorReader = error => {
  const [code, y] = [error.number('code'), error.number('y')]
  const [x, isSigned] = [error.field('x')?.view.unsigned(), error.number('signed')]
  if (code === undefined || y === undefined || typeof x !== 'bigint') return undefined
  const index = isSigned === 1 ? BigInt.asIntN(64, x) : x
  const isNegative = index < 0n
  const format = isNegative ? (code === 0 ? BELOW_ZERO : undefined) : BOUNDS[code]
  if (format === undefined) return undefined
  return {text: `runtime error: ${format.replace('%x', String(index)).replace('%y', String(y))}`, wraps: []}
}

const plain = (print: (error: GoObject) => string | undefined): ErrorReader => {
  return error => {
    const text = print(error)
    return text === undefined ? undefined : {text, wraps: []}
  }
}

/** By the type as %T prints it. */
const READERS: Readonly<Record<string, ErrorReader>> = {
  '*errors.errorString': withText('s'),
  '*fmt.wrapError': withText('msg', 'err'),
  '*fmt.wrapErrors': wrapped,
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
  '*net.OpError': operation,
  '*net.AddrError': plain(error => {
    const [text, address] = [error.text('Err'), error.text('Addr')]
    if (text === undefined || address === undefined) return undefined
    return address === '' ? text : `address ${address}: ${text}`
  }),
  '*net.DNSError': plain(error => {
    const [name, server, text] = [error.text('Name'), error.text('Server'), error.text('Err')]
    if (name === undefined || server === undefined || text === undefined) return undefined
    return `lookup ${name}${server === '' ? '' : ` on ${server}`}: ${text}`
  }),
  'syscall.Errno': plain(error => error.errnoText()),
  'runtime.boundsError': bounds,
  'runtime.errorString': plain(error => prefixed(error.text())),
  'runtime.plainError': plain(error => error.text()),
  'runtime.errorAddressString': plain(error => prefixed(error.text('msg'))),
  '*time.ParseError': plain(error => {
    const [value, layout, message] = [error.text('Value'), error.text('Layout'), error.text('Message')]
    const [part, expected] = [error.text('ValueElem'), error.text('LayoutElem')]
    if (value === undefined || message === undefined) return undefined
    if (message !== '') return `parsing time ${quoted(value)}${message}`
    if (layout === undefined || part === undefined || expected === undefined) return undefined
    return `parsing time ${quoted(value)} as ${quoted(layout)}: cannot parse ${quoted(part)} as ${quoted(expected)}`
  }),
  'context.deadlineExceededError': () => ({text: 'context deadline exceeded', wraps: []}),
}

function prefixed(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `runtime error: ${text}`
}
