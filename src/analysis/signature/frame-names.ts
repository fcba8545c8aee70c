import {Demangler} from '../../demangle/demangler.ts'
import {packageLength} from '../../gosym/func-name.ts'
import {sourceName} from '../frames/c-frames.ts'

// The name that a function keeps: without what a compiler, a linker or an instance of a template adds to it.

/** Longer names are cut: nothing that tells two functions apart comes so late. */
const NAME_LIMIT = 500

/** Closures, and bodies of loops over functions, are numbered as the compiler meets them (cmd/compile, ir/func.go). */
const GO_CLOSURE = /(?:\.func\d+|\.\d+|-range\d+|-fm)+$/
const GO_ABI = /\.abi(?:0|internal)$/

/** @param isFunction whether a Go function has that name */
export function stableGoName(name: string, isFunction: (name: string) => boolean = () => false): string {
  const plain = withoutBalanced(name.replace(GO_ABI, ''), '[', ']').replaceAll('[]', '[...]')
  const closure = /\.init\.\d+$/.test(plain) ? undefined : GO_CLOSURE.exec(plain)?.[0]
  if (closure === undefined) return plain.slice(0, NAME_LIMIT)
  const outer = plain.slice(0, -closure.length)
  // The body of a loop and a method's value belong to the function that they are written in.
  if (!/\.(?:func)?\d/.test(closure)) return outer.slice(0, NAME_LIMIT)
  return `${definingFunction(outer, isFunction)}.func`.replace(/\.glob\.\.func$/, '.init.func').slice(0, NAME_LIMIT)
}

/**
 * What calls and is no function by that name: what cgo writes around a function that C may call, with a hash of the
 * package and outside of it; a closure; what initializes a package.
 */
const CALLER = /^(?:_cgoexp_[0-9a-f]+_.*|(?:func)?\d+|init)$/

/**
 * From Go 1.22 on a closure of an inlined function is called `pkg.caller.inlined.func1`, where a closure was the caller
 * `pkg.caller.func2.inlined.func1`: the callers are taken off. A type is no function, so methods keep theirs.
 */
function definingFunction(outer: string, isFunction: (name: string) => boolean): string {
  const packagePath = outer.slice(0, packageLength(outer))
  if (packagePath === outer) return outer
  let rest = outer.slice(packagePath.length + 1)
  for (let dot = rest.indexOf('.'); dot > 0 && !rest.startsWith('('); dot = rest.indexOf('.')) {
    const first = rest.slice(0, dot)
    if (!CALLER.test(first) && !isFunction(`${packagePath}.${first}`)) break
    rest = rest.slice(dot + 1)
  }
  return `${packagePath}.${rest}`
}

const demangler = new Demangler()

/** A function of C, C++ or Rust: without arguments of templates, parameters, tags of an ABI, hashes and clones. */
export function stableCName(name: string): string {
  const linked = name.replace(/@plt$|@{1,2}[A-Z][\w.]*$/, '')
  const plain = sourceName(demangler.demangle(linked) ?? linked).replace(/(?:\._omp_fn)?\.\d+$/, '')
  const isScoped = /[(<]|::/.test(plain)
  return (isScoped ? stableScopedName(plain) : plain).slice(0, NAME_LIMIT)
}

function stableScopedName(name: string): string {
  const rust = name
    .replace(/::h[0-9a-f]{16}$/, '')
    .replace(/\{\{closure\}\}|\{closure(?:#\d+)?\}/g, '{closure}')
    .replace(/(?<=\w)\[[0-9a-f]{6,16}\]/g, '')
  const plain = rust
    .replace(/\[abi:\w+\]/g, '')
    .replace(/^(?:non-)?virtual thunk to /, '')
    .replaceAll('(anonymous namespace)', '{anonymous}')
    .replace(/\{lambda\((?:[^(){}]|\([^()]*\))*\)#\d+\}|\{unnamed type(?:#\d+)?\}|'lambda\d*'|\$_\d+/g, '{lambda}')
  const lone = withoutReturnType(withoutParameters(withoutTemplates(plain)))
  return (
    lone
      .replace(/::(?:::)+/g, '::')
      .replace(/::$/, '')
      .trim() || name
  )
}

/** `operator<`, `operator->`, `operator()` and their like hold brackets that open nothing. */
const OPERATOR = /\boperator(?:\(\)|<=>|<<=?|>>=?|->\*?|<=|>=|<|>)/y

/** Without what stands between < and >, where these are no operators; `<T as Trait>` at the start names the type. */
function withoutTemplates(name: string): string {
  let out = ''
  let depth = 0
  for (let at = 0; at < name.length; at++) {
    OPERATOR.lastIndex = at
    const operator = OPERATOR.exec(name)?.[0]
    if (operator !== undefined) {
      if (depth === 0) out += operator
      at += operator.length - 1
      continue
    }
    const char = name[at] as string
    const isArrow = char === '>' && name[at - 1] === '-'
    if (char === '<' && at > 0) depth++
    else if (char === '>' && !isArrow && depth > 0) depth--
    else if (depth === 0) out += char
  }
  return out
}

/** Without parameters and what follows them (`const`), but of enclosing functions too: `f(int)::{lambda}`. */
function withoutParameters(name: string): string {
  let out = ''
  let depth = 0
  for (let at = 0; at < name.length; at++) {
    if (depth === 0 && name.startsWith('operator()', at)) {
      out += 'operator()'
      at += 'operator()'.length - 1
      continue
    }
    const char = name[at] as string
    if (char === '(') depth++
    else if (char === ')' && depth > 0) depth--
    else if (depth === 0) out += char
  }
  return out.replace(/ (?:const|volatile|&&?|noexcept)+(?=::|$)/g, '').trimEnd()
}

/** A template's instance is demangled with its return type before it. */
function withoutReturnType(name: string): string {
  const operator = name.search(/\boperator\b/)
  const head = operator < 0 ? name : name.slice(0, operator)
  const space = head.startsWith('<') ? -1 : head.lastIndexOf(' ')
  return name.slice(space + 1)
}

/** Without what stands between brackets; the brackets stay. */
function withoutBalanced(name: string, open: string, close: string): string {
  if (!name.includes(open)) return name
  let out = ''
  let depth = 0
  for (const char of name) {
    if (char === close && depth > 0) depth--
    if (depth === 0) out += char
    if (char === open) depth++
  }
  return out
}
