import {basename, join} from 'node:path'
import {getRawAsset} from 'node:sea'
import {Script} from 'node:vm'
import {requireLate} from './late-modules.ts'
import {BUILD, runProgram} from './launch.ts'
import {Module} from './module-class.ts'
import {type CompiledParts, unpackParts} from './part-archive.ts'

/**
 * The program as one executable (https://nodejs.org/api/single-executable-applications.html): the bundle, what V8
 * compiled of it as it was built, and the decoder are inside as assets (scripts/single.mjs), and nothing else is read
 * to start. No file has a name below an executable, so nothing on the disk can pass for a part of the package.
 */
const ROOT = join(process.execPath, 'package')
const FILE = join(ROOT, 'dist', 'main.cjs')
const DECODER = 'iced-x86'

function asset(name: string): Uint8Array {
  return new Uint8Array(getRawAsset(name) as ArrayBuffer)
}

/** One byte a character, as the bundler writes it. */
function assetText(name: string): string {
  return Buffer.from(asset(name).buffer).toString('latin1')
}

/** What a run of that command had compiled; V8 takes none of it with other flags, and compiles anew. */
function compiledAhead(command: string): CompiledParts | undefined {
  try {
    return unpackParts(asset(`compiled-${command}`))
  } catch {
    return undefined
  }
}

/** iced-x86 reads its WebAssembly from beside its own file. */
function loadDecoder(now: NodeJS.Require): unknown {
  const decoder = new Module(DECODER)
  const files = {readFileSync: () => asset('iced-x86.wasm')}
  const ask = (id: string): unknown => (id === 'fs' ? files : now(id))
  const script = new Script(Module.wrap(assetText('iced-x86.cjs')), {filename: DECODER})
  script.runInThisContext()(decoder.exports, ask, decoder, DECODER, '')
  return decoder.exports
}

/** The bundle asks for itself (oclif looks for commands there), for the decoder, and for modules of Node. */
function requireInside(bundle: Module): NodeJS.Require {
  const node = requireLate(process.execPath)
  let decoder: unknown
  const inside = (id: string): unknown => {
    if (id === FILE) return bundle.exports
    if (id === DECODER) {
      decoder ??= loadDecoder(node)
      return decoder
    }
    return id === 'node:module' ? {...Module, createRequire: () => inside} : node(id)
  }
  const resolve = Object.assign((id: string) => (id === FILE ? FILE : node.resolve(id)), {paths: node.resolve.paths})
  return Object.assign(inside, {resolve, cache: node.cache, extensions: node.extensions, main: node.main})
}

function refuse(error: Error): void {
  process.stderr.write(`gotrace-core: cannot start: ${error.message.split('\n')[0]}\n  build or install it again\n`)
  process.exitCode = 70
}

// A process of batch is started as if a script were named first.
if (process.argv[2] === FILE) process.argv.splice(2, 1)
process.argv[1] = FILE
const read = (file: string): string => Module.wrap(assetText(basename(file)))
runProgram({
  root: ROOT,
  files: {main: FILE, read, requireOther: requireInside},
  stamp: process.execPath,
  build: BUILD.exec(assetText(basename(FILE)))?.[1],
  compiledAhead,
}).catch(refuse)
