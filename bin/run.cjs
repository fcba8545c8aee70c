#!/usr/bin/env node
// Loads the bundle through V8's code cache: compiled functions of the last run are taken over, which halves the start-up time.
// The cache is executable trust, so it lies in a directory that only this user can write; without one the bundle is compiled anew.
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const vm = require('node:vm')
const Module = require('node:module')

// Optimizing takes longer than most runs last; hot loops of large cores still earn it (V8 11: Node 20; later ones choose better).
// While a flag is not what it was when code was cached, V8 takes nothing from that cache, Node's own included: see loadCached.
const v8 = process.versions.v8.startsWith('11.') ? require('node:v8') : undefined
const optimizeLate = () => v8?.setFlagsFromString('--interrupt-budget=1000000')
const optimizeAsUsual = () => v8?.setFlagsFromString('--interrupt-budget=67584')

const root = path.join(__dirname, '..')
const file = path.join(root, 'dist', 'main.cjs')

// Each command compiles other functions, so each has a cache of its own.
function commandName() {
  const name = process.argv[2] ?? ''
  return /^[a-z]{1,20}$/.test(name) ? name : 'other'
}

function cacheFile(stat) {
  const base = process.env.XDG_CACHE_HOME || path.join(os.homedir(), '.cache')
  const directory = path.join(base, 'gotrace-core')
  try {
    fs.mkdirSync(directory, {recursive: true, mode: 0o700})
    const {uid, mode} = fs.lstatSync(directory)
    if (uid !== process.getuid() || (mode & 0o022) !== 0) return undefined
  } catch {
    return undefined
  }
  const key = `${Math.trunc(stat.mtimeMs)}-${stat.size}-${stat.ino}-${process.version}-${process.arch}`
  return path.join(directory, `code-${commandName()}-${key}`)
}

function readCache(name) {
  try {
    return fs.readFileSync(name)
  } catch {
    return undefined
  }
}

function writeCache(name, script) {
  try {
    const temporary = `${name}.${process.pid}`
    fs.writeFileSync(temporary, script.createCachedData(), {mode: 0o600})
    fs.renameSync(temporary, name)
    removeOlder(name)
  } catch {
    // A cache that cannot be written costs time, nothing else.
  }
}

// Of the same command, made from another build or by another Node, and not lately: two installations in use keep theirs.
function removeOlder(name) {
  const prefix = `code-${commandName()}-`
  const directory = path.dirname(name)
  const limit = Date.now() - 7 * 24 * 3600 * 1000
  for (const entry of fs.readdirSync(directory)) {
    const file = path.join(directory, entry)
    if (!entry.startsWith(prefix) || file === name) continue
    if (fs.statSync(file).mtimeMs < limit) fs.rmSync(file, {force: true})
  }
}

let source
try {
  // The bundler writes ASCII alone.
  source = fs.readFileSync(file, 'latin1')
} catch {
  process.stderr.write(`gotrace-core: ${file} is missing\n  build it: npm run build\n`)
  process.exit(70)
}
const name = cacheFile(fs.statSync(file))
const cachedData = name && readCache(name)
const script = new vm.Script(Module.wrap(source), {
  filename: file,
  cachedData,
  importModuleDynamically: vm.constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
})

// Built-in modules that few runs need take as long to load as all the rest: each is loaded when something of it is used.
const LATE = ['assert', 'child_process', 'crypto', 'fs/promises', 'perf_hooks', 'readline', 'stream', 'timers/promises']
LATE.push('tty', 'worker_threads', 'zlib')
const requireNow = Module.createRequire(file)
function requireLate(id) {
  if (!LATE.includes(id.replace(/^node:/, ''))) return requireNow(id)
  let loaded
  const load = () => (loaded ??= loadCached(id))
  return new Proxy(() => undefined, {
    get: (_, key) => load()[key],
    apply: (_, self, args) => Reflect.apply(load(), self, args),
    // import * asks for all names, and so loads it at once.
    ownKeys: () => Reflect.ownKeys(load()),
    getOwnPropertyDescriptor: (_, key) => ({value: load()[key], enumerable: true, configurable: true}),
  })
}
function loadCached(id) {
  optimizeAsUsual()
  try {
    return requireNow(id)
  } finally {
    optimizeLate()
  }
}
requireLate.resolve = requireNow.resolve

// oclif would compare "engines" with this Node, and look whether its messages to developers go to a terminal.
process.env.OCLIF_DISABLE_ENGINE_WARNING = '1'
process.env.DEBUG_COLORS ??= '0'

const bundle = new Module(file, module)
bundle.filename = file
bundle.paths = Module._nodeModulePaths(path.dirname(file))
Module._cache[file] = bundle
script.runInThisContext()(bundle.exports, requireLate, bundle, file, path.dirname(file))
bundle.loaded = true

optimizeLate()
bundle.exports.start(root).then(() => {
  optimizeAsUsual()
  if (name && (!cachedData || script.cachedDataRejected)) writeCache(name, script)
})
