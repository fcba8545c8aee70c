import {type CxxNode, type Printer, sequence} from './cxx-printer.ts'

/** A name in an expression. */
export function plain(value: string): CxxNode {
  return {left: printer => printer.add(value), base: value, plain: true}
}

/** Most names are nested: a copy of another node would take a quarter of the time of a demangled name. */
export function nested(scope: CxxNode, name: CxxNode): CxxNode {
  return {
    left: printer => {
      printer.whole(scope)
      printer.add('::')
      printer.whole(name)
    },
    base: name.base,
    plain: true,
    nested: true,
  }
}

export function tagged(name: CxxNode, tag: string): CxxNode {
  return {...sequence(name, `[abi:${tag}]`), base: name.base}
}

/** A name with template arguments. */
export function templated(name: CxxNode, args: readonly CxxNode[]): CxxNode {
  return {
    left: printer => {
      const {namedArgs} = printer
      printer.namedArgs = args
      printer.whole(name)
      printer.namedArgs = namedArgs
      printer.add(printer.last === '<' ? ' <' : '<')
      printer.list(args)
      // Both GNU's and LLVM's demangler forget the space behind an empty pack.
      printer.add(printer.last === '>' && !printer.endsEmpty ? ' >' : '>')
    },
    base: name.base,
  }
}

/** `operator T`: its template parameters are the arguments of the very operator. */
export function conversion(type: CxxNode): CxxNode {
  return {
    left: printer => {
      const {namedArgs, scope} = printer
      printer.add('operator ')
      const template = namedArgs ? {args: namedArgs, outer: scope.template} : scope.template
      printer.within({...scope, template}, () => printer.whole(type))
    },
  }
}

export function templateParameter(index: number): CxxNode {
  const printBound = (printer: Printer, part: 'left' | 'right'): void => {
    const bound = printer.bind({left: () => undefined, parameter: index})
    if (part === 'left') printer.boundLeft(bound)
    else printer.boundRight(bound)
  }
  return {
    left: printer => printBound(printer, 'left'),
    right: printer => printBound(printer, 'right'),
    parameter: index,
  }
}

/** The arguments that a `J…E` stands for. */
export function packOf(elements: readonly CxxNode[]): CxxNode {
  const node: CxxNode = {
    left: printer => {
      if (printer.scope.packIndex < 0) printer.list(elements)
      else printer.boundLeft(printer.bind(node))
    },
    right: printer => {
      if (printer.scope.packIndex >= 0) printer.boundRight(printer.bind(node))
    },
    pack: elements,
  }
  return node
}

/** `pattern...`: printed once for each element of the packs in it. */
export function packExpansion(pattern: CxxNode): CxxNode {
  return {
    left: printer => {
      const {packLength, mark, scope} = printer
      printer.packLength = -1
      const printElement = (packIndex: number): void => {
        printer.scope = {...scope, packIndex}
        printer.whole(pattern)
      }
      printElement(0)
      const length = printer.packLength
      if (length < 0) printer.add('...')
      else if (length === 0) printer.rewind(mark)
      for (let element = 1; element < length; element++) {
        printer.add(', ')
        printElement(element)
      }
      printer.scope = scope
      printer.packLength = packLength
    },
  }
}
