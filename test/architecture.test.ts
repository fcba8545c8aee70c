import {existsSync, readdirSync, readFileSync} from 'node:fs'
import {dirname, join, relative} from 'node:path'
import {fileURLToPath} from 'node:url'
import test from 'ava'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const source = join(root, 'src')

/** docs/architecture.md: imports point down only; rooms on one floor never import each other. */
const FLOOR: Record<string, number> = {
  base: 0,
  amd64: 1,
  report: 2,
  elf: 2,
  dwarf: 2,
  gosym: 2,
  demangle: 2,
  traceback: 2,
  emulate: 2,
  symbolize: 3,
  'runtime-model': 3,
  unwind: 3,
  acquire: 3,
  analysis: 4,
  render: 4,
  triage: 5,
  commands: 6,
  /** Starts the bundle of all others, and so knows none of them. */
  launch: 6,
}

/** The rooms of analysis: each imports those before it, and none those behind; the files on top import all. */
const ANALYSIS = [
  'process',
  'frames',
  'stacks',
  'crash',
  'evidence',
  'values',
  'cgo',
  'waits',
  'goroutines',
  'signature',
]

/** Third-party packages that live behind the named files alone. */
const KEEPERS: Record<string, RegExp> = {
  elfy: /^elf\/elf-headers\.ts$/,
  'iced-x86': /^amd64\/disassembler\.ts$/,
  '@oclif/core': /^(commands\/.*|main)\.ts$/,
  chalk: /^commands\/.*\.ts$/,
  'node:fs': /^((base|acquire|launch)\/.*|triage\/(work-list|line-store))\.ts$/,
  'node:fs/promises': /^(base|acquire)\/.*\.ts$/,
  workerpool: /^triage\/analyst-pool\.ts$/,
  zod: /^report\/(\w+-schema|core-report)\.ts$/,
}

interface Import {
  file: string
  target: string
  typeOnly: boolean
}

function* importsOf(file: string, folder = source): Generator<Import> {
  const text = readFileSync(join(folder, file), 'utf8')
  const pattern =
    /^\s*(?:import|export)\s+(type\s+)?[^'"`;]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:\brequire|\))\(\s*['"]([^'"]+)['"]\s*\)/gm
  for (const match of text.matchAll(pattern)) {
    yield {file, target: (match[2] ?? match[3] ?? match[4]) as string, typeOnly: match[1] !== undefined}
  }
}

function listFiles(folder: string): string[] {
  return (readdirSync(folder, {recursive: true}) as string[]).filter(name => name.endsWith('.ts'))
}

const files = listFiles(source)
const imports = files.flatMap(file => [...importsOf(file)])
const roomOf = (file: string): string => file.split('/')[0] as string

test('imports point down the floors, and rooms on one floor know nothing of each other', t => {
  const wrong: string[] = []
  for (const {file, target} of imports) {
    if (!target.startsWith('.') || !file.includes('/')) continue
    const to = relative(source, join(source, dirname(file), target))
    const [from, into] = [roomOf(file), roomOf(to)]
    if (from === into) continue
    if ((FLOOR[into] ?? 99) >= (FLOOR[from] ?? -1)) wrong.push(`${file} imports ${to}`)
  }
  t.deepEqual(wrong, [])
})

test('every folder of src is a room of a known floor', t => {
  t.deepEqual(
    [...new Set(files.filter(file => file.includes('/')).map(roomOf))].filter(room => FLOOR[room] === undefined),
    [],
  )
})

test('the rooms of analysis import in one direction', t => {
  const placeOf = (file: string): number => {
    const [room, inner, below] = file.split('/')
    if (room !== 'analysis') return -1
    return below === undefined ? ANALYSIS.length : ANALYSIS.indexOf(inner as string)
  }
  const unknown = files.filter(file => file.startsWith('analysis/') && placeOf(file) === -1)
  t.deepEqual(unknown, [], 'every folder of analysis is a room with a place in the order')
  const wrong: string[] = []
  for (const {file, target} of imports) {
    if (!target.startsWith('.')) continue
    const to = relative(source, join(source, dirname(file), target))
    const isSameRoom = dirname(file) === dirname(to)
    if (placeOf(file) >= 0 && placeOf(to) >= placeOf(file) && !isSameRoom) wrong.push(`${file} imports ${to}`)
  }
  t.deepEqual(wrong, [])
})

