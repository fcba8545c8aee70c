import test from 'ava'
import {toAddress} from '../../src/base/address.ts'
import {BytesSource} from '../../src/base/byte-source.ts'
import {CallEnd} from '../../src/emulate/call-end.ts'
import {ClosedWorld} from '../../src/emulate/closed-world.ts'
import {EmulatedMemory} from '../../src/emulate/emulated-memory.ts'
import type {EmulatedModule, EmulatedProgram} from '../../src/emulate/emulated-program.ts'
import {Emulator} from '../../src/emulate/emulator.ts'

const LIBRARY = toAddress(0x7000000)
const PAGE = 4096
const LIMITS = {instructions: 1_000_000, memory: 8 * 1024 * 1024, depth: 50, stack: 65536, time: 10_000}
const bytes = (text: string) => new TextEncoder().encode(text)

const NOTHING: Omit<EmulatedModule, 'path' | 'start' | 'end' | 'isExecutable'> = {
  loadBias: 0,
  programHeaders: undefined,
  lookup: () => undefined,
  symbolAt: () => undefined,
  slotName: () => undefined,
  isStub: () => false,
}

/** A program at 0x1000000 with its own page of data, and a C library that defines what is called by name. */
function world(code: readonly number[] = [0xc3], options: Partial<EmulatedModule> = {}) {
  const program: EmulatedProgram = {
    modules: [
      {
        ...NOTHING,
        path: '/bin/prog',
        start: toAddress(0x1000000),
        end: toAddress(0x1002000),
        isExecutable: true,
        ...options,
      },
      {
        ...NOTHING,
        path: '/lib/libc.so.6',
        start: LIBRARY,
        end: toAddress(LIBRARY + PAGE),
        isExecutable: false,
        programHeaders: {address: toAddress(LIBRARY + 64), count: 3},
        lookup: name => {
          const at = {dladdr: 0x200, own: 0x100}[name]
          return at === undefined ? undefined : {address: toAddress(LIBRARY + at), isIndirect: false}
        },
        symbolAt: address => ({name: 'covering', address: toAddress(address - 4)}),
      },
    ],
    open: path => (path === '/bin/prog' ? new BytesSource(bytes('the content of the file'), path) : undefined),
    executablePath: '/bin/prog',
    pid: 77,
    tid: 78,
  }
  const pages = new Map([0x1000000, 0x1001000, LIBRARY].map(start => [start, new Uint8Array(PAGE)]))
  pages.get(0x1000000)?.set(code)
  // own: mov eax, 5; ret
  pages.get(LIBRARY)?.set([0xb8, 5, 0, 0, 0, 0xc3], 0x100)
  const memory = new EmulatedMemory(
    {
      memory: {read: (at, length) => pages.get(at - (at % PAGE))?.subarray(at % PAGE, (at % PAGE) + length)},
      rightsAt: at => ({writable: at >= 0x1001000 && at < LIBRARY, executable: at < 0x1001000 || at >= LIBRARY}),
    },
    toAddress(0x10000000),
    LIMITS.memory,
  )
  const closed = new ClosedWorld(program, memory)
  const emulator = new Emulator(memory, closed, LIMITS)
  const call = (name: string, ...words: (bigint | number)[]) =>
    emulator.call(closed.placeOf(name), ...words.map(word => BigInt(word)))
  const text = (content: string) => {
    const place = Number(call('malloc', content.length + 1))
    memory.write(place, bytes(`${content}\0`))
    return place
  }
  const read = (place: bigint | number) => new TextDecoder().decode(memory.cString(Number(place), 1000))
  /** mov eax, number; syscall; ret */
  const kernel = (number: number, ...words: (bigint | number)[]) => {
    emulator.cpu.general[0] = BigInt(number)
    const named = [7, 6, 2, 10, 8, 9]
    for (const [index, word] of words.entries())
      emulator.cpu.general[named[index] as number] = BigInt.asUintN(64, BigInt(word))
    closed.systemCall(emulator)
    return Number(BigInt.asIntN(64, emulator.cpu.general[0] as bigint))
  }
  return {closed, emulator, memory, call, text, read, kernel}
}

