// Modules of the program that few runs need: in the bundle they are parts of their own, loaded when something of them is
// used. What they export stands in for itself until then, which costs a call more: not for what runs a million times.
import {readFileSync} from 'node:fs'
import {dirname, join, relative} from 'node:path'

/** By what asks for them together. They export functions and classes alone. */
const LATE = {
  'bug-report': ['commands/bug-report'],
  calls: ['analysis/cgo/cgo-report', 'render/cgo-text'],
  code: ['amd64/read-only-call', 'unwind/epilogue-rows', 'unwind/prologue-rows'],
  demangler: ['demangle/cxx-plain', 'demangle/cxx-reader', 'demangle/rust-legacy', 'demangle/rust-v0'],
  emulator: [
    'analysis/process/emulated-process',
    'emulate/closed-world',
    'emulate/emulated-memory',
    'emulate/emulator',
  ],
  evidence: [
    'analysis/evidence/caught-exceptions',
    'analysis/evidence/cxx-exception',
    'analysis/stacks/frame-pointer-stack',
  ],
  files: [
    'acquire/folder-store',
    'acquire/http-exchange',
    'acquire/lz4-frame',
    'acquire/packed-files',
    'acquire/packed-process',
    'acquire/ranged-source',
    'acquire/s3-store',
    'acquire/source-files',
    'acquire/sparse-sink',
    'acquire/xz-stream',
    'analysis/frames/source-lines',
    'elf/split-package',
  ],
  help: ['commands/help'],
  search: [
    'dwarf/name-search',
    'dwarf/type-layout',
    'runtime-model/global-checks',
    'runtime-model/goroutine-search',
    'runtime-model/layout-search',
    'runtime-model/layouts-from-dwarf',
    'runtime-model/root-search',
    'symbolize/go-file-tables',
  ],
  stacks: [
    'dwarf/dwarf-info',
    'render/go-text',
    'render/goroutines-text',
    'render/summary-text',
    'render/threads-text',
    'symbolize/module-symbols',
    'unwind/unwinder',
  ],
  values: ['analysis/values/frame-values'],
}

const PART_OF = new Map(Object.entries(LATE).flatMap(([part, names]) => names.map(name => [`src/${name}.ts`, part])))
const EXPORTED = /^export (?:async )?(function|class)\*? (\w+)/gm
/** Of `loadPart` below, as the bundler writes it. */
const LOADED = /\bloadPart\(import\("\.\/([\w.-]+)\.js"\)\)/g

/** @returns [kind, name] of what a module exports, types aside */
function exportsOf(file) {
  const text = readFileSync(file, 'utf8')
  const found = [...text.matchAll(EXPORTED)].map(([, kind, name]) => [kind, name])
  const count = text.match(/^export (?!type|interface)/gm)?.length ?? 0
  if (count !== found.length) throw new Error(`${file}: a late module exports functions and classes alone`)
  return found
}

/** A function calls the one that it stands for; a class is looked at through a proxy, its objects are its own. */
function standInFor(file, part) {
  const lines = exportsOf(file).map(([kind, name]) =>
    kind === 'function'
      ? `export const ${name} = (...given) => load().${name}(...given)`
      : `export const ${name} = new Proxy(class {}, {
           get: (_, key) => Reflect.get(load().${name}, key),
           construct: (_, given) => Reflect.construct(load().${name}, given),
         })`,
  )
  return `let loaded\nconst load = () => loaded ??= loadPart(import('late:${part}'))\n${lines.join('\n')}\n`
}

export function lateModules(root) {
  return {
    name: 'late-modules',
    setup(builder) {
      builder.onResolve({filter: /^\..*\.ts$/}, ({path, resolveDir, namespace, kind}) => {
        const file = join(resolveDir, path)
        const isLate = kind === 'import-statement' && namespace !== 'late-part' && PART_OF.has(relative(root, file))
        return isLate ? {path: file, namespace: 'late'} : undefined
      })
      builder.onResolve({filter: /^late:/}, ({path}) => ({path: path.slice('late:'.length), namespace: 'late-part'}))
      builder.onLoad({filter: /.*/, namespace: 'late'}, ({path}) => {
        return {contents: standInFor(path, PART_OF.get(relative(root, path))), resolveDir: dirname(path)}
      })
      builder.onLoad({filter: /.*/, namespace: 'late-part'}, ({path}) => {
        const lines = LATE[path].map(name => {
          const names = exportsOf(join(root, 'src', `${name}.ts`)).map(([, each]) => each)
          return `export {${names}} from './${name}.ts'`
        })
        return {contents: lines.join('\n'), resolveDir: join(root, 'src')}
      })
    },
  }
}

/** The text of a part, its late ones loaded as they are needed: at once, where the bundler knows promises alone. */
export function withLateParts(text) {
  return text.replace(LOADED, (_, file) => `require("./${file}.cjs")`)
}
