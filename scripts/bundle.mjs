// The program in parts: each command loads what it needs, and no part is read, compiled or evaluated for another.
import {createHash} from 'node:crypto'
import {mkdirSync, readFileSync, rmSync, writeFileSync} from 'node:fs'
import {basename, join} from 'node:path'
import {build, transform} from 'esbuild'
import {lateModules, withLateParts} from './late-modules.mjs'

/** A declaration as TypeScript writes an import: const name_1 = __importDefault(require("./name")); */
const REQUIRED = /^(?:const|var) (\w+) = ((?:__importDefault|__importStar)\()?require\("([^"]+)"\)\)?;$/gm
const EXPORTED = /^exports\.(\w+) = (__importStar\(require\("[^"]+"\)\));$/gm

/**
 * oclif's modules ask for each other as soon as they are loaded, for help, spinners and templates too. In the bundle
 * each of them is evaluated when something of it is used.
 */
const oclifWhenUsed = {
  name: 'oclif-when-used',
  setup(builder) {
    builder.onLoad({filter: /node_modules\/@oclif\/core\/lib\/.*\.js$/}, ({path}) => {
      let text = withShortcuts(path, readFileSync(path, 'utf8'))
      const required = [...text.matchAll(REQUIRED)].map(([, name, wrap = '', id]) => ({name, wrap, id}))
      text = text.replace(REQUIRED, '')
      for (const {name} of required) {
        const made = new RegExp(`\\bnew ${name}((?:\\.\\w+)*)`, 'g')
        const used = new RegExp(`(?<![.\\w$])${name}(?![\\w$(]|:)`, 'g')
        text = text.replace(made, `new (${name}()$1)`).replace(used, `${name}()`)
      }
      const loaders = required.map(({name, wrap, id}) => {
        return `let ${name}_; const ${name} = () => ${name}_ ??= ${wrap}require("${id}")${wrap && ')'};`
      })
      text = text.replace(EXPORTED, 'Object.defineProperty(exports, "$1", {enumerable: true, get: () => $2});')
      return {contents: text.replace('"use strict";', `"use strict"; ${loaders.join(' ')}`), loader: 'js'}
    })
  },
}

/** Of oclif's commands: it listens for errors of standard output, whether anything is written there or not. */
const STDOUT_ERRORS = `process.stdout.on('error', (err) => {
    if (err && err.code === 'EPIPE')
        return;
    throw err;
});`

/** What oclif asks of slow parts of Node for each run, and what gives the same: [file, its words, ours]. */
const OCLIF_SHORTCUTS = [
  // It asks a package that is left out (scripts/build.mjs) whether this is Linux on Windows: for a file of its own.
  ['util/os.js', "(await import('wsl-utils')).isWsl ? 'wsl' : (0, node_os_1.platform)()", '(0, node_os_1.platform)()'],
  // What it has loaded is loaded again for the command that it runs.
  [
    'config/config.js',
    'if (isConfig(opts)) {',
    'if (isConfig(opts) && opts._base === BASE) return opts; if (isConfig(opts)) {',
  ],
  // Streams of Node take time to load, and no report goes through them (src/main.ts listens where something does).
  ['command.js', STDOUT_ERRORS, ''],
  ['ux/index.js', 'Boolean(process.stderr.isTTY)', 'false'],
  ['ux/action/base.js', 'stderr: process.stderr.write,', ''],
  ['ux/action/base.js', 'stdout: process.stdout.write,', ''],
  // Names of commands are in ASCII: to compare them as people do, Node loads tables of languages for 7 ms.
  ['config/plugin.js', 'a.id.localeCompare(b.id)', '(a.id < b.id ? -1 : 1)'],
  // Text that is no template need not be compiled as one.
  [
    'help/util.js',
    'return ejs_1.default.render(t, context)',
    "return t.includes('<%') ? ejs_1.default.render(t, context) : t",
  ],
]

/** @throws where oclif does it in another way now */
function withShortcuts(path, text) {
  return OCLIF_SHORTCUTS.filter(([file]) => path.endsWith(`/lib/${file}`)).reduce((shorter, [file, theirs, ours]) => {
    if (!shorter.includes(theirs)) throw new Error(`oclif's ${file} has no ${theirs} now`)
    return shorter.replace(theirs, ours)
  }, text)
}

const PART_IMPORT = /import(?:\{([^}]*)\}from)?"\.\/([\w.-]+)\.js";/g
const PART_LATE = /\bimport\("\.\/([\w.-]+)\.js"\)/g
const EXPORTS = /export\{([^}]*)\};\s*$/

/**
 * A part as a CommonJS module. Its imports of other parts become constants, which are as fast as names of its own;
 * `esbuild` would make them properties with getters. It holds as long as no two parts import each other.
 */