test('memory is given out, grown and copied', t => {
  const {call, text, read, memory} = world()
  const first = call('malloc', 10n)
  t.not(first, 0n)
  t.is(first % 16n, 0n)
  t.is(read(call('realloc', text('hello'), 4000)), 'hello')
  const zeros = call('calloc', 10, 10)
  t.deepEqual(memory.read(Number(zeros), 100), new Uint8Array(100))
  t.is(call('malloc', 2n ** 63n), 0n)
  t.is(call('calloc', 2n ** 40n, 2n ** 40n), 0n)
  t.is(call('memalign', 256, 10) % 256n, 0n)
  t.is(call('malloc_usable_size', first), 10n)
})

test('more memory than is allowed ends the call', t => {
  const {call} = world()
  const error = t.throws(
    () => {
      for (let round = 0; round < 100; round++) call('memset', call('malloc', 1024 * 1024), 1, 1024 * 1024)
    },
    {instanceOf: CallEnd},
  )
  t.is(error?.reason, 'memory-limit')
})

test('functions of text do what their names say', t => {
  const {call, text, read} = world()
  const [one, two] = [text('abcabc'), text('abd')]
  t.is(call('strlen', one), 6n)
  t.is(call('strnlen', one, 3), 3n)
  t.is(BigInt.asIntN(32, call('strcmp', one, two)), -1n)
  t.is(call('strncmp', one, two, 2), 0n)
  t.is(call('strcasecmp', text('ABD'), two), 0n)
  t.is(call('strchr', one, 0x63) - BigInt(one), 2n)
  t.is(call('strrchr', one, 0x63) - BigInt(one), 5n)
  t.is(call('strchr', one, 0x7a), 0n)
  t.is(call('strchr', one, 0) - BigInt(one), 6n)
  t.is(call('strstr', one, text('ca')) - BigInt(one), 2n)
  t.is(call('memchr', one, 0x63, 6) - BigInt(one), 2n)
  const to = call('malloc', 64)
  t.is(read(call('strcpy', to, one)), 'abcabc')
  t.is(read(call('strcat', to, two)), 'abcabcabd')
  t.is(read(call('strncat', to, two, 1)), 'abcabcabda')
  t.is(call('memcmp', one, two, 2), 0n)
  t.is(call('snprintf', to, 5, text('%d %s'), 42, two), 6n)
  t.is(read(to), '42 a')
})

test('what is printed goes nowhere, and is known', t => {
  const {call, text, closed, kernel} = world()
  t.is(call('puts', text('hello')), 6n)
  t.is(call('printf', text('%d\n'), 5), 2n)
  t.is(kernel(1, 1, text('raw'), 3), 3)
  t.is(closed.output.takeText(), 'hello\n5\nraw')
  t.is(closed.output.takeText(), '')
})

test('files of the analysis can be read, and nothing else', t => {
  const {call, text, read, kernel, closed} = world()
  t.is(kernel(2, text('/etc/passwd'), 0), -2)
  t.is(kernel(2, text('/bin/prog'), 1), -13)
  const file = kernel(257, -100, text('/bin/prog'), 0)
  t.true(file >= 3)
  const to = call('calloc', 1, 200)
  t.is(kernel(0, file, to, 11), 11)
  t.is(read(to), 'the content')
  t.is(kernel(8, file, 4, 0), 4)
  t.is(kernel(0, file, to, 100), 19)
  t.is(kernel(5, file, to), 0)
  const mapped = kernel(9, 0, 4096, 1, 2, file, 0)
  t.is(read(mapped), 'the content of the file')
  t.is(kernel(3, file), 0)
  t.is(kernel(0, file, to, 1), -9)
  t.is(kernel(89, text('/proc/self/exe'), to, 100), 9)
  t.deepEqual(
    [...closed.output.takeRefused().keys()],
    ['opening /etc/passwd', 'opening /bin/prog for writing', 'system call open', `reading descriptor ${file}`],
  )
})

