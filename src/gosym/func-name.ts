import type {FuncID} from './func-id.ts'
import type {GoVersion} from './version.ts'

/**
 * A function's name as a traceback prints it: gopanic is `panic`, and from 1.21 on the type arguments of generic
 * functions are cut out (runtime, printFuncName and funcNamePiecesForPrint; in 1.18–1.20 the linker had done so).
 */
export function nameForTraceback(name: string, version: GoVersion): string {
  if (name === 'runtime.gopanic') return 'panic'
  return version.atLeast(21) ? cutTypeArguments(name, version.atLeast(27)) : name
}

/** From the first `[` to the last `]`; from 1.27 on a generic method of a generic type keeps two groups. */
function cutTypeArguments(name: string, twoGroups: boolean): string {
  const open = name.indexOf('[')
  const close = name.lastIndexOf(']')
  if (open < 0 || close <= open) return name
  const head = name.slice(0, open)
  const tail = name.slice(close + 1)
  const interior = name.slice(open + 1, close)
  if (!twoGroups || !interior.includes('[')) return `${head}[...]${tail}`
  const gap = findGroupGap(interior)
  if (gap === 'one-group') return `${head}[...]${tail}`
  return gap ? `${head}[...]${interior.slice(gap.start, gap.end)}[...]${tail}` : name
}

const BRACKET_STEP: Readonly<Record<string, number>> = {'[': 1, ']': -1}

/** The text between `…]` and `[…` of an interior that spans two balanced groups; undefined where it is malformed. */
function findGroupGap(interior: string): {start: number; end: number} | 'one-group' | undefined {
  let depth = 1
  let closed = -1
  for (let index = 0; index < interior.length; index++) {
    const step = BRACKET_STEP[interior[index] as string] ?? 0
    depth += step
    if (depth < 0) return undefined
    if (step < 0 && depth === 0) closed = index
    if (step > 0 && depth === 1) return {start: closed + 1, end: index}
  }
  return depth === 1 && closed < 0 ? 'one-group' : undefined
}

/** Length of the path of its package in a function's name: only the last element of a path can have that dot. */
export function packageLength(name: string): number {
  const end = name.indexOf('.', name.lastIndexOf('/') + 1)
  return end < 0 ? name.length : end
}

const UPPER = /^[A-Z]/

/**
 * Whether a `runtime.` function is one that users call, and so is shown at the default level. 1.23 added the methods of
 * exported types (runtime, isExportedRuntime).
 */
export function isExportedRuntime(name: string, version: GoVersion): boolean {
  if (!name.startsWith('runtime.')) return false
  const rest = name.slice('runtime.'.length)
  if (!version.atLeast(23)) return UPPER.test(rest)
  const dot = rest.lastIndexOf('.')
  if (dot < 0) return UPPER.test(rest)
  const receiver = /^\(\*(.+)\)$/.exec(rest.slice(0, dot))?.[1] ?? rest.slice(0, dot)
  return UPPER.test(rest.slice(dot + 1)) && (receiver === '' || UPPER.test(receiver))
}

/** Whether the name alone makes a frame one to show at the default level (runtime, showframe: the last test there). */
export function isUserVisible(name: string, version: GoVersion): boolean {
  return name.includes('.') && (!name.startsWith('runtime.') || isExportedRuntime(name, version))
}

/** A wrapper stays out of tracebacks unless it called one of these instead of what it wraps (elideWrapperCalling). */
export function isWrapperShownFor(callee: FuncID): boolean {
  return callee === 'gopanic' || callee === 'sigpanic' || callee === 'panicwrap'
}
