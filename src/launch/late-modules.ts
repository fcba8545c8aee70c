import {createRequire, isBuiltin} from 'node:module'
import {asUsual} from './optimizer.ts'

/** What Node itself has loaded before it begins with a program, and `os`, which every run asks for its home. */
const AT_HAND = ['buffer', 'events', 'fs', 'module', 'os', 'path', 'process', 'timers', 'url', 'util', 'vm']

/**
 * The `require` of a bundle that loads every other module of Node when something of it is used: those that few runs
 * need take as long to load as all the rest.
 */
export function requireLate(file: string): NodeJS.Require {
  const now = createRequire(file)
  const late = (id: string): unknown => {
    if (!isBuiltin(id) || AT_HAND.includes(id.replace(/^node:/, ''))) return now(id)
    let loaded: object | undefined
    const module = (): object => {
      // From Node's own code cache.
      loaded ??= asUsual(() => now(id) as object)
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
