// A sysroot is another machine: no name and no link in it leads out, and nothing of this machine is used beside it.
import {mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync} from 'node:fs'
import {tmpdir} from 'node:os'
import {dirname, join, relative} from 'node:path'
import test from 'ava'
import {FileTree} from '../../src/acquire/file-tree.ts'
import {type OpenModule, type OpenProcess, openModuleFile, openProcess} from '../../src/acquire/open-process.ts'
import type {SearchOptions} from '../../src/acquire/search-places.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import {InputError} from '../../src/base/errors.ts'
import {BytesBuilder} from '../support/bytes-builder.ts'
import {buildCore} from '../support/core-builder.ts'
import {
  buildElf,
  buildGnuBuildIdNote,
  buildSymbolSections,
  ET,
  PF,
  PT,
  type SectionSpec,
} from '../support/elf-builder.ts'

const PAGE = 0x1000
const BASE = 0x400000
const ID = 'a1b2c3d4e5'
const SUPPLEMENTARY_ID = '5eed5eed'

const root = mkdtempSync(join(tmpdir(), 'sysroot-test-'))
const closers: (() => void)[] = []
test.after.always(() => {
  for (const close of closers) close()
  rmSync(root, {recursive: true})
})
let counter = 0

/** A folder of files, and of links given as `-> target`. */
function directory(entries: Readonly<Record<string, Uint8Array | string>>): string {
  const path = join(root, String(counter++))
  for (const [name, content] of Object.entries(entries)) {
    mkdirSync(dirname(join(path, name)), {recursive: true})
    if (typeof content === 'string') symlinkSync(content.replace(/^-> /, ''), join(path, name))
    else writeFileSync(join(path, name), content)
  }
  return path
}

function program(sections: SectionSpec[] = [], buildId = ID): Uint8Array {
  const note = {name: '.note.gnu.build-id', type: 7, bytes: buildGnuBuildIdNote(buildId)}
  return buildElf({
    type: ET.EXEC,
    entry: BASE + PAGE,
    sections: [note, {name: '.text', address: BASE + PAGE, bytes: new Uint8Array(0x100).fill(0x90)}, ...sections],
    segments: [
      {type: PT.LOAD, withHeaders: true, address: BASE, fileSize: 0x300},
      {type: PT.LOAD, flags: PF.R + PF.X, from: '.text'},
      {type: PT.NOTE, from: note.name, alignment: 4},
    ],
  })
}

const DEBUG_INFO = {name: '.debug_info', bytes: new Uint8Array(16)}
const dwo = buildElf({type: ET.REL, sections: [{name: '.debug_info.dwo', bytes: new Uint8Array(8)}]})
const debugFile = program([DEBUG_INFO, ...buildSymbolSections([{name: 'f', address: BASE + PAGE, size: 8}])])
const supplementary = program([DEBUG_INFO], SUPPLEMENTARY_ID)
const namesSupplementary = (name: string): Uint8Array =>
  program([
    DEBUG_INFO,
    {name: '.gnu_debugaltlink', bytes: new BytesBuilder().cstring(name).hex(SUPPLEMENTARY_ID).build()},
  ])

function core(path: string): Uint8Array {
  const header = new BytesBuilder().bytes(program().slice(0, PAGE)).padTo(PAGE).build()
  return buildCore({
    auxv: [[3, BASE + 64]],
    mappings: [
      {start: BASE, end: BASE + PAGE, path},
      {start: BASE + PAGE, end: BASE + 2 * PAGE, fileOffset: PAGE, path},
    ],
    memory: [
      {address: BASE, bytes: header, flags: PF.R},
      {address: BASE + PAGE, memorySize: PAGE, flags: PF.R + PF.X},
    ],
  })
}

type Search = SearchOptions & {exe?: string}

async function open(corePath: string, search: Search): Promise<OpenProcess> {
  return openProcess(corePath, {diagnostics: new Diagnostics(), ...search})
}

/** Where the program of a core was found, from the folder of the case. */
async function found(here: string, path: string, search: Search = {}): Promise<string | undefined> {
  const corePath = join(here, 'crash', 'core')
  mkdirSync(dirname(corePath), {recursive: true})
  writeFileSync(corePath, core(path))
  const {modules, close} = await open(corePath, {sysroots: [join(here, 'root')], ...search})
  const imagePath = modules[0]?.imagePath
  close()
  return imagePath === undefined ? undefined : relative(here, imagePath)
}

