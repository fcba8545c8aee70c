import {array, functionType, memberPointer, pointer, qualified, reference} from './cxx-declarators.ts'
import type {CxxGrammar} from './cxx-grammar.ts'
import {packExpansion, templated} from './cxx-names.ts'
import {type CxxNode, listed, sequence, text} from './cxx-printer.ts'
import {BUILTIN_TYPES, EXTENDED_TYPES} from './cxx-words.ts'

/** Types of one letter before another type. */
const WRAPPED: Readonly<Record<string, (inner: CxxNode) => CxxNode>> = {
  P: pointer,
  R: inner => reference(inner, '&'),
  O: inner => reference(inner, '&&'),
  C: inner => qualified(inner, ' _Complex'),
  G: inner => qualified(inner, ' _Imaginary'),
}

/** <type> of the Itanium C++ ABI, 5.1.5. */
export function readType(reader: CxxGrammar): CxxNode {
  const next = reader.text.peek()
  const builtin = BUILTIN_TYPES[next]
  if (builtin !== undefined) {
    reader.text.skip(1)
    return text(builtin)
  }
  const wrap = WRAPPED[next]
  if (wrap) {
    reader.text.skip(1)
    return reader.remember(wrap(reader.type()))
  }
  switch (next) {
    case 'r':
    case 'V':
    case 'K':
      return readQualifiedType(reader)
    case 'F':
      return reader.remember(readFunctionType(reader, ''))
    case 'A':
      return reader.remember(readArrayType(reader))
    case 'M': {
      reader.text.skip(1)
      const owner = reader.type()
      return reader.remember(memberPointer(owner, reader.type()))
    }
    case 'u':
      reader.text.skip(1)
      return reader.remember(readVendorType(reader))
    case 'U':
      if (reader.text.peek(1) !== 'l' && reader.text.peek(1) !== 't') return readVendorQualified(reader)
      break
    case 'D': {
      const type = readExtendedType(reader)
      if (type) return type
      break
    }
    case 'T':
      return readParameterType(reader)
    case 'S':
      if (reader.text.peek(1) !== 't') {
        const name = reader.substitution()
        return reader.text.peek() === 'I' ? reader.remember(reader.withArgs(name)) : name
      }
      break
  }
  return reader.remember(reader.name())
}

function readParameterType(reader: CxxGrammar): CxxNode {
  if (/^T[sue]/.test(reader.text.peekTwo())) {
    reader.text.skip(2)
    return reader.remember(reader.name())
  }
  const parameter = reader.remember(reader.templateParam())
  const hasArgs = reader.text.peek() === 'I' && !reader.inConversion
  return hasArgs ? reader.remember(reader.withArgs(parameter)) : parameter
}

function readVendorType(reader: CxxGrammar): CxxNode {
  const name = reader.sourceName()
  return reader.text.peek() === 'I' ? reader.withArgs(name) : name
}

function readVendorQualified(reader: CxxGrammar): CxxNode {
  reader.text.skip(1)
  const name = text(reader.text.sourceText())
  const words = reader.text.peek() === 'I' ? templated(name, reader.templateArgs()) : name
  const type = reader.type()
  return reader.remember({...sequence(type, ' ', words), qualifies: type})
}

function readQualifiedType(reader: CxxGrammar): CxxNode {
  const words = reader.qualifiers()
  // Qualifiers of a function type stand behind its parameters.
  if (reader.text.peek() === 'F' || /^D[oOwx]/.test(reader.text.peekTwo()))
    return reader.remember(readFunctionType(reader, words))
  return reader.remember(qualified(reader.type(), words))
}

function readFunctionType(reader: CxxGrammar, words: string): CxxNode {
  const exceptions = readExceptions(reader)
  reader.text.expect('F')
  reader.text.accept('Y')
  const result = reader.type()
  const parameters: CxxNode[] = []
  let qualifiers = words
  while (!reader.text.accept('E')) {
    const two = reader.text.peekTwo()
    if (two === 'RE' || two === 'OE') {
      qualifiers += two === 'RE' ? ' &' : ' &&'
      reader.text.skip(1)
    } else if (!reader.text.accept('v')) parameters.push(reader.type())
  }
  const isBare = qualifiers === '' && exceptions.length === 0
  return functionType({result, parameters, suffix: isBare ? undefined : sequence(qualifiers, ...exceptions)})
}

/** `noexcept`, `throw(…)` and the like before the `F` of a function type. */
function readExceptions(reader: CxxGrammar): (string | CxxNode)[] {
  const words: (string | CxxNode)[] = []
  if (reader.text.accept('Do')) words.push(' noexcept')
  else if (reader.text.accept('DO')) {
    words.push(' noexcept(', reader.expression(), ')')
    reader.text.expect('E')
  } else if (reader.text.accept('Dw')) {
    const thrown: CxxNode[] = []
    while (!reader.text.accept('E')) thrown.push(reader.type())
    words.push(listed(' throw(', thrown, ')'))
  }
  if (reader.text.accept('Dx')) words.push(' transaction_safe')
  return words
}

function readArrayType(reader: CxxGrammar): CxxNode {
  reader.text.expect('A')
  let dimension: CxxNode | undefined
  if (/[0-9]/.test(reader.text.peek())) dimension = text(reader.text.digits())
  else if (reader.text.peek() !== '_') dimension = reader.expression()
  reader.text.expect('_')
  return array(reader.type(), dimension)
}

/** Types that start with D; undefined for a name that does. */
function readExtendedType(reader: CxxGrammar): CxxNode | undefined {
  const two = reader.text.peekTwo()
  const builtin = EXTENDED_TYPES[two]
  if (builtin !== undefined) {
    reader.text.skip(2)
    return text(builtin)
  }
  switch (two) {
    case 'Dt':
    case 'DT':
      return reader.remember(reader.decltype())
    case 'Dp':
      reader.text.skip(2)
      return reader.remember(packExpansion(reader.type()))
    case 'Dv':
      return reader.remember(readVector(reader))
    case 'Do':
    case 'DO':
    case 'Dw':
    case 'Dx':
      return reader.remember(readFunctionType(reader, ''))
    case 'DF':
      return readFloat(reader)
    case 'DB':
    case 'DU': {
      reader.text.skip(2)
      const bits = reader.text.until('_')
      return text(two === 'DB' ? `_BitInt(${bits})` : `unsigned _BitInt(${bits})`)
    }
  }
  return undefined
}

function readVector(reader: CxxGrammar): CxxNode {
  reader.text.expect('Dv')
  let dimension: string | CxxNode = ''
  if (/[0-9]/.test(reader.text.peek())) dimension = reader.text.digits()
  else if (reader.text.accept('_') && reader.text.peek() !== '_') dimension = reader.expression()
  reader.text.expect('_')
  const element = reader.type()
  return {...sequence(element, ' __vector(', dimension, ')'), qualifies: element}
}

function readFloat(reader: CxxGrammar): CxxNode {
  reader.text.expect('DF')
  const bits = reader.text.number()
  if (reader.text.accept('b')) return text(`std::bfloat${bits}_t`)
  const extended = reader.text.accept('x') ? 'x' : ''
  reader.text.accept('_')
  return text(`_Float${bits}${extended}`)
}