/**
 * Outside src: what each folder may import besides itself. The lab builds, crashes, damages and compares; all others
 * stand on it.
 */
const OUTSIDE: Record<string, readonly string[]> = {
  lab: ['src'],
  scripts: ['lab', 'src'],
  bench: ['lab'],
  test: ['lab', 'src'],
}

test('tests and scripts stand on the lab, and neither on the other', t => {
  const wrong: string[] = []
  for (const [folder, allowed] of Object.entries(OUTSIDE)) {
    for (const file of listFiles(join(root, folder))) {
      for (const {target} of importsOf(file, join(root, folder))) {
        if (!target.startsWith('.')) continue
        const into = relative(root, join(root, folder, dirname(file), target)).split('/')[0] as string
        if (into !== folder && !allowed.includes(into)) wrong.push(`${folder}/${file} imports ${target}`)
      }
    }
  }
  t.deepEqual(wrong, [])
})

test('the schemas of the report are imported as types alone, so that no run loads them', t => {
  const values = imports.filter(
    ({file, target, typeOnly}) =>
      roomOf(file) !== 'report' && /\/report\/(?!vocabulary)[^/]+\.ts$/.test(target) && !typeOnly,
  )
  t.deepEqual(values, [])
})

test('third-party code and the file system stay behind the files that keep them', t => {
  const wrong = imports.filter(({file, target}) => KEEPERS[target] !== undefined && !KEEPERS[target].test(file))
  t.deepEqual(
    wrong.map(({file, target}) => `${file} imports ${target}`),
    [],
  )
})

test('the decoder has one door, and what is behind it stays in its room', t => {
  const door = imports.filter(({target}) => target === 'iced-x86').map(({file}) => file)
  t.deepEqual([...new Set(door)], ['amd64/disassembler.ts'])
  // A Disassembler may be held elsewhere, so that the decoder is loaded once; iced's types and instructions may not.
  const taken = files.filter(file => {
    if (roomOf(file) === 'amd64') return false
    const text = readFileSync(join(source, file), 'utf8')
    return [...text.matchAll(/import\s+(?:type\s+)?\{([^}]*)\}\s+from\s+'[./]+amd64\/disassembler\.ts'/g)].some(
      ([, names]) => names?.trim() !== 'Disassembler',
    )
  })
  t.deepEqual(taken, [])
})

