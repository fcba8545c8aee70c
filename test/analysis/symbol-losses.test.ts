// What the frames of a module have lost, and why: nothing is said to be missing that was found.
import test from 'ava'
import {Losses, type Shown} from '../../src/analysis/losses.ts'
import type {DeadProcess} from '../../src/analysis/process/dead-process.ts'
import type {Blocking} from '../../src/analysis/waits/blocking.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'
import type {ElfFile} from '../../src/elf/elf-file.ts'
import {type DebugFiles, Module} from '../../src/elf/module.ts'

const [PATH, BUILD_ID] = ['/srv/app', '93ac61ec5a8eb1396f9fbd350e3169a558528a40']
const REMEDY = 'what would help'

/** What a report says of a module with such frames: each a name with its file and line, as far as they are known. */
function toldOf(
  debug: {hasInfo: boolean} | 'no file',
  ...frames: [name: string | null, file?: string, line?: number][]
) {
  const place = {path: PATH, start: 0x1000 as never, end: 0x2000 as never, loadBias: 0, buildIds: {gnu: BUILD_ID}}
  const found = {image: {} as ElfFile, debug: debug as DebugFiles}
  const module = new Module({...place, ...(debug === 'no file' ? {} : found)} as never)
  const diagnostics = new Diagnostics()
  const process = {modules: [module], diagnostics, remediesFor: () => [REMEDY], isPartial: () => false}
  const losses = new Losses(process as unknown as DeadProcess)
  const shown = frames.map(([name, file = null, line = null]) => ({
    ...{kind: 'c', foundBy: 'cfi', module: PATH, function: name},
    ...{file, line},
  }))
  losses.add({frames: shown, missing: [], stop: 'end-of-stack'} as unknown as Shown, 'thread 1')
  losses.conclude({addDiagnostics: () => undefined} as unknown as Blocking)
  const told = diagnostics.list().map(({severity, message, hint}) => [severity, message, hint])
  return {losses: losses.of(PATH), greatest: losses.greatest, told}
}

test('debug information that is there is not said to be missing where it has no line for some code', t => {
  const [main, library, assembly] = [['main', 'm.c', 7], ['deflate', 'deflate.c'], ['fast_copy']] as const
  t.deepEqual(toldOf({hasInfo: true}, [...main], [...library], [...assembly]), {
    losses: {unnamed: 0, withoutLine: 2, remedies: [REMEDY]},
    greatest: null,
    told: [
      ['info', `2 have no line: the debug information that was found does not say (build ID ${BUILD_ID})`, REMEDY],
    ],
  })
  t.deepEqual(toldOf({hasInfo: true}, [...main], [null]), {
    losses: {unnamed: 1, withoutLine: 0, remedies: [REMEDY]},
    greatest: {what: 'app: 1 frame has no name: the debug information that was found does not say', command: REMEDY},
    told: [
      [
        'warning',
        `1 frame has no name: the debug information that was found does not say (build ID ${BUILD_ID})`,
        REMEDY,
      ],
    ],
  })
})

test('without debug information, or without the file, that is what is said', t => {
  const told = (debug: {hasInfo: boolean} | 'no file') => toldOf(debug, ['main']).told.map(([, message]) => message)
  t.deepEqual(told({hasInfo: false}), [`1 has no line: no debug information was found (build ID ${BUILD_ID})`])
  t.deepEqual(told('no file'), [`1 has no line: the file was not found (build ID ${BUILD_ID})`])
})

test('the start-up code of C, which no build has lines of, is no loss; its name is', t => {
  const none = {losses: null, greatest: null, told: []}
  for (const hasInfo of [true, false])
    for (const name of ['_start', '__do_global_dtors_aux', '_fini', '__libc_csu_init'])
      t.deepEqual(toldOf({hasInfo}, ['main', 'm.c', 7], [name]), none)
  t.like(toldOf({hasInfo: true}, [null], ['_start']).losses, {unnamed: 1, withoutLine: 0})
})
