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
  /** Folder of fixtures/programs that holds the sources, where it is not the program's own name. */
  readonly sources?: string
  readonly kind: 'go' | 'c-shared' | 'c-archive' | 'plugin' | 'go-library' | 'linkshared'
  /** C source of a private shared library that is built before the program, with its compiler flags. */
  readonly library?: {
    readonly source: string
    readonly flags: readonly string[]
  }
  /** Tool that must be in PATH when the program runs. */
  readonly needs?: string
  /** True for a program without any C of its own. */
  readonly pure?: boolean
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
  'negative fault recurse200 recurse20000 goroutine init panicerror panicindefer runtimeerror'

const gopanic: Program = {
  name: 'gopanic',
  kind: 'go',
  modes: plain(gopanicModes),
}

const shapes: Program = {
  name: 'shapes',
  kind: 'go',
  modes: [
    ...plain(
      'scalars many texts structs arrays results variadic dead inlined closures embedded interface wrapper values ' +
        'sorting mapping visitor overflow init',
    ),
    ...plain('generic genericstring genericnamed genericmethod genericpair genericclosure').map(mode => ({
      ...mode,
      since: 18,
    })),
  ],
}

const busyWorks = 'none loops cgo threads gc locked timers labels syscalls crowd notify all'

const busy: Program = {
  name: 'busy',
  kind: 'go',
  modes: [
    ...busyWorks.split(' ').flatMap((work): Mode[] => [
      {name: `${work}-fault`, arguments: [work, 'fault']},
      {name: `${work}-panic`, arguments: [work, 'panic']},
      {name: `${work}-quit`, arguments: [work, 'wait'], trigger: 'SIGQUIT'},
    ]),
    {name: 'loops-kill', arguments: ['loops', 'kill']},
    {name: 'all-abort', arguments: ['all', 'wait'], trigger: 'SIGABRT'},
    {name: 'all-segv', arguments: ['all', 'wait'], trigger: 'SIGSEGV'},
    {name: 'all-gcore', arguments: ['all', 'wait'], trigger: 'gcore'},
    {name: 'ancestors', arguments: ['labels', 'panic'], environment: {GODEBUG: 'tracebackancestors=10'}, since: 11},
    {name: 'tracebacklabels', arguments: ['labels', 'panic'], environment: {GODEBUG: 'tracebacklabels=1'}, since: 26},
    {name: 'nolabels', arguments: ['labels', 'panic'], environment: {GODEBUG: 'tracebacklabels=0'}, since: 26},
    {name: 'noasync', arguments: ['timers', 'panic'], environment: {GODEBUG: 'asyncpreemptoff=1'}},
  ],
}

const deadlock: Program = {
  name: 'deadlock',
  kind: 'go',
  pure: true,
  modes: [...plain('main goexit workers panic nil map'), {name: 'quit', arguments: ['wait'], trigger: 'SIGQUIT'}],
}

const hostedModes: readonly Mode[] = [
  ...plain('fault panic nil thread'),
  {name: 'host', arguments: ['host'], silent: true},
]

const hosted: Program = {name: 'hosted', kind: 'c-shared', modes: hostedModes}
const archived: Program = {name: 'archived', kind: 'c-archive', sources: 'hosted', modes: hostedModes}
const plugged: Program = {name: 'plugged', kind: 'plugin', modes: plain('panic nil fault')}
/** A Go program that loads a Go library: two runtimes in one process. */
const guest: Program = {name: 'guest', kind: 'go-library', modes: plain('fault panic nil away back ladder')}
/** The runtime is in a shared library. */
const linked: Program = {name: 'linked', kind: 'linkshared', modes: plain('fault panic')}
const query: Program = {name: 'query', kind: 'go', modes: plain('fault panic')}
const cxx: Program = {name: 'cxx', kind: 'go', modes: plain('fault throw terminate')}

const stuck: Program = {
  name: 'stuck',
  kind: 'go',
  modes: [
    ...plain('mutexes cross join self others').map((mode): Mode => ({...mode, trigger: 'gcore'})),
    {name: 'mutexes-quit', arguments: ['mutexes'], trigger: 'SIGQUIT'},
  ],
}

const deaths: Program = {
  name: 'deaths',
  kind: 'go',
  modes: [
    ...plain(
      'nest worker parked parked-locked thread thread-nest thread-panic thread-nil thread-throw altstack again systemstack mcall ' +
        'callback-runtime morestack overflow spill finalizer bus sys smash trap ill fpe free jump data watchdog bus-go trap-go ' +
        'before-abort before-nostack after after-nostack after-raise',
    ),
    ...plain('returned returned-abort stranger stranger-abort before-crash before-resign').map(silent),
    ...plain(
      'after-abort after-crash after-crash-nostack after-kill after-other after-plain in-handler after-stranger default default-stranger',
    ).map(silent),
    ...['single', 'none', undefined].map((level, index) => ({
      ...silent(plain('default-go default-nested default-abort')[index] as Mode),
      environment: level === undefined ? {} : {GOTRACEBACK: level},
    })),
    // Up to 1.20 the sigpanic that the runtime injects does not fit g0's bounds there, and the process dies of that.
    {name: 'coroutine', arguments: ['coroutine'], since: 21},
    {name: 'held', arguments: ['held'], trigger: 'gcore', silent: true},
    {name: 'held-nostack', arguments: ['held-nostack'], trigger: 'gcore', silent: true},
  ],
}

const crossings: Program = {
  name: 'crossings',
  kind: 'go',
  modes: [
    ...plain('abandoned goexit panic smash lose-stack smash-inner pair'),
    ...['repeated 3', 'deep 1500', 'climb 3000', 'climb-inner 3000', 'ladder 4'].map(text => {
      const [name = '', count = ''] = text.split(' ')
      return {name, arguments: [name, count]}
    }),
    {name: 'ladder-long', arguments: ['ladder', '300']},
  ],
}

const thin: Program = {
  name: 'thin',
  kind: 'go',
  modes: [
    ...plain('old-hook old-hook-registers no-thread no-thread-twice twice goexit-thread locks locks-thread longjmp'),
    ...plain('old-hook-all deep-thread').map(silent),
  ],
}

const handled: Program = {name: 'handled', kind: 'go', modes: plain('grow fault')}

function silent(mode: Mode): Mode {
  return {...mode, silent: true}
}

export const programs: readonly Program[] = [
  cfault,
  callback,
  hooks,
  blocked,
  gopanic,
  shapes,
  busy,
  deadlock,
  hosted,
  archived,
  plugged,
  guest,
  linked,
  query,
  cxx,
  stuck,
  deaths,
  crossings,
  thin,
  handled,
]

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
