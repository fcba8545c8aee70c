import {asUsual} from '../base/optimizer.ts'
import {Module} from './module-class.ts'

/** What Node itself has loaded before it begins with a program, and `vm`, which has loaded it. */
const AT_HAND = ['buffer', 'events', 'fs', 'path', 'process', 'timers', 'url', 'util', 'vm']

/**
 * The `require` of a bundle that loads every other module of Node when something of it is used: those that few runs
 * need take as long to load as all the rest. Each part of the bundle asks for the same ones again.
 */
export function requireLate(file: string): NodeJS.Require {
  const now = Module.createRequire(file)
  const known = new Map<string, unknown>()
  const load = (id: string): unknown => {
    if (!Module.isBuiltin(id)) return now(id)
    const name = id.replace(/^node:/, '')
    if (!known.has(name)) known.set(name, AT_HAND.includes(name) ? now(id) : lateModule(() => now(id) as object))
    return known.get(name)
  }
  return Object.assign(load, {resolve: now.resolve, cache: now.cache, extensions: now.extensions, main: now.main})
}

function lateModule(load: () => object): object {
  let loaded: object | undefined
  const module = (): object => {
    // From Node's own code cache.
    loaded ??= asUsual(load)
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
