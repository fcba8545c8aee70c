import {type Bound, type CxxNode, type Printer, sequence} from './cxx-printer.ts'

/** Qualifiers and references that are looked through. */
const CHAIN_LIMIT = 64

/** A type with `const`, `volatile` or another word behind it. */
export function qualified(child: CxxNode, words: string): CxxNode {
  return {
    left: printer => {
      printer.left(child)
      if (!hasWords(printer, child, words)) printer.add(words)
    },
    right: printer => printer.right(child),
    shape: child.shape,
    qualifies: child,
    words,
  }
}

/** A parameter may stand for what is const already. */
function hasWords(printer: Printer, child: CxxNode, words: string): boolean {
  if (child.parameter === undefined) return false
  const {node} = printer.bind(child)
  return node.words !== undefined && node.words === words
}

/** The declared thing behind qualifiers and, if wanted, pointers. */
function unwrap(printer: Printer, node: CxxNode, behindPointers: boolean): CxxNode {
  let bound = printer.bind(node)
  for (let limit = 0; limit < CHAIN_LIMIT; limit++) {
    const {qualifies, pointee} = bound.node
    const inner = qualifies ?? (behindPointers ? pointee : undefined)
    if (!inner) break
    bound = printer.bind(inner, bound.scope)
  }
  return bound.node
}

/**
 * Whether a type has text behind what it declares, so that its left part ends with an open parenthesis or is to be
 * closed.
 */
function surrounds(printer: Printer, type: CxxNode): boolean {
  return unwrap(printer, type, true).shape !== undefined
}

function openDeclarator(printer: Printer, child: Bound): void {
  printer.boundLeft(child)
  printer.within(child.scope, () => {
    const {shape} = unwrap(printer, child.node, false)
    if (shape === 'array') printer.add(' ')
    if (shape) printer.add('(')
  })
}

function closeDeclarator(printer: Printer, child: Bound): void {
  printer.within(child.scope, () => {
    if (unwrap(printer, child.node, false).shape) printer.add(')')
  })
  printer.boundRight(child)
}

export function pointer(child: CxxNode): CxxNode {
  return {
    left: printer => {
      openDeclarator(printer, printer.bind(child))
      printer.add('*')
    },
    right: printer => closeDeclarator(printer, printer.bind(child)),
    pointee: child,
  }
}

/** References to references collapse: `T& &&` is `T&`. */
export function reference(child: CxxNode, sign: '&' | '&&'): CxxNode {
  const collapse = (printer: Printer): {target: Bound; sign: '&' | '&&'} => {
    let target = printer.bindReferenced(self, child)
    let collapsed = sign
    for (let limit = 0; target.node.reference && target.node.pointee && limit < CHAIN_LIMIT; limit++) {
      if (target.node.reference === '&') collapsed = '&'
      target = printer.bind(target.node.pointee, target.scope)
    }
    return {target, sign: collapsed}
  }
  const self: CxxNode = {
    left: printer => {
      const {target, sign: collapsed} = collapse(printer)
      printer.referred(self, child, () => openDeclarator(printer, target))
      printer.add(collapsed)
    },
    right: printer => {
      const {target} = collapse(printer)
      printer.referred(self, child, () => closeDeclarator(printer, target))
    },
    reference: sign,
    pointee: child,
  }
  return self
}

export function memberPointer(owner: CxxNode, member: CxxNode): CxxNode {
  return {
    left: printer => {
      printer.left(member)
      const {shape} = unwrap(printer, member, false)
      if (printer.last !== ' ') printer.add(' ')
      if (shape) printer.add('(')
      printer.whole(owner)
      printer.add('::*')
    },
    right: printer => {
      if (unwrap(printer, member, false).shape) printer.add(')')
      printer.right(member)
    },
    pointee: member,
  }
}

export function array(element: CxxNode, dimension: CxxNode | undefined): CxxNode {
  return {
    left: printer => printer.left(element),
    right: printer => {
      printer.add(printer.last === ']' ? '[' : ' [')
      if (dimension) printer.whole(dimension)
      printer.add(']')
      printer.right(element)
    },
    shape: 'array',
  }
}

export interface FunctionParts {
  readonly result: CxxNode | undefined
  readonly parameters: readonly CxxNode[]
  /** ` const`, ` &`, ` noexcept` and the like. */
  readonly suffix: CxxNode | undefined
}

function printBehind(printer: Printer, {result, parameters, suffix}: FunctionParts): void {
  printer.add('(')
  printer.list(parameters)
  printer.add(')')
  if (result) printer.right(result)
  if (suffix) printer.whole(suffix)
}

function printResult(printer: Printer, result: CxxNode): void {
  printer.left(result)
  if (!surrounds(printer, result)) printer.add(' ')
}

export function functionType(parts: FunctionParts): CxxNode {
  return {
    left: printer => {
      if (parts.result) printResult(printer, parts.result)
    },
    right: printer => printBehind(printer, parts),
    shape: 'function',
  }
}

/**
 * A function's name with its parameters, and with its result where that is part of the mangling. Template parameters in
 * them are arguments of the name's own template, not of the one that the name is printed in.
 */
export function encoding(name: CxxNode, args: readonly CxxNode[] | undefined, parts: FunctionParts): CxxNode {
  const {result} = parts
  const inTemplate = (printer: Printer, print: () => void): void => {
    const {scope} = printer
    const template = args ? {args, outer: scope.template} : scope.template
    printer.within({template, packIndex: -1}, print)
  }
  return {
    left: printer => {
      if (result) inTemplate(printer, () => printResult(printer, result))
      printer.whole(name)
      inTemplate(printer, () => printBehind(printer, parts))
    },
    functionName: parts.suffix ? undefined : name,
  }
}

/** `base-in-derived`, of a construction vtable. */
export function baseIn(derived: CxxNode, base: CxxNode): CxxNode {
  return sequence(base, '-in-', derived)
}