async function toCommonJs(text, options) {
  const names = list => list.split(',').filter(Boolean)
  const pairs = (list, joint) => names(list).map(name => name.replace(/^([\w$]+) as ([\w$]+)$/, `$1${joint}$2`))
  let exported = ''
  const body = withLateParts(text)
    .replace(EXPORTS, (_, list) => {
      const named = names(list).map(name => /^([\w$]+)(?: as ([\w$]+))?$/.exec(name).slice(1))
      exported = named.map(([name, as = name]) => `exports.${as}=${name};`).join('')
      return ''
    })
    .replace(PART_IMPORT, (_, list, file) => {
      const loaded = `require("./${file}.cjs");`
      return list === undefined ? loaded : `const{${pairs(list, ':').join(',')}}=${loaded}`
    })
    .replace(PART_LATE, (_, file) => `Promise.resolve().then(()=>require("./${file}.cjs"))`)
  const output = await transform(body, {...options, format: 'cjs', loader: 'js', platform: 'node', logLevel: 'error'})
  const code = withoutCopies(output.code)
  if (/"\.\/[\w.-]+\.js"/.test(code)) throw new Error('the bundler writes imports of parts in another way now')
  // One byte a character: the launcher reads it without decoding. The bundler leaves regular expressions as they are.
  const ascii = code.replace(/[\u0080-\uffff]/g, char => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)
  return `${ascii}${exported}\n`
}

/** `import zlib from 'node:zlib'` need not copy all names of a module of Node, and load it for them. */
function withoutCopies(code) {
  return code.replace(/\b(\w+)=__toESM\((require\("node:[a-z/_]+"\))(?:,1)?\)/g, (whole, name, required) => {
    const isDefault = !new RegExp(`(?<![\\w$.])${name}(?!=__toESM|\\.default\\b|[\\w$])`).test(code)
    return isDefault ? `${name}={get default(){return ${required}}}` : whole
  })
}

/** @throws where two parts import each other: one would see the other's names before they have a value */
function checkOrder(metafile) {
  const done = new Set()
  const visit = (part, path) => {
    if (path.includes(part)) throw new Error(`parts import each other: ${[...path, part].join(' ')}`)
    if (done.has(part)) return
    for (const {path: next, kind} of metafile.outputs[part].imports) {
      if (kind === 'import-statement' && metafile.outputs[next]) visit(next, [...path, part])
    }
    done.add(part)
  }
  for (const part of Object.keys(metafile.outputs)) visit(part, [])
}

/** What is loaded together lies in one file: the first of these that needs a part has it. */
const PACKS = {
  start: ['src/main.ts', 'late-part:help'],
  core: ['src/commands/info.ts'],
  stacks: ['src/commands/analyze.ts', 'late-part:stacks'],
}

/** @returns the pack of each part that lies in one, by the part's name */
function packOf({outputs}) {
  const packs = new Map()
  const take = (path, pack) => {
    const name = basename(path, '.js')
    if (packs.has(name)) return
    packs.set(name, pack)
    for (const {path: next, kind} of outputs[path].imports) {
      if (kind === 'import-statement' && outputs[next]) take(next, pack)
    }
  }
  for (const [pack, entries] of Object.entries(PACKS)) {
    for (const [path, {entryPoint}] of Object.entries(outputs)) if (entries.includes(entryPoint)) take(path, pack)
  }
  packs.delete('main')
  return packs
}

/**
 * @param parts [name, text as a module of CommonJS]
 * @returns [name, text] of each file: main, a pack, or a part alone. V8 does not look into a part of a pack that a run
 *   does not ask for.
 */
function packTogether(parts, packs) {
  const named = text =>
    text.replace(/require\("\.\/([\w.-]+)\.cjs"\)/g, (whole, name) =>
      packs.has(name) ? `require("./${packs.get(name)}.cjs").part("${name}")` : whole,
    )
  const alone = parts.filter(([name]) => !packs.has(name)).map(([name, text]) => [name, named(text)])
  const together = Object.keys(PACKS).map(pack => {
    const held = parts.filter(([name]) => packs.get(name) === pack)
    const made = held.map(([name, text]) => `${JSON.stringify(name)}(exports){${named(text)}}`)
    return [pack, `const parts={${made.join(',\n')}},made={};${PART}`]
  })
  return [...alone, ...together]
}

const PART = `exports.part=name=>{let part=made[name];if(part===undefined){part=made[name]={};parts[name](part)}return part}\n`

/**
 * Writes dist/main.cjs and its parts beside it, in dist/parts.
 * @returns esbuild's description of what is in them
 */
export async function buildProgram(root, {plugins = [], ...options}) {
  const {target, charset, legalComments, minifySyntax, minifyWhitespace} = options
  const {metafile, outputFiles} = await build({
    ...options,
    absWorkingDir: root,
    metafile: true,
    bundle: true,
    platform: 'node',
    format: 'esm',
    splitting: true,
    write: false,
    entryPoints: ['src/main.ts'],
    outdir: 'dist/parts',
    plugins: [lateModules(root), oclifWhenUsed, ...plugins],
  })
  checkOrder(metafile)
  const style = {target, charset, legalComments, minifySyntax, minifyWhitespace}
  const parts = await Promise.all(
    outputFiles.map(async ({path, text}) => [basename(path, '.js'), await toCommonJs(text, style)]),
  )
  const files = packTogether(
    parts.sort(([a], [b]) => (a < b ? -1 : 1)),
    packOf(metafile),
  )
  const digest = createHash('sha256')
  for (const file of files) digest.update(file.join('\n'))
  const folder = join(root, 'dist', 'parts')
  rmSync(folder, {recursive: true, force: true})
  mkdirSync(folder)
  for (const [name, text] of files) {
    if (name !== 'main') writeFileSync(join(folder, `${name}.cjs`), text)
    // The launcher tells by its first line which compiled code is of this program.
    else {
      const named = text.replaceAll('require("./', 'require("./parts/')
      writeFileSync(join(root, 'dist', 'main.cjs'), `// ${digest.digest('hex').slice(0, 16)}\n${named}`)
    }
  }
  return metafile
}