test('a name with .. stays below the root', async t => {
  const here = directory({'root/etc/x': dwo, 'outside/app': program()})
  t.is(await found(here, '/../outside/app'), undefined)
  t.is(await found(here, `/../../../../../../../../..${here}/outside/app`), undefined)
  const inside = directory({'root/outside/app': program()})
  t.is(await found(inside, '/../../outside/app'), 'root/outside/app')
})

test('links mean below the root what they meant on their machine', async t => {
  const here = directory({
    'root/opt/real': program(),
    'root/srv/absolute': '-> /opt/real',
    'root/srv/relative': '-> ../opt/real',
    'root/srv/above': '-> ../../../../../../opt/real',
    'root/lib': '-> /opt',
    'root/srv/chain': '-> absolute',
    'root/loop': '-> /loop',
    'root/dangling': '-> /nowhere',
  })
  for (const name of ['/srv/absolute', '/srv/relative', '/srv/above', '/lib/real', '/srv/chain', '/lib/../opt/real']) {
    t.is(await found(here, name), 'root/opt/real', name)
  }
  for (const name of ['/loop', '/dangling', '/loop/x', '/opt/real/x']) t.is(await found(here, name), undefined, name)
})

test('a link out of the root leads nowhere', async t => {
  const outside = directory({app: program()})
  const here = directory({
    'root/srv/app': `-> ${outside}/app`,
    'root/bin': `-> ${outside}`,
    'root/up': `-> ../../${relative(root, outside)}`,
  })
  for (const name of ['/srv/app', '/bin/app', '/up/app']) t.is(await found(here, name), undefined, name)
})

test('nothing of this machine is used beside a sysroot, unless a flag says so', async t => {
  const here = directory({'root/x': dwo, 'crash/app': program(), 'here/app': program()})
  const own = join(here, 'here/app')
  t.is(await found(here, own), undefined)
  t.is(await found(here, '/gone/app'), undefined)
  t.is(await found(here, own, {hostFiles: true}), 'here/app')
  t.is(await found(here, '/gone/app', {hostFiles: true}), 'crash/app')
  t.is(await found(here, '/gone/app', {sysroots: []}), 'crash/app')
  t.is(await found(here, own, {exe: own}), 'here/app')
  t.is(await found(here, '/gone/app', {debugDirs: [join(here, 'here')]}), 'here/app')
})

test('a file that is not there says how those of this machine are allowed', async t => {
  const here = directory({'root/x': dwo, core: core('/gone/app')})
  const diagnostics = new Diagnostics()
  const {modules, close} = await openProcess(join(here, 'core'), {diagnostics, sysroots: [join(here, 'root')]})
  close()
  t.is(modules[0]?.imageOrigin, 'memory')
  t.like(diagnostics.list()[0], {
    code: 'module-not-found',
    hint: 'name it: --exe app, or allow the files of this machine: --host-files',
  })
})

test('what the user names below a sysroot is found by its links there', async t => {
  const outside = directory({app: program()})
  const here = directory({
    'root/opt/app': program(),
    'root/good': '-> /opt/app',
    'root/bad': `-> ${outside}/app`,
    core: core('/gone/app'),
  })
  const sysroots = [join(here, 'root')]
  const {modules, close} = await open(join(here, 'core'), {sysroots, exe: join(here, 'root/good')})
  t.is(modules[0]?.imagePath, join(here, 'root/opt/app'))
  close()
  await t.throwsAsync(open(join(here, 'core'), {sysroots, exe: join(here, 'root/bad')}), {
    instanceOf: InputError,
    message: /root\/bad: no such file$/,
  })
  await t.throwsAsync(openModule(here, 'root/bad'), {instanceOf: InputError})
})

async function openModule(here: string, name: string, search: Search = {}): Promise<OpenModule['module']> {
  const options = {diagnostics: new Diagnostics(), sysroots: [join(here, 'root')], ...search}
  const {module, close} = await openModuleFile(join(here, name), options)
  closers.push(close)
  return module
}

const buildIdPath = (id: string): string => `usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`

test('separate debug files are found below the root alone', async t => {
  const outside = directory({'app.debug': debugFile})
  const inside = directory({
    'root/srv/app': program(),
    [`root/${buildIdPath(ID)}`]: '-> /usr/lib/debug/srv/app',
    'root/usr/lib/debug/srv/app': debugFile,
  })
  const dwarf = (await openModule(inside, 'root/srv/app')).debug.dwarf
  t.is(dwarf && relative(inside, dwarf.name), 'root/usr/lib/debug/srv/app')
  for (const place of ['srv/app.debug', 'srv/.debug/app.debug', buildIdPath(ID), 'usr/lib/debug/srv/app.debug']) {
    const link = directory({'root/srv/app': program(), [`root/${place}`]: `-> ${outside}/app.debug`})
    t.is((await openModule(link, 'root/srv/app')).debug.dwarf, undefined, place)
    const file = directory({'root/srv/app': program(), [`root/${place}`]: debugFile})
    t.is((await openModule(file, 'root/srv/app')).debug.dwarf?.name, join(file, 'root', place))
  }
})

