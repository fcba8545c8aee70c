import {
  BARE_NODE,
  type Contestant,
  DEBUGGERS,
  DELVE,
  DELVE_LOOP,
  EU_STACK_INLINES,
  OUR_BATCH,
  OUR_HELP,
  OUR_LOOP,
  OUR_SMALL,
  OUR_SYMBOLIZER,
  OUR_SYMBOLIZER_AT_FIRST,
  ourselves,
  SYMBOLIZERS,
} from './contestants.ts'
import {type BenchInput, buildProgram, copiesOf, debianLibrary, makeCore, randomAddresses} from './cores.ts'

/** One piece of work, and who does it. */
export interface Subject {
  name: string
  what: string
  /** What is to be reached. */
  goal?: string
  prepare(release: string): BenchInput
  ours: readonly Contestant[]
  peers: readonly Contestant[]
  /** Made only when it is asked for by name: gigabytes, and minutes. */
  isLarge?: boolean
  /** At most so many rounds: each takes long. */
  roundsMax?: number
  /** The core is out of the page cache when a run begins. */
  isCold?: boolean
}

type Rest = Omit<Subject, 'name' | 'what' | 'prepare' | 'ours' | 'peers'> & Partial<Subject>

const ANALYZE = [ourselves('analyze')]
const SMALL = {program: 'crowd', arguments: [4, 1]}

function crowd(goroutines: number, rest: Rest): Subject {
  const name = `crowd-${goroutines}`
  const what = `${goroutines.toLocaleString('en')} goroutines`
  const prepare = (release: string) => makeCore(buildProgram('crowd', release), {arguments: [goroutines, 1]})
  return {name, what, prepare, ours: ANALYZE, peers: DELVE, ...rest}
}

/** A core, and beside it that of the small crash, to which its time is compared. */
function besideSmall(core: BenchInput, release: string): BenchInput {
  return {...core, beside: makeCore(buildProgram(SMALL.program, release), SMALL)}
}

/** A large core of a process whose goroutines are few. */
function bulky(name: string, what: string, words: readonly number[]): Subject {
  return {
    name,
    what,
    goal: '1.2 times the small one',
    prepare: release => besideSmall(makeCore(buildProgram('crowd', release), {arguments: words}), release),
    ours: [...ANALYZE, OUR_SMALL],
    peers: DEBUGGERS,
    isLarge: true,
    roundsMax: 5,
  }
}

function deep(frames: number): Subject {
  const prepare = (release: string) => makeCore(buildProgram('deep', release), {arguments: [frames]})
  const what = `a fault below ${frames.toLocaleString('en')} frames of C`
  return {name: `deep-${frames}`, what, prepare, ours: ANALYZE, peers: DEBUGGERS}
}

function symbolize(name: string, what: string, module: (release: string) => string): Subject {
  return {
    name: `symbolize-${name}`,
    what: `100,000 random addresses of ${what}`,
    goal: 'faster than each',
    prepare: release => randomAddresses(module(release), 100_000),
    ours: [OUR_SYMBOLIZER_AT_FIRST, OUR_SYMBOLIZER],
    peers: SYMBOLIZERS,
  }
}

export const SUBJECTS: readonly Subject[] = [
  crowd(4, {
    name: 'small',
    what: 'a small cgo crash: 4 goroutines',
    goal: 'analyze: bare node + 45 ms, 0.45 of Delve, 0.2 of gdb; info, --help: bare node + 20 ms; --values: 60 ms more',
    ours: [
      ...ANALYZE,
      ourselves('info'),
      OUR_HELP,
      ourselves('threads'),
      ourselves('analyze', '--values=all'),
      BARE_NODE,
    ],
    peers: DEBUGGERS,
  }),
  crowd(4, {
    name: 'small-zst',
    what: 'the small crash, packed with zstd',
    goal: '1.4 times the raw one',
    prepare: release =>
      besideSmall(makeCore(buildProgram(SMALL.program, release), {...SMALL, compressed: true}), release),
    ours: [...ANALYZE, OUR_SMALL],
    peers: [],
  }),
  crowd(4, {
    name: 'stripped',
    what: 'the small crash of a program without symbols and DWARF',
    prepare: release => besideSmall(makeCore(buildProgram(SMALL.program, release, {isStripped: true}), SMALL), release),
    ours: [...ANALYZE, OUR_SMALL],
    peers: DEBUGGERS,
  }),
  {
    name: 'large',
    what: 'a fault in a large Go executable with DWARF',
    goal: '1.1 times the small one',
    prepare: release => besideSmall(makeCore(buildProgram('large', release), {arguments: [8]}), release),
    ours: [...ANALYZE, OUR_SMALL],
    peers: DEBUGGERS,
  },
  crowd(1000, {}),
  crowd(10_000, {goal: '0.06 of Delve'}),
  crowd(100_000, {
    goal: 'JSON and NDJSON: 1.5 times the text',
    ours: [
      ...ANALYZE,
      ourselves('analyze', '--json'),
      ourselves('goroutines', '--ndjson'),
      ourselves('goroutines'),
      ourselves('goroutines', '--group'),
    ],
    peers: [],
  }),
  crowd(100_000, {
    name: 'crowd-100000-cold',
    what: '100,000 goroutines, the core out of the page cache',
    goal: 'wall: 1.3 times the CPU',
    peers: [],
    isCold: true,
  }),
  crowd(100_000, {
    name: 'crowd-100000-delve',
    goal: 'analyze: 0.03 of Delve',
    isLarge: true,
    roundsMax: 1,
  }),
  crowd(1_000_000, {
    goal: 'analyze: 9 µs a goroutine, 150 MB; --group: 5 s',
    ours: [...ANALYZE, ourselves('goroutines', '--group')],
    peers: [],
    isLarge: true,
    roundsMax: 1,
  }),
  bulky('sparse', '20 GB of memory that was mapped and hardly touched', [4, 1, 20]),
  bulky('dense', '5 GB of memory in use', [4, 5000]),
  deep(10),
  deep(100),
  deep(1000),
  deep(10_000),
  {
    name: 'threads',
    what: '200 threads of 100 frames of C',
    goal: '0.1 of eu-stack',
    prepare: release => makeCore(buildProgram('threads', release), {arguments: [200, 100]}),
    ours: [ourselves('threads')],
    peers: DEBUGGERS.filter(({tool}) => tool === 'eu-stack'),
  },
  {
    name: 'threads-cxx',
    what: '200 threads of 100 frames of C++ with inlined calls',
    goal: '0.1 of eu-stack',
    prepare: release => makeCore(buildProgram('cxx', release), {arguments: [200, 100]}),
    ours: [ourselves('threads')],
    peers: [EU_STACK_INLINES],
  },
  symbolize('libc', "Debian's libc, with its debug file", () => debianLibrary(/^libc\.so\.6$/)),
  symbolize('cxx', 'a C++ library of 100 MB', () => debianLibrary(/^libLLVM-\d+\.so\.1$/)),
  symbolize('go', 'a Go executable', release => buildProgram('large', release)),
  {
    name: 'batch',
    what: '198 small cores of three programs',
    goal: '15 ms a core after the first of a program; 5 times the throughput of a loop, 20 times that of Delve in a loop',
    prepare: release =>
      copiesOf(
        [
          makeCore(buildProgram('crowd', release), {arguments: [4, 1]}),
          makeCore(buildProgram('deep', release), {arguments: [10]}),
          makeCore(buildProgram('large', release), {arguments: [8]}),
        ],
        66,
      ),
    ours: [OUR_BATCH, OUR_LOOP],
    peers: [DELVE_LOOP],
    roundsMax: 2,
  },
]
