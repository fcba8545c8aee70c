/** How a mode ends: by itself, by a signal sent once it prints `ready`, or not at all, with a core taken by gdb. */
export type Trigger = 'itself' | 'SIGABRT' | 'SIGQUIT' | 'SIGSEGV' | 'gcore'

export interface Mode {
  readonly name: string
  readonly arguments: readonly string[]
  readonly environment?: Readonly<Record<string, string>>
  readonly trigger?: Trigger
  /** First Go minor release that has what the mode needs. */
  readonly since?: number
  /** True when the runtime prints nothing because the thread is not Go's. */
  readonly silent?: boolean
}

export interface Program {
  readonly name: string
  /** How the executable comes about: a Go program, or a C host with Go as its library. */
  readonly kind: 'go' | 'c-shared' | 'c-archive' | 'plugin'
  /** C source of a private shared library that is built before the program, with its compiler flags. */
  readonly library?: {
    readonly source: string
    readonly flags: readonly string[]
  }
  readonly needs?: string
  readonly since?: number
  readonly modes: readonly Mode[]
}

function plain(names: string): Mode[] {
  return names.split(/\s+/).map(name => ({name, arguments: [name]}))
}

const cfault: Program = {
  name: 'cfault',
  kind: 'go',
  modes: [
    ...plain('segv wild abort fpe ill trap bus jump overflow free raise'),
    {name: 'locked', arguments: ['segv', 'locked']},
    {name: 'locked-abort', arguments: ['abort', 'locked']},
    {name: 'thread', arguments: ['thread'], silent: true},
  ],
}

const callback: Program = {
  name: 'callback',
  kind: 'go',
  library: {
    source: 'relay/librelay.c',
    flags: ['-fomit-frame-pointer', '-pthread'],
  },
  modes: plain('fault deep panic nil thread grow parked locked recovered'),
}

const hooks: Program = {
  name: 'hooks',
  kind: 'go',
  needs: 'llvm-symbolizer',
  modes: plain('fault callback panic fatal'),
}

const blocked: Program = {
  name: 'blocked',
  kind: 'go',
  modes: [
    ...plain('fault panic'),
    {name: 'abort', arguments: ['wait'], trigger: 'SIGABRT'},
    {name: 'quit', arguments: ['wait'], trigger: 'SIGQUIT'},
    {name: 'gcore', arguments: ['wait'], trigger: 'gcore'},
  ],
}

const gopanicModes =
  'panic nil error stringer string lines named count ratio flag phase small int int64 uint64 uintptr float64 float32 ' +
  'complex128 complex64 bool rune nilvalue pointer namedpointer struct slice func map index slicebounds divide assert ' +
  'assertmethod nilmap closednil closed nested deferred recovered repanicked goexit goexitpanic mapwrite unlock runlock ' +
  'negative overflow fault recurse200 recurse20000 goroutine init panicerror panicindefer runtimeerror'

const gopanic: Program = {
  name: 'gopanic',
  kind: 'go',
  modes: plain(gopanicModes),
}

export const programs: readonly Program[] = [cfault, callback, hooks, blocked, gopanic]

export function findProgram(name: string): Program {
  const found = programs.find(program => program.name === name)
  if (!found) throw new Error(`no program named ${name}; there are ${programs.map(p => p.name).join(' ')}`)
  return found
}

export function findMode(program: Program, name: string): Mode {
  const found = program.modes.find(mode => mode.name === name)
  if (!found) throw new Error(`${program.name} has no mode ${name}; it has ${program.modes.map(m => m.name).join(' ')}`)
  return found
}