test('system calls with an effect are refused and listed', t => {
  const {kernel, closed, text} = world()
  const path = text('/bin/sh')
  const calls = {execve: 59, fork: 57, kill: 62, socket: 41, unlink: 87, clone: 56, mkdir: 83, process_vm_readv: 310}
  for (const number of Object.values(calls)) t.is(kernel(number, path, 0, 0), -38)
  t.deepEqual(
    [...closed.output.takeRefused().keys()],
    Object.keys(calls).map(name => `system call ${name}`),
  )
  t.is(kernel(39), 77)
  t.is(kernel(186), 78)
  t.is(kernel(9, 0, 4096, 7, 0x22, -1, 0), -1, 'no new code')
  t.is(kernel(9, 0, 2 ** 50, 3, 0x22, -1, 0), -12)
  t.is(kernel(1, 1, 5, 3), -14, 'memory that is not there')
  t.throws(() => kernel(231, 0), {instanceOf: CallEnd})
})

test('a function that ends the process ends the call', t => {
  const {call} = world()
  for (const name of ['abort', 'exit', '__stack_chk_fail']) {
    t.is(t.throws(() => call(name), {instanceOf: CallEnd})?.message, `it called ${name}`)
  }
})

test('modules are listed to the function that asks, which is emulated', t => {
  // mov rax, [rdi+16]; mov [rdx], rax; mov eax, 9; ret
  const {call, memory} = world([0x48, 0x8b, 0x47, 0x10, 0x48, 0x89, 0x02, 0xb8, 9, 0, 0, 0, 0xc3])
  t.is(call('dl_iterate_phdr', 0x1000000, 0x1001000), 9n)
  t.is(memory.u64(0x1001000), BigInt(LIBRARY + 64))
})

test('an address is described by its module and symbol', t => {
  const {call, memory, read} = world()
  t.is(call('dladdr', LIBRARY + 8, 0x1001000), 1n)
  t.is(read(memory.u64(0x1001000)), '/lib/libc.so.6')
  t.is(memory.u64(0x1001008), BigInt(LIBRARY))
  t.is(read(memory.u64(0x1001010)), 'covering')
  t.is(call('dladdr', 5, 0x1001000), 0n)
})

test('a routine runs once', t => {
  // add dword ptr [0x1001000], 1; ret
  const {call, memory} = world([0x83, 0x04, 0x25, 0x00, 0x10, 0x00, 0x01, 0x01, 0xc3])
  t.is(call('pthread_once', 0x1001100, 0x1000000), 0n)
  t.is(call('pthread_once', 0x1001100, 0x1000000), 0n)
  t.is(memory.u32(0x1001000), 1)
})

test('a slot that nobody has bound is bound by name; what the library answers for is answered', t => {
  const names = new Map([
    [0x1001000, 'own'],
    [0x1001008, 'strlen'],
    [0x1001010, 'missing'],
  ])
  const slotName = (place: number) => names.get(place)
  const jump = (place: number) => [
    0xff,
    0x24,
    0x25,
    place & 0xff,
    (place >> 8) & 0xff,
    (place >> 16) & 0xff,
    place >> 24,
  ]
  const run = (place: number, word: bigint) =>
    world(jump(place), {slotName, isStub: () => false}).emulator.call(toAddress(0x1000000), word)
  t.is(run(0x1001000, 0n), 5n)
  t.is(run(0x1001008, BigInt(LIBRARY + 0x100)), 2n)
  t.throws(() => run(0x1001010, 0n), {instanceOf: CallEnd, message: 'nothing defines the function missing'})
})