test('a supplementary file is found below the root alone, whether its name is absolute or climbs', async t => {
  const place = 'usr/lib/debug/.common/x.debug'
  for (const name of [`/${place}`, `../${place}`, `../../../../../${place}`]) {
    const here = directory({'root/srv/app': namesSupplementary(name), [`root/${place}`]: supplementary})
    t.is((await openModule(here, 'root/srv/app')).debug.supplementary?.name, join(here, 'root', place), name)
  }
  const outside = directory({'x.debug': supplementary})
  for (const name of [`${outside}/x.debug`, `../../${relative(dirname(outside), outside)}/x.debug`]) {
    const here = directory({'root/srv/app': namesSupplementary(name)})
    t.is((await openModule(here, 'root/srv/app')).debug.supplementary, undefined, name)
    t.is((await openModule(here, 'root/srv/app', {hostFiles: true})).debug.supplementary !== undefined, name[0] === '/')
  }
})

test('split units and packages are found below the root alone', async t => {
  const outside = directory({'a.dwo': dwo})
  const here = directory({
    'root/srv/app': program([DEBUG_INFO]),
    'root/build/a.dwo': dwo,
    'root/srv/b.dwo': dwo,
    'root/srv/link.dwo': `-> ${outside}/a.dwo`,
  })
  const {debug} = await openModule(here, 'root/srv/app')
  const splitUnit = (name: string, folder: string): string | undefined => {
    const unit = debug.splitUnit(name, folder, undefined)
    return unit && relative(here, unit.name)
  }
  t.is(splitUnit('a.dwo', '/build'), 'root/build/a.dwo')
  t.is(splitUnit('/build/a.dwo', '/gone'), 'root/build/a.dwo')
  t.is(splitUnit('../../../build/a.dwo', '/srv'), 'root/build/a.dwo')
  t.is(splitUnit('b.dwo', '/gone'), 'root/srv/b.dwo')
  t.is(splitUnit(`${outside}/a.dwo`, '/gone'), undefined)
  t.is(splitUnit('a.dwo', outside), undefined)
  t.is(splitUnit('link.dwo', '/srv'), undefined)
})

test('a folder of --debug-dir outside the root holds its own names, inside it those of the root', async t => {
  const outside = directory({app: debugFile})
  const tree = `.build-id/${ID.slice(0, 2)}/${ID.slice(2)}.debug`
  const here = directory({
    'root/srv/app': program(),
    [`debug/${tree}`]: '-> ../../real.debug',
    'debug/real.debug': debugFile,
    [`out/${tree}`]: `-> ${outside}/app`,
    [`root/symbols/${tree}`]: '-> /kept/app.debug',
    'root/kept/app.debug': debugFile,
  })
  const dwarf = async (folder: string): Promise<[string | undefined, boolean]> => {
    const {debug} = await openModule(here, 'root/srv/app', {debugDirs: [join(here, folder)]})
    return [debug.dwarf?.name, debug.hasInfo]
  }
  t.deepEqual(await dwarf('debug'), [join(here, 'debug/real.debug'), true])
  t.deepEqual(await dwarf('out'), [undefined, false])
  t.deepEqual(await dwarf('root/symbols'), [join(here, 'root/kept/app.debug'), true])
})

test('a name in a tree and a path on this machine lead to each other', t => {
  const tree = new FileTree(join(root, 'tree'), 'contained')
  t.is(tree.nameOf(join(root, 'tree/a/b')), '/a/b')
  t.is(tree.nameOf(join(root, 'tree')), undefined)
  t.is(tree.nameOf(join(root, 'tree2/a')), undefined)
  t.is(new FileTree('/', 'followed').locate('../a'), '/a')
  t.is(new FileTree('x', 'followed').locate('/../../a/../b'), 'x/b')
  t.is(tree.locate('a\0b'), undefined)
  t.is(tree.locate('/'.repeat(4095)), join(root, 'tree'))
  // Longer than any path is: 200,000 looks at the disk would be made for each place where it could be.
  t.is(tree.locate(`${'/..'.repeat(200_000)}/`), undefined)
  t.is(tree.locate(`/${'x'.repeat(1_000_000)}`), undefined)
})
