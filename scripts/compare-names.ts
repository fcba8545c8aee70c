/**
 * Holds our names against c++filt (without its "implementation details", as gdb and addr2line have them) and
 * llvm-cxxfilt, for every mangled name of libraries and archives. A name is right where one of the two has the same,
 * clones written as c++filt writes them.
 *
 *   npm run compare:names -- [--show N] [--minimum PERCENT] [--install] [FILE…]
 *
 * Without files: RocksDB, protobuf, libstdc++, libc++, LLVM and Rust's own library, as far as they are there; --install
 * gets them (root and apt). Exits with 1 where a file is below the minimum.
 */
import {execFileSync, spawnSync} from 'node:child_process'
import {existsSync, readdirSync} from 'node:fs'
import {basename, join} from 'node:path'
import {parseArgs} from 'node:util'
import {Demangler} from '../src/demangle/demangler.ts'

const {values: flags, positionals} = parseArgs({
  allowPositionals: true,
  options: {
    show: {type: 'string', default: '5'},
    minimum: {type: 'string', default: '99.9'},
    install: {type: 'boolean', default: false},
  },
})

const PACKAGES = [
  'librocksdb-dev',
  'libprotobuf-dev',
  'libprotoc-dev',
  'libstdc++-12-dev',
  'libc++-dev',
  'libllvm14',
  'llvm',
]
const LIMITS = {maxBuffer: 2 ** 30, encoding: 'utf8'} as const

/** Libraries and the archives with more names than those export. */
function defaultFiles(): string[] {
  const rustc = spawnSync('rustc', ['--print', 'sysroot'], LIMITS).stdout?.trim() ?? ''
  const rust = join(rustc, 'lib/rustlib/x86_64-unknown-linux-gnu/lib')
  const folders: [folder: string, pattern: RegExp][] = [
    [
      '/usr/lib/x86_64-linux-gnu',
      /^(librocksdb|libprotobuf|libprotoc)\.(a|so)$|^libLLVM-\d+\.so\.1$|^libstdc\+\+\.so\.6$/,
    ],
    ['/usr/lib/gcc/x86_64-linux-gnu/12', /^libstdc\+\+\.a$/],
    ['/usr/lib/llvm-14/lib', /^libc\+\+(abi)?\.a$/],
    [rust, /^lib(core|alloc|std)-.*\.rlib$/],
  ]
  return folders
    .filter(([folder]) => existsSync(folder))
    .flatMap(([folder, pattern]) =>
      readdirSync(folder)
        .filter(name => pattern.test(name))
        .map(name => join(folder, name)),
    )
}

function mangledNames(file: string): string[] {
  const listed = [[], ['-D']].map(options => spawnSync('nm', [...options, file], LIMITS).stdout ?? '').join('\n')
  const names = listed.matchAll(/\s(_(?:Z|R)[^\s@]+)/g)
  return [...new Set([...names].map(match => match[1] as string))].sort()
}

function filter(command: string, args: readonly string[], names: readonly string[]): string[] {
  return execFileSync(command, args, {...LIMITS, input: names.join('\n')})
    .trimEnd()
    .split('\n')
}

/** llvm-cxxfilt writes clones as ` (.cold)`, c++filt forgets them behind names of Rust. */
function plainClones(name: string): string {
  return name.replace(/(?: \[clone [^\]]*\]| \((?:\.[\w.]+)\))+$/, '')
}

function compare(file: string): boolean {
  const names = mangledNames(file)
  if (names.length === 0) return true
  const gnu = filter('c++filt', ['-i'], names)
  const llvm = filter('llvm-cxxfilt', [], names)
  const demangler = new Demangler()
  const started = Date.now()
  const ours = names.map(name => demangler.demangle(name) ?? name)
  const took = Date.now() - started
  const wrong = names.flatMap((name, at) => {
    const [mine = '', ...others] = [ours[at], gnu[at], llvm[at]].map(text => plainClones(text ?? ''))
    return others.includes(mine) ? [] : [{name, ours: ours[at], gnu: gnu[at], llvm: llvm[at]}]
  })
  const share = (100 * (names.length - wrong.length)) / names.length
  const speed = ((1000 * took) / names.length).toFixed(0)
  console.log(
    `${basename(file)}: ${names.length - wrong.length} of ${names.length}, ${share.toFixed(3)} %; ${speed} us a name`,
  )
  for (const {name, ...texts} of wrong.slice(0, Number(flags.show))) {
    console.log(`  ${name}`)
    for (const [tool, text] of Object.entries(texts)) console.log(`    ${tool.padEnd(5)} ${text}`)
  }
  return share >= Number(flags.minimum)
}

if (flags.install) execFileSync('apt-get', ['install', '-y', ...PACKAGES], {stdio: 'inherit'})
const results = (positionals.length > 0 ? positionals : defaultFiles()).map(compare)
process.exitCode = results.length > 0 && results.every(Boolean) ? 0 : 1
