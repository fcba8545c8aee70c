import type {Module as NodeModule} from 'node:module'

/** Of the file that the launcher is built into (scripts/build.mjs), a module of CommonJS. */
declare const module: {readonly constructor: unknown}

export type Module = NodeModule

/**
 * Node's class of modules. `node:module` exports the same one, and what is asked for by that name loads source maps and
 * the loader of ES modules too.
 */
export const Module = module.constructor as typeof NodeModule
