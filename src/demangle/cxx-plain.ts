import {
  codeAt,
  DEPTH_MAX,
  END,
  type End,
  expect,
  giveUp,
  isDigit,
  LENGTH_MAX,
  type Piece,
  pieceOf,
  type Reading,
  readNumber,
  readText,
  remember,
  TEXT_MAX,
  UNKNOWN,
} from './cxx-plain-reading.ts'
import {BUILTIN_TYPES, EXTENDED_TYPES, findOperator, LITERAL_SUFFIX, STANDARD_NAMES} from './cxx-words.ts'
import {MangledText} from './mangled-text.ts'

/**
 * Most names of C++ read the same wherever a part of them stands, so that their text can be written while they are read
 * (Itanium C++ ABI, 5.1): no declarator stands around another, and what a template parameter stands for was read before
 * it. That takes a third of the time of a tree of nodes, to which all other names are left.
 */

const B = 0x42
const C = 0x43
const D = 0x44
const E = 0x45
const F = 0x46
const I = 0x49
const J = 0x4a
const K = 0x4b
const L = 0x4c
const N = 0x4e
const O = 0x4f
const P = 0x50
const R = 0x52
const S = 0x53
const T = 0x54
const SMALL_A = 0x61
const SMALL_B = 0x62
const SMALL_N = 0x6e
const SMALL_P = 0x70
const SMALL_T = 0x74
const SMALL_V = 0x76
const SMALL_Z = 0x7a
const UNDERSCORE = 0x5f
const DOT = 0x2e

/** Codes of types. */
const FLOATS = 'fdeg'

const STD = pieceOf('std')
/** By the code of their letter. */
const BUILTIN_PIECES: (Piece | undefined)[] = Array.from({length: 128}, (_, code) => {
  const name = BUILTIN_TYPES[String.fromCharCode(code)]
  return name === undefined ? undefined : pieceOf(name)
})

/** The source name, in GNU's spelling; undefined where the tree has to tell. */
export function demanglePlain(mangled: string): string | undefined {
  if (!mangled.startsWith('_Z') || mangled.length > LENGTH_MAX) return undefined
  const reading: Reading = {
    mangled,
    at: 2,
    depth: 0,
    substitutions: [],
    params: undefined,
    args: undefined,
    suffix: '',
    isStructor: false,
  }
  const text = readEncoding(reading)
  if (text.length > TEXT_MAX || reading.at > mangled.length) return undefined
  if (reading.at === mangled.length) return flat(text)
  const rest = new MangledText(mangled, reading.at)
  const clones = rest.cloneSuffixes()
  return rest.atEnd ? text + clones : undefined
}

/** One piece: V8 makes it of the tree of all pieces, which it had to keep, when a character is asked for. */
function flat(text: string): string {
  text.charCodeAt(0)
  return text
}

function readSourceName(reading: Reading): string {
  const name = readText(reading)
  return name.startsWith('_GLOBAL_') && /^_GLOBAL_[._$]N/.test(name) ? '(anonymous namespace)' : name
}

function readEncoding(reading: Reading): string {
  const name = codeAt(reading) === N ? readNestedName(reading) : readUnscopedName(reading)
  const {args, suffix, isStructor} = reading
  if (isAtEnd(reading)) return name.text
  reading.params = args
  const result = args === undefined || isStructor ? '' : `${readResult(reading)} `
  return `${result}${name.text}(${readParameters(reading)})${suffix}`
}

/** Behind the name, or the parameters, of the whole. */
function isAtEnd(reading: Reading): boolean {
  return reading.at >= reading.mangled.length || codeAt(reading) === DOT
}

/** A result with a declarator would stand around the function. */
function readResult(reading: Reading): string {
  const result = readType(reading)
  if (result.end >= END.declarator) giveUp(reading)
  return result.text
}

/** Up to the end of the name, or the `E` of a function type. */
function readParameters(reading: Reading): string {
  let list = ''
  if (codeAt(reading) === SMALL_V) {
    reading.at++
    return list
  }
  while (!isAtEnd(reading) && codeAt(reading) !== E) {
    const isPack = codeAt(reading) === D && codeAt(reading, 1) === SMALL_P
    const text = isPack ? readPackExpansion(reading) : readType(reading).text
    if (text === 'void') giveUp(reading)
    list = joined(list, text)
  }
  return list
}

/** What an empty pack leaves takes no comma. */
function joined(list: string, text: string): string {
  return list === '' ? text : text === '' ? list : `${list}, ${text}`
}

/** `Dp <pattern>`, of a parameter pack behind pointers, references and `const` alone. */
function readPackExpansion(reading: Reading): string {
  reading.at += 2
  const start = reading.at
  while (isWrapper(codeAt(reading))) reading.at++
  const wrappers = reading.mangled.slice(start, reading.at)
  const elements = codeAt(reading) === T ? readParameter(reading, true).elements : undefined
  if (!elements || codeAt(reading) === I) return giveUp(reading).text
  // Nothing that stands for the pattern, or a part of it, can be told by its text.
  for (let count = wrappers.length + 2; count > 0; count--) remember(reading, UNKNOWN)
  let list = ''
  for (let element of elements) {
    for (let at = wrappers.length - 1; at >= 0; at--) element = wrapped(reading, wrappers.charCodeAt(at), element)
    list = joined(list, element.text)
  }
  return list
}

