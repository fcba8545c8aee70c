import type {CoreReport} from '../../src/report/core-report.ts'

const frame = (name: string | null) => ({
  ...{kind: 'c', function: name, file: null, line: null, pc: '0x1', args: null, inlined: false},
  ...{module: '/lib/x.so', moduleOffset: '0x1'},
})
const block = (id: number, name: string) => ({
  ...{
    id,
    image: null,
    state: name,
    stop: 'end-of-stack',
    header: `goroutine ${id} [running]:`,
    remarks: [],
    frames: [frame(name)],
  },
  ...{elided: null, missing: [], createdBy: null, ancestors: [], detailed: false},
})

/** A report in which every name and sentence is the text; for renderers that show what a core says. */
export function reportOf(text: string, goroutines: number): CoreReport {
  const lock = {
    kind: text,
    address: '0x1',
    waiters: [{goroutine: 1, thread: null, image: null}],
    waiterCount: 1,
    owner: null,
  }
  const place = {...frame(text), firstParty: true, goroutine: 1, guessed: false}
  return {
    summary: {
      what: text,
      where: [place],
      who: {
        ...{program: '/bin/server', version: 'v1.2.3', revision: 'abc', modified: null, goVersion: 'go1.27.4'},
        ...{thread: 7, goroutine: 1, threads: 2, goroutines, inC: 1, systemAmong: false, atLeast: false, image: null},
      },
      waits: [text],
      missing: {what: text, command: 'name it: --exe FILE'},
      signature: {exact: '0123', family: text},
    },
    crash: {header: ['SIGSEGV: x', text], runtimeStack: [], registers: null, thread: 7, goroutine: 1, image: null},
    detail: 'plain',
    go: {images: []},
    goroutines: Array.from({length: goroutines}, (_, index) => block(index + 1, text)),
    threadsWithoutGoroutine: () => [],
    tail: () => ({
      cgo: {calls: [{goroutine: 1, thread: 7, m: 0, entry: text, depth: 1, inCallback: false}]},
      blocking: {locks: [lock], cycles: [[text, text]], chains: [text]},
      threads: [{id: 7, name: text, m: 0, goroutine: 1, idle: false, stop: 'end-of-stack'}],
      modules: [{path: text, buildId: text, found: null, symbols: null, mismatch: text}],
      diagnostics: [{severity: 'warning', message: text, where: text, hint: text}],
    }),
  } as unknown as CoreReport
}
