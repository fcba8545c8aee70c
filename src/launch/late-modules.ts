import {createRequire} from 'node:module'
import {optimizeAsUsual, optimizeLate} from './optimizer.ts'

/** Built-in modules that few runs need take as long to load as all the rest. */
const LATE = ['assert', 'child_process', 'crypto', 'fs/promises', 'net', 'perf_hooks', 'readline', 'stream']
LATE.push('timers/promises', 'tty', 'worker_threads', 'zlib')

/** The `require` of a bundle that loads each of them when something of it is used. */
export function requireLate(file: string): NodeJS.Require {
  const now = createRequire(file)
  const late = (id: string): unknown => {
    if (!LATE.includes(id.replace(/^node:/, ''))) return now(id)
    let loaded: object | undefined
    const module = (): object => {
      loaded ??= loadUsual(now, id)
      return loaded
    }
    return new Proxy(() => undefined, {
      get: (_, key) => Reflect.get(module(), key),
      apply: (_, self, args) => Reflect.apply(module() as () => unknown, self, args),
      // import * asks for all names, and so loads it at once.
      ownKeys: () => Reflect.ownKeys(module()),
      getOwnPropertyDescriptor: (_, key) => ({value: Reflect.get(module(), key), enumerable: true, configurable: true}),
    })
  }
  return Object.assign(late, {resolve: now.resolve, cache: now.cache, extensions: now.extensions, main: now.main})
}

/** From Node's own code cache, which holds for the usual flags alone. */
function loadUsual(now: NodeJS.Require, id: string): object {
  optimizeAsUsual()
  try {
    return now(id) as object
  } finally {
    optimizeLate()
  }
}