function readUnscopedName(reading: Reading): Piece {
  const isStd = codeAt(reading) === S && codeAt(reading, 1) === SMALL_T
  if (isStd) reading.at += 2
  const name = readUnqualifiedName(reading, isStd ? STD : undefined)
  reading.suffix = ''
  reading.args = undefined
  return codeAt(reading) === I ? readTemplated(reading, remember(reading, name)) : name
}

/** The whole of it is remembered only as a type. */
function readNestedName(reading: Reading): Piece {
  reading.at++
  const isConst = codeAt(reading) === K
  if (isConst) reading.at++
  let scope = codeAt(reading) === S ? readAbbreviation(reading) : undefined
  const count = reading.substitutions.length
  let isStructor = false
  for (let code = codeAt(reading); code !== E && reading.at < reading.mangled.length; code = codeAt(reading)) {
    if (code !== I) reading.args = undefined
    scope = remember(reading, readNestedPart(reading, code, scope))
    if (code !== I) isStructor = reading.isStructor
  }
  expect(reading, E)
  reading.suffix = isConst ? ' const' : ''
  reading.isStructor = isStructor
  if (!scope || reading.substitutions.length === count) return giveUp(reading)
  reading.substitutions.pop()
  return scope
}

function readNestedPart(reading: Reading, code: number, scope: Piece | undefined): Piece {
  if (code === I) return scope ? readTemplated(reading, scope) : giveUp(reading)
  if (code === T && !scope) return readParameter(reading, false)
  return readUnqualifiedName(reading, scope)
}

/** A name behind a scope, with the scope. */
function readUnqualifiedName(reading: Reading, scope: Piece | undefined): Piece {
  if (codeAt(reading) === L) reading.at++
  const code = codeAt(reading)
  reading.isStructor = false
  let end: End = END.other
  let base: string
  if (isDigit(code)) base = readSourceName(reading)
  else if (code >= SMALL_A && code <= SMALL_Z) {
    base = readOperator(reading)
    // `operator< <int>`
    if (base.endsWith('<')) end = END.unknown
  } else base = readStructor(reading, scope?.base ?? '')
  let name = base
  while (codeAt(reading) === B) {
    reading.at++
    name += `[abi:${readText(reading)}]`
  }
  return pieceOf(scope ? `${scope.text}::${name}` : name, end, base)
}

function readStructor(reading: Reading, base: string): string {
  const isDestructor = codeAt(reading) === D
  if (base === '' || !(isDestructor || codeAt(reading) === C) || !isDigit(codeAt(reading, 1))) giveUp(reading)
  reading.at += 2
  reading.isStructor = true
  return isDestructor ? `~${base}` : base
}

function readOperator(reading: Reading): string {
  const operator = findOperator(reading.mangled.slice(reading.at, reading.at + 2))
  if (!operator) return giveUp(reading).text
  reading.at += 2
  return `operator${/^[a-z]/.test(operator.name) ? ' ' : ''}${operator.name}`
}

/** `S_`, `S0_`, `St`, `Sa`. */
function readAbbreviation(reading: Reading): Piece {
  reading.at++
  const code = codeAt(reading)
  if (code === SMALL_T) {
    reading.at++
    return STD
  }
  if (code >= SMALL_A && code <= SMALL_Z) return readStandardName(reading)
  let index = 0
  if (code !== UNDERSCORE) {
    const end = reading.mangled.indexOf('_', reading.at)
    const digits = reading.mangled.slice(reading.at, Math.max(end, reading.at))
    if (!/^[0-9A-Z]{1,5}$/.test(digits)) return giveUp(reading)
    index = Number.parseInt(digits, 36) + 1
    reading.at = end
  }
  reading.at++
  const found = reading.substitutions[index]
  return found && found.end !== END.unknown ? found : giveUp(reading)
}

/** A constructor or a tag behind it asks for more than its short name. */
function readStandardName(reading: Reading): Piece {
  const standard = STANDARD_NAMES[reading.mangled.charAt(reading.at)]
  reading.at++
  const code = codeAt(reading)
  return !standard || code === C || code === D || code === B
    ? giveUp(reading)
    : pieceOf(standard.name, 0, standard.base)
}

/** `T_`, which is remembered by who reads it. A pack stands in an expansion alone, and nothing else does. */
function readParameter(reading: Reading, isPack: boolean): Piece {
  reading.at++
  const index = codeAt(reading) === UNDERSCORE ? 0 : readNumber(reading) + 1
  expect(reading, UNDERSCORE)
  const argument = reading.params?.[index]
  if (!argument || (argument.elements !== undefined) !== isPack) return giveUp(reading)
  return {text: argument.text, end: argument.end, base: '', elements: argument.elements}
}

