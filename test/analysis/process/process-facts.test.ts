import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {
  moduleSymbols,
  reportBuildInfo,
  reportCoreFacts,
  reportGo,
  reportModules,
} from '../../../src/analysis/process/process-facts.ts'
import type {Module} from '../../../src/elf/module.ts'
import type {BuildInfo} from '../../../src/gosym/build-info.ts'
import {GoVersion} from '../../../src/gosym/version.ts'

const ORIGIN = {path: 'core', size: 100, compression: 'zstd'}

test('the arguments are told apart by their spaces, which is all that the core has of them', t => {
  const core = {process: {pid: 7, commandLine: './app  -v file '}, threads: [{}, {}], pageSize: 4096, truncated: true}
  const modules = [
    {path: '/lib/x.so', isExecutable: false},
    {path: '/opt/app', isExecutable: true},
  ]
  const facts = reportCoreFacts({core, modules} as unknown as DeadProcess, ORIGIN)
  t.deepEqual(facts, {
    ...ORIGIN,
    truncated: true,
    pid: 7,
    executable: '/opt/app',
    arguments: ['./app', '-v', 'file'],
    threadCount: 2,
    pageSize: 4096,
    origin: null,
  })
})

test('a core that does not name its process has no pid and no arguments', t => {
  const core = {process: undefined, threads: [], pageSize: 4096, truncated: false}
  const facts = reportCoreFacts({core, modules: []} as unknown as DeadProcess, ORIGIN)
  t.like(facts, {pid: null, executable: null, arguments: []})
})

function moduleWith(sections: readonly string[], debug: object = {}, imageOrigin = 'file'): Module {
  const image = {
    sections: sections.map(name => ({name})),
    section: (name: string) => (sections.includes(name) ? {} : undefined),
  }
  return {image, imageOrigin, debug} as unknown as Module
}

test('a module’s symbols are the fullest table that names its functions', t => {
  const dwarf = {section: () => ({})}
  t.is(moduleSymbols({image: undefined} as Module), null)
  t.is(moduleSymbols(moduleWith(['.symtab'], {dwarf})), 'dwarf')
  t.is(moduleSymbols(moduleWith(['.symtab', '.gopclntab'])), 'symtab')
  t.is(moduleSymbols(moduleWith(['.dynsym'], {symbols: {}})), 'symtab')
  t.is(moduleSymbols(moduleWith(['.gopclntab', '.dynsym'])), 'pclntab')
  t.is(moduleSymbols(moduleWith(['.dynsym'])), 'dynsym')
  t.is(moduleSymbols(moduleWith(['.dynsym'], {}, 'memory')), 'none', 'what was dumped of an image is no table')
  t.is(moduleSymbols(moduleWith([], {dwarf: {section: () => undefined}})), 'none')
})

test('a module says where its file was found, or that only the core has it, or that nothing was', t => {
  const module = {path: '/lib/x.so', start: 0x1000, end: 0x2000, loadBias: -0x1000, image: undefined}
  const reported = reportModules({
    modules: [
      {...module, imageOrigin: 'file', imagePath: '/sysroot/lib/x.so', buildId: 'ab'},
      {...module, imageOrigin: 'memory'},
      {...module, imageOrigin: 'none', mismatch: 'cd'},
    ],
  } as unknown as DeadProcess)
  t.deepEqual(
    reported.map(({found, buildId, mismatch}) => [found, buildId, mismatch]),
    [
      ['/sysroot/lib/x.so', 'ab', null],
      ['memory', null, null],
      [null, null, 'cd'],
    ],
  )
  t.is(reported[0]?.loadBias, '0xfffffffffffff000', 'a bias is 64 bits')
})

test('what Go says of its build is given whole, and nothing where it says nothing', t => {
  t.deepEqual(reportBuildInfo(undefined), {main: null, mainVersion: null, modules: [], settings: {}})
  const info = {
    path: 'cmd',
    main: undefined,
    modules: [{path: 'a/b', version: 'v1', sum: undefined}],
    settings: new Map([['-buildmode', 'pie']]),
  }
  t.deepEqual(reportBuildInfo(info as unknown as BuildInfo), {
    main: 'cmd',
    mainVersion: null,
    modules: [{path: 'a/b', version: 'v1', sum: null}],
    settings: {'-buildmode': 'pie'},
  })
})

test('a release that was only guessed is not told as the program’s', t => {
  const process = {modules: [], images: [], version: GoVersion.ofMinor(22), tables: undefined} as unknown as DeadProcess
  t.is(reportGo(process).version, null)
  t.is(reportGo({...process, versionText: 'go1.22.12'}).version, 'go1.22.12')
})