test('what is true of the processor alone stands in its room: registers by name, code by function', t => {
  const facts = [
    // A register by number, of a row, a set or user_regs_struct.
    /\bregister: \d+[,}]|\{(6|7|16): |\.(word|address|place|isKnown|setAddress|setWord|copy|forget)\((\d|1[0-6])\)|[rR]egisters\[\d+\]/,
    // The end of user space, the beginning of the kernel's.
    /0x800000000000\b|0xffff800000000000/,
    // Code to be compared with: lists that begin with an opcode, int3, call.
    /\[0x(0f, 0x05|48, 0x|e8|cc)|=== 0x(cc|e8)\b/,
  ]
  const wrong = files.filter(file => {
    if (roomOf(file) === 'amd64') return false
    const text = readFileSync(join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    return facts.some(fact => fact.test(text))
  })
  t.deepEqual(wrong, [])
})

test('zod is never loaded by a run: its shapes are imported as types', t => {
  const loaded = imports.filter(
    ({target, typeOnly, file}) => /-schema\.ts$/.test(target) && !typeOnly && !/^report\/\w+-schema\.ts$/.test(file),
  )
  t.deepEqual(loaded, [])
})

test('nothing below the commands touches the console or the process', t => {
  const wrong = files.filter(file => {
    const room = roomOf(file)
    if (room === 'commands' || room === 'launch' || room === 'main.ts') return false
    const text = readFileSync(join(source, file), 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '')
    return /\bconsole\./.test(text) || (/\bprocess\.(env|exit|stdout|stderr|argv)\b/.test(text) && room !== 'acquire')
  })
  t.deepEqual(wrong, [])
})

test('what is found, known not to be there or not known has a type with a name', t => {
  const rooms = new Set(['runtime-model', 'analysis', 'report', 'render'])
  const unnamed = files.filter(
    file =>
      rooms.has(roomOf(file)) &&
      /\| null \| undefined|\| undefined \| null/.test(readFileSync(join(source, file), 'utf8')),
  )
  t.deepEqual(unnamed, [])
})

test('no barrels and no drawers', t => {
  t.deepEqual(
    files.filter(file => /(^|\/)(index|utils|helpers|misc|common)\.ts$/.test(file)),
    [],
  )
})

test('docs/go-versions.md names the files of every room that a new Go release may change', t => {
  // A row of a table by release, or a condition on one.
  const pattern = /\.(atLeast|rowOf)\(|\b(minor|firstMinor): \d|\bcolumns: from\(|, since: number\]|\b(OLDEST|NEWEST)\b/
  const found = files.filter(file => pattern.test(readFileSync(join(source, file), 'utf8'))).map(file => `src/${file}`)
  const text = readFileSync(join(root, 'docs/go-versions.md'), 'utf8')
  const section = /^## Adding a release$([\s\S]*?)^## /m.exec(text)?.[1] ?? ''
  const listed = [...section.matchAll(/^\| `(src\/[^`]+)` \|/gm)].map(([, path]) => path as string)
  const missing = found.filter(path => !listed.includes(path))
  const idle = listed.filter(path => !found.includes(path))
  t.deepEqual({missing, idle}, {missing: [], idle: []})
})

test('every source file that a document names is there', t => {
  const inDocs = readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md'))
  const gone: string[] = []
  for (const name of ['README.md', 'CONTRIBUTING.md', 'fixtures/README.md', ...inDocs.map(each => `docs/${each}`)]) {
    const text = readFileSync(join(root, name), 'utf8')
    for (const [path] of text.matchAll(/\b(?:src|test|lab|scripts|bin|bench)\/[\w./-]+\.(?:ts|mjs|cjs|js|sh)\b/g)) {
      if (!existsSync(join(root, path))) gone.push(`${name}: ${path}`)
    }
  }
  t.deepEqual(gone, [])
})

test('what docs/architecture.md names in code is in the source', t => {
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const code = [...text.matchAll(/```[\s\S]*?```|`[^`\n]+`/g)].join(' ')
  const sources = files.map(file => readFileSync(join(source, file), 'utf8')).join('\n')
  const known = new Set(sources.match(/\w+/g))
  // Words of one part may be of the language, or of prose.
  const named = new Set(code.match(/\b[A-Za-z]*[a-z][A-Z]\w*/g))
  t.deepEqual(
    [...named].filter(name => !known.has(name)),
    [],
  )
})

/** Lines of comments that are too long. */
function* longComments(): Generator<string> {
  for (const folder of ['src', 'lab', 'scripts', 'bench', 'test']) {
    for (const file of listFiles(join(root, folder))) {
      const lines = readFileSync(join(root, folder, file), 'utf8').split('\n')
      const long = lines.flatMap((line, index) => (/^\s*(\/\/|\/?\*)/.test(line) && isTooLong(line) ? [index + 1] : []))
      for (const number of long) yield `${folder}/${file}:${number}`
    }
  }
}

/** Lines of prose: a table's row, code in a fence, and a line that is one long word (a link) may be longer. */
function* longProse(): Generator<string> {
  const inDocs = readdirSync(join(root, 'docs')).filter(name => name.endsWith('.md'))
  const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'fixtures/README.md']
  for (const name of [...documents, ...inDocs.map(each => `docs/${each}`)]) {
    let isCode = false
    for (const [index, line] of readFileSync(join(root, name), 'utf8').split('\n').entries()) {
      if (line.trimStart().startsWith('```')) isCode = !isCode
      else if (!isCode && !line.startsWith('|') && isTooLong(line)) yield `${name}:${index + 1}`
    }
  }
}

function isTooLong(line: string): boolean {
  return [...line].length > 120 && /\S\s+\S{1,100}$/.test(line) && !/biome-ignore/.test(line)
}

test('comments and documents keep to 120 columns', t => {
  t.deepEqual([...longComments(), ...longProse()], [])
})