function readTemplated(reading: Reading, name: Piece): Piece {
  reading.at++
  const args: Piece[] = []
  let list = ''
  let endsInAngle = false
  while (codeAt(reading) !== E && reading.at < reading.mangled.length) {
    const argument = codeAt(reading) === J ? readPack(reading) : readArgument(reading)
    args.push(argument)
    list = joined(list, argument.text)
    // Both GNU's and LLVM's demangler forget the space behind an empty pack.
    endsInAngle = argument.end === END.angle
  }
  reading.at++
  reading.args = args
  return name.end === END.unknown
    ? giveUp(reading)
    : pieceOf(`${name.text}<${list}${endsInAngle ? ' >' : '>'}`, END.angle, name.base)
}

/** `J … E`. */
function readPack(reading: Reading): Piece {
  reading.at++
  const elements: Piece[] = []
  let text = ''
  while (codeAt(reading) !== E && reading.at < reading.mangled.length) {
    const element = readArgument(reading)
    elements.push(element)
    text = joined(text, element.text)
  }
  reading.at++
  return {text, end: elements.at(-1)?.end ?? END.other, base: '', elements}
}

function readArgument(reading: Reading): Piece {
  return codeAt(reading) === L ? readLiteral(reading) : readType(reading)
}

/** `L <type> <value> E`, of a number. */
function readLiteral(reading: Reading): Piece {
  reading.at++
  const code = codeAt(reading)
  const letter = reading.mangled.charAt(reading.at)
  // Neither a function, nor what is not written as a whole number.
  const isNumber = BUILTIN_PIECES[code] ? !FLOATS.includes(letter) : code === N || code === S || isDigit(code)
  if (!isNumber) return giveUp(reading)
  const type = readType(reading)
  const isNegative = codeAt(reading) === SMALL_N
  const start = isNegative ? reading.at + 1 : reading.at
  const end = reading.mangled.indexOf('E', start)
  if (end < 0) return giveUp(reading)
  reading.at = end + 1
  const value = reading.mangled.slice(start, end)
  if (code === SMALL_B && !isNegative && (value === '0' || value === '1'))
    return pieceOf(value === '1' ? 'true' : 'false')
  const number = isNegative ? `-${value}` : value
  const suffix = LITERAL_SUFFIX[letter]
  return pieceOf(suffix === undefined ? `(${type.text})${number}` : number + suffix)
}

function isWrapper(code: number): boolean {
  return code === P || code === R || code === O || code === K
}

/** A type with a pointer, reference or `const` behind it. References to references collapse: `T& &&` is `T&`. */
function wrapped(reading: Reading, code: number, {text, end}: Piece): Piece {
  const isReference = end === END.reference || end === END.rvalueReference
  if (end >= END.declarator) return giveUp(reading)
  if (code === R)
    return pieceOf(end === END.rvalueReference ? text.slice(0, -1) : isReference ? text : `${text}&`, END.reference)
  if (code === O) return isReference ? pieceOf(text, end) : pieceOf(`${text}&&`, END.rvalueReference)
  // A parameter may stand for what is const already.
  if (isReference || (code === K && end === END.word)) return giveUp(reading)
  return code === K ? pieceOf(`${text} const`, END.word) : pieceOf(`${text}*`)
}

/** <type>. */
function readType(reading: Reading): Piece {
  const code = codeAt(reading)
  const builtin = BUILTIN_PIECES[code]
  if (builtin) {
    reading.at++
    return builtin
  }
  if (++reading.depth > DEPTH_MAX) giveUp(reading)
  const type = isWrapper(code) ? readWrapped(reading, code) : readNamedType(reading, code)
  reading.depth--
  return type
}

function readWrapped(reading: Reading, code: number): Piece {
  reading.at++
  if (codeAt(reading) === F && code !== K) return readFunctionType(reading, code === P ? '*' : code === R ? '&' : '&&')
  return remember(reading, wrapped(reading, code, readType(reading)))
}

/** A function type, or with a sign a pointer or reference to it. */
function readFunctionType(reading: Reading, sign: string): Piece {
  reading.at++
  const result = readResult(reading)
  const parameters = readParameters(reading)
  expect(reading, E)
  const bare = pieceOf(`${result} (${parameters})`, END.declarator)
  remember(reading, bare)
  return sign === '' ? bare : remember(reading, pieceOf(`${result} (${sign})(${parameters})`, END.declarator))
}

function readNamedType(reading: Reading, code: number): Piece {
  if (code === F) return readFunctionType(reading, '')
  if (code === D) return readExtendedType(reading)
  if (code === N) return remember(reading, readNestedName(reading))
  let name: Piece
  if (code === T) {
    name = remember(reading, readParameter(reading, false))
  } else if (code === S && codeAt(reading, 1) !== SMALL_T) name = readAbbreviation(reading)
  else return code === S || isDigit(code) ? remember(reading, readUnscopedName(reading)) : giveUp(reading)
  return codeAt(reading) === I ? remember(reading, readTemplated(reading, name)) : name
}

function readExtendedType(reading: Reading): Piece {
  const name = EXTENDED_TYPES[reading.mangled.slice(reading.at, reading.at + 2)]
  if (name === undefined) return giveUp(reading)
  reading.at += 2
  return pieceOf(name)
}
