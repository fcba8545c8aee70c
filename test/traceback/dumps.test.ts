// What Go's tracebacks and goroutine profiles hold, in the words of many releases.
import test from 'ava'
import {type DumpedStack, isInFull, plainState, withoutTypeArguments} from '../../src/traceback/dumped-stack.ts'
import {DumpedStacks} from '../../src/traceback/dumped-stacks.ts'
import {parseGoTraceback, startsTraceback} from '../../src/traceback/go-traceback.ts'
import {parseGoroutineProfile, startsGoroutineProfile} from '../../src/traceback/goroutine-profile.ts'

function stacksOf(parse: (lines: Iterable<string>, stacks: DumpedStacks) => void, text: string): DumpedStack[] {
  const stacks = new DumpedStacks('dump')
  parse(text.split('\n'), stacks)
  return Array.from(stacks, ({count, goroutines, state, frames, createdBy, isPartial, cutAfter}) => {
    return {count, goroutines, state, frames, createdBy, isPartial, cutAfter}
  })
}

const tracebackOf = (text: string): DumpedStack[] => stacksOf(parseGoTraceback, text)
const holdsTraceback = (text: string): boolean => text.split('\n').some(startsTraceback)

const TEXT = `2026/11/27 log of the program
panic: boom

goroutine 18 gp=0xc000102540 m=4 mp=0xc000080808 [running, locked to thread]:
panic({0x4a0468?, 0x4d5b30?})
\t/go/src/runtime/panic.go:884 +0x1f5 fp=0xc000056f30 sp=0xc000056e70 pc=0x43a135
cfault_segv
\t/app/fault.c:47 pc=0x4861c6
main.(*T[...]).run(0xc000012345, {0xc000010000, 0x3, 0x3})
\t/app/with space:and colon/main.go:12 +0x1d
runtime.goexit({})
\t/go/src/runtime/asm_amd64.s:1700 +0x1 fp=0xc000056fe8 sp=0xc000056fe0 pc=0x46e1e1
created by main.main in goroutine 1
\t/app/main.go:40 +0x98

goroutine 1 [chan receive (nil chan), 5 minutes]:
main.main()
\t/app/main.go:44 +0x20

goroutine 7 [select (scan), synctest bubble 1 labels:{"a]": "b, c"}]:
main.wait(...)
\t/app/main.go:50
...12 frames elided...
[originating from goroutine 1]:
main.main(...)
\t/app/main.go:51 +0x20
created by main.other
\t/app/main.go:52

goroutine 9 [sync.Mutex.Lock] {pod: "x]:"}:
goroutine running on other thread; stack unavailable
created by main.main in goroutine 1

goroutine 2 [force gc (idle)]:
runtime.gopark(0x0?, 0x0?, 0x0?, 0x0?, 0x0?)
\t/go/src/runtime/proc.go:381 +0xd6
runtime.forcegchelper()
\t/go/src/runtime/proc.go:305 +0xb0
runtime.goexit({})
\t/go/src/runtime/asm_amd64.s:1700 +0x1

rax    0x0
-----

goroutine 9 [running]:
main.spin()\r
\t/app/main.go:60 +0x1\r
`

test('a traceback is read whatever level and release it is of', t => {
  t.true(holdsTraceback(TEXT))
  const stacks = tracebackOf(TEXT).map(({goroutines, state, frames, createdBy}) => ({
    id: goroutines[0],
    state,
    frames: frames.map(({function: name, file, line, isC}) => `${isC ? 'C ' : ''}${name} ${file}:${line}`),
    createdBy,
  }))
  t.deepEqual(stacks, [
    {
      id: 18,
      state: 'running',
      frames: [
        'panic /go/src/runtime/panic.go:884',
        'C cfault_segv /app/fault.c:47',
        'main.(*T[...]).run /app/with space:and colon/main.go:12',
        'runtime.goexit /go/src/runtime/asm_amd64.s:1700',
      ],
      createdBy: 'main.main',
    },
    {id: 1, state: 'chan receive (nil chan)', frames: ['main.main /app/main.go:44'], createdBy: null},
    {id: 7, state: 'select', frames: ['main.wait /app/main.go:50'], createdBy: null},
    {id: 9, state: 'running', frames: ['main.spin /app/main.go:60'], createdBy: null},
  ])
  t.true(isInFull(tracebackOf(TEXT)))
})

test('other text holds none', t => {
  for (const text of ['', 'goroutine 1 is fine', 'goroutine profile: total 3\n', '{"goroutine 1 [x]:": 1}']) {
    t.false(holdsTraceback(text), text)
  }
  t.deepEqual(tracebackOf('goroutine 1 [running]:'), [
    {count: 1, goroutines: [1], state: 'running', frames: [], createdBy: null, isPartial: false, cutAfter: null},
  ])
})

test('a stack that the runtime could not walk is a part', t => {
  const text = 'goroutine 9 [running]:\n\tgoroutine running on other thread; stack unavailable\ncreated by main.main\n'
  t.like(tracebackOf(text), [{frames: [], createdBy: 'main.main', isPartial: true}])
})

test('of a deep stack it is told where frames were left out', t => {
  const text = 'goroutine 9 [running]:\nmain.a()\n\t/a.go:1 +0x1\n...200 frames elided...\nmain.z()\n\t/a.go:9 +0x1\n'
  t.like(tracebackOf(text), [{frames: {length: 2}, cutAfter: 1}])
})

test('a profile with debug=1 counts stacks', t => {
  const text = [
    'goroutine profile: total 4',
    '3 @ 0x43e0d6 0x46e1e1',
    '# labels: {"pod":"x"}',
    '#\t0x4861c6\tmain.(*T).run+0x16\t\t/app/main.go:12',
    '#\t0x43e0d6\truntime.main+0x1f6\t/go/src/runtime/proc.go:250',
    '',
    '1 @ 0x43e0d6',
    '#\t0x4861c6\tmain.main.func1+0x1\t/app/main.go:9',
    '',
  ].join('\n')
  t.true(text.split('\n').some(startsGoroutineProfile))
  t.deepEqual(
    stacksOf(parseGoroutineProfile, text).map(({count, state, frames}) => [
      count,
      state,
      frames.map(frame => frame.function),
    ]),
    [
      [3, null, ['main.(*T).run', 'runtime.main']],
      [1, null, ['main.main.func1']],
    ],
  )
})

test('states and names are as all dumps have them', t => {
  t.is(plainState('chan receive, 5 minutes, locked to thread'), 'chan receive')
  t.is(plainState('select (durable) (scan)'), 'select')
  t.is(plainState('select (no cases)'), 'select (no cases)')
  t.is(withoutTypeArguments('main.(*job[go.shape.[]int]).wait'), 'main.(*job[...]).wait')
  t.is(withoutTypeArguments('main.T[int].M[map[string]int].func1'), 'main.T[...].M[...].func1')
  t.is(withoutTypeArguments('main.odd]'), 'main.odd]')
})
