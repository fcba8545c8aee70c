import {readErrorText} from './go-error.ts'
import type {GoObject} from './go-object.ts'
import {quoted} from './text-value.ts'

/** Contexts around contexts that are followed. */
const CHAIN_MAX = 64

/**
 * A context as the calls that made it: `context.Background().WithValue("key": 42).WithDeadline(…)`; undefined where it
 * is not all of the standard library's.
 */
export function describeContext(context: GoObject | undefined): string | undefined {
  const calls: string[] = []
  let at = context
  for (let step = 0; at && step < CHAIN_MAX; step++) {
    const root = ROOTS[at.type.name]
    if (root !== undefined) return [root, ...calls.reverse()].join('.')
    const made = callOf(at)
    if (made === undefined) return undefined
    calls.push(made)
    at = at.inner('Context') ?? at.inner('c')
  }
  return undefined
}

const ROOTS: Readonly<Record<string, string>> = {
  'context.backgroundCtx': 'context.Background()',
  'context.todoCtx': 'context.TODO()',
  // Up to Go 1.20 both were pointers to numbers of one type.
  '*context.emptyCtx': 'context.Background()',
}

function callOf(context: GoObject): string | undefined {
  switch (context.type.name) {
    case '*context.valueCtx':
      return `WithValue(${context.shown('key') ?? '?'}: ${context.shown('val') ?? '?'})`
    case '*context.cancelCtx':
      return `WithCancel(${stateOf(context)})`
    case '*context.timerCtx':
      return `WithDeadline(${[context.shown('deadline')?.replace(/^time\.Time\((.*)\)$/, '$1') ?? '?', stateOf(context)].filter(Boolean).join(', ')})`
    case 'context.withoutCancelCtx':
      return 'WithoutCancel()'
    default:
      return undefined
  }
}

/** `err` is an error, since Go 1.25 an atomic.Value; either is nil until the context has been cancelled. */
function stateOf(context: GoObject): string {
  const word = context.field('err')?.view.unsigned()
  if (typeof word !== 'bigint' || word === 0n) return ''
  // Since Go 1.20; without one it is the error itself.
  const cause = readErrorText(context.inner('cause'))?.text
  return cause === undefined || GENERAL.includes(cause) ? 'cancelled' : `cancelled: ${quoted(cause)}`
}

const GENERAL: readonly string[] = ['context canceled', 'context deadline exceeded']
