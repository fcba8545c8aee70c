// What a program is called, of those that were built from files and so have no path of their own.
import test from 'ava'
import type {DeadProcess} from '../../../src/analysis/process/dead-process.ts'
import {examineProcess} from '../../../src/analysis/process/examine-process.ts'
import {programIdentity, programName} from '../../../src/analysis/signature/program-name.ts'
import {Deadline} from '../../../src/base/deadline.ts'
import {withFixture} from '../../support/open-fixture.ts'

/** A program that go build made of a file, with these functions of package main in its tables. */
function builtFromFile(file: string, names: readonly string[]): DeadProcess {
  const main = {entry: 1, fileLine: () => ({file, line: 1})}
  return {
    buildInfo: {path: 'command-line-arguments'},
    goModule: {isExecutable: true},
    tables: {functionNamed: () => main, namesBeginning: () => names},
  } as unknown as DeadProcess
}

const WORK = ['main.work', 'main.main', 'main.(*T).run', 'main.main.func1', 'main.init', 'main._Cfunc_f', 'main.work']

test('two programs of one file name are told apart by their functions, wherever they were built', t => {
  const identity = (file: string, names: readonly string[]) => programIdentity(builtFromFile(file, names), '/x/exe')
  const one = identity('/home/a/src/main.go', WORK)
  t.regex(one, /^main\.go~[0-9a-f]{8}$/)
  t.is(
    one,
    identity('./main.go', ['main.main', 'main.work', 'main.main.gowrap1']),
    'built elsewhere, by another release',
  )
  t.not(one, identity('/home/a/src/main.go', ['main.main', 'main.rest']))
  t.is(programName(builtFromFile('/home/a/src/main.go', WORK), '/x/exe'), 'main.go')
})

test('of one that has main.main alone the folder tells, where the build kept it', t => {
  const identity = (file: string) => programIdentity(builtFromFile(file, ['main.main']), '/x/exe')
  t.is(identity('/home/a/one/main.go'), 'one/main.go')
  t.is(identity('./main.go'), 'main.go')
})

test('a program with a path of its own has that', async t => {
  await withFixture('cfault-segv-go1.27', (dead, diagnostics) => {
    const options = {diagnostics, deadline: Deadline.never(diagnostics), demangle: true}
    const process = examineProcess(dead, options as never)
    t.is(programIdentity(process, '/x/exe'), 'gotrace.example/cfault')
    const names = [...(process.tables?.namesBeginning('main.') ?? [])]
    // The last one is inlined everywhere.
    for (const name of ['main.main', 'main.(*server).handle', 'main.main.func1']) t.true(names.includes(name), name)
    t.true(names.every(name => name.startsWith('main.')))
  })
})
