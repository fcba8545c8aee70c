import {GENERAL} from '../amd64/registers.ts'
import {toAddress} from '../base/address.ts'
import type {ByteSource} from '../base/byte-source.ts'
import {CallEnd} from './call-end.ts'
import {type Descriptor, Descriptors} from './descriptors.ts'
import type {EmulatedMemory} from './emulated-memory.ts'
import type {EmulatedProgram} from './emulated-program.ts'
import type {Emulator} from './emulator.ts'
import type {OutputRecord} from './output-record.ts'
import {latin} from './printf.ts'

/** Errors of the kernel (asm-generic/errno-base.h). */
const EPERM = 1
const ENOENT = 2
const EBADF = 9
const EAGAIN = 11
const ENOMEM = 12
const EACCES = 13
const EFAULT = 14
const EINVAL = 22
const EMFILE = 24
const ESPIPE = 29
const ENOSYS = 38

const PAGE = 4096
const PATH_MAX = 4096
/** Bytes of one read or mapping. */
const READ_MAX = 1024 * 1024 * 1024
const COPY_MAX = 16 * 1024 * 1024
const STDERR = 2
const O_ACCMODE = 3
const O_CREAT = 0o100
const MAP_FIXED = 0x10
const MAP_ANONYMOUS = 0x20
const PROT_EXEC = 4
/** struct stat (asm/stat.h). */
const STAT = {size: 144, mode: 24, length: 48, blockSize: 56, blocks: 64} as const
const S_IFREG_READABLE = 0o100444
const AT_EMPTY_PATH = 0x1000

type Answer = (call: SystemCall) => number

/** Names of those that programs make most, for what is refused (arch/x86/entry/syscalls/syscall_64.tbl). */
const NAMES: Readonly<Record<number, string>> = {
  1: 'write',
  2: 'open',
  4: 'stat',
  7: 'poll',
  10: 'mprotect',
  12: 'brk',
  13: 'rt_sigaction',
  16: 'ioctl',
  20: 'writev',
  21: 'access',
  22: 'pipe',
  24: 'sched_yield',
  33: 'dup2',
  35: 'nanosleep',
  41: 'socket',
  42: 'connect',
  56: 'clone',
  57: 'fork',
  58: 'vfork',
  59: 'execve',
  61: 'wait4',
  62: 'kill',
  63: 'uname',
  72: 'fcntl',
  82: 'rename',
  83: 'mkdir',
  87: 'unlink',
  89: 'readlink',
  96: 'gettimeofday',
  157: 'prctl',
  186: 'gettid',
  200: 'tkill',
  202: 'futex',
  228: 'clock_gettime',
  234: 'tgkill',
  257: 'openat',
  310: 'process_vm_readv',
  318: 'getrandom',
  322: 'execveat',
  334: 'rseq',
  435: 'clone3', // biome-ignore format: a table
}

/** One system call: its arguments, and what it may use. */
interface SystemCall {
  readonly emulator: Emulator
  readonly memory: EmulatedMemory
  readonly program: EmulatedProgram
  readonly output: OutputRecord
  readonly descriptors: Descriptors
  argument(index: number): number
}

const REGISTERS = [GENERAL.rdi, GENERAL.rsi, GENERAL.rdx, GENERAL.r10, GENERAL.r8, GENERAL.r9] as const

/** Answers the system calls of an emulated call: none reaches the machine that this runs on. */
export class SystemCalls {
  readonly #program: EmulatedProgram
  readonly #output: OutputRecord
  readonly #descriptors = new Descriptors()

  constructor(program: EmulatedProgram, output: OutputRecord) {
    this.#program = program
    this.#output = output
  }

  /** rax has the number, and gets the result: a negative one is an error. rcx and r11 are lost, as in the kernel. */
  answer(emulator: Emulator): void {
    const {cpu} = emulator
    const number = Number(cpu.general[GENERAL.rax])
    const answer = ANSWERS[number]
    emulator.charge(100)
    let result: number
    try {
      result = answer ? answer(this.#callOf(emulator)) : -ENOSYS
    } catch (error) {
      // The kernel refuses memory that is not there; the program goes on.
      if (!(error instanceof CallEnd && (error.reason === 'unmapped' || error.reason === 'protected'))) throw error
      result = -EFAULT
    }
    if (!answer || result === -EPERM || result === -EACCES)
      this.#output.refuse(`system call ${NAMES[number] ?? number}`)
    cpu.general[GENERAL.rcx] = BigInt(cpu.pc)
    cpu.general[GENERAL.r11] = BigInt(cpu.flags)
    emulator.answer(result)
  }

  #callOf(emulator: Emulator): SystemCall {
    const {general} = emulator.cpu
    return {
      emulator,
      memory: emulator.memory,
      program: this.#program,
      output: this.#output,
      descriptors: this.#descriptors,
      argument: index => Number(BigInt.asIntN(64, general[REGISTERS[index] as number] as bigint)),
    }
  }
}

function open({memory, program, output, descriptors}: SystemCall, place: number, flags: number): number {
  const path = decode(memory.cString(place, PATH_MAX))
  if ((flags & O_ACCMODE) !== 0 || (flags & O_CREAT) !== 0) {
    output.refuse(`opening ${path} for writing`)
    return -EACCES
  }
  const source = program.open(path)
  if (!source) {
    output.refuse(`opening ${path}`)
    return -ENOENT
  }
  return descriptors.add({kind: 'file', source, position: 0}) ?? -EMFILE
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes)
}

function fileOf({descriptors}: SystemCall, number: number): (Descriptor & {kind: 'file'}) | undefined {
  const descriptor = descriptors.get(number)
  return descriptor?.kind === 'file' ? descriptor : undefined
}

function read(call: SystemCall): number {
  const file = fileOf(call, call.argument(0))
  if (!file) return call.descriptors.get(call.argument(0)) ? -EAGAIN : refuseDescriptor(call, 'reading')
  const count = readAt(call, file.source, file.position)
  if (count > 0) file.position += count
  return count
}

/** What the process had open is not there: pipes, sockets, files of before. */
function refuseDescriptor({output, argument}: SystemCall, what: string): number {
  output.refuse(`${what} descriptor ${argument(0)}`)
  return -EBADF
}

function readAt({memory, emulator, argument}: SystemCall, source: ByteSource, position: number): number {
  const count = Math.min(argument(2), source.size - position, COPY_MAX)
  if (count <= 0) return 0
  emulator.charge(Math.ceil(count / 64))
  memory.write(argument(1), source.read(position, count))
  return count
}

function readPositioned(call: SystemCall): number {
  const file = fileOf(call, call.argument(0))
  if (!file) return -EBADF
  const position = call.argument(3)
  return position < 0 ? -EINVAL : readAt(call, file.source, position)
}

/** What goes to the terminal is kept; into a pipe, memory that is not there is the error that callers look for. */
function write(call: SystemCall): number {
  const {memory, output, descriptors, argument} = call
  const [number, place, length] = [argument(0), argument(1), argument(2)]
  if (length < 0 || length > COPY_MAX) return -EINVAL
  if (number > 0 && number <= STDERR) return output.write(latin(memory.read(place, length)))
  if (descriptors.get(number)?.kind !== 'pipe') return refuseDescriptor(call, 'writing')
  memory.requireReadable(place, length)
  return length
}

function seek(call: SystemCall): number {
  const file = fileOf(call, call.argument(0))
  if (!file) return call.descriptors.get(call.argument(0)) ? -ESPIPE : -EBADF
  const bases = [0, file.position, file.source.size]
  const base = bases[call.argument(2)]
  const position = (base ?? 0) + call.argument(1)
  if (base === undefined || position < 0) return -EINVAL
  file.position = position
  return position
}

function describe(call: SystemCall, source: ByteSource | undefined, place: number): number {
  if (!source) return -ENOENT
  const {memory} = call
  memory.write(place, new Uint8Array(STAT.size))
  memory.setU32(place + STAT.mode, S_IFREG_READABLE)
  memory.setU64(place + STAT.length, BigInt(source.size))
  memory.setU64(place + STAT.blockSize, BigInt(PAGE))
  memory.setU64(place + STAT.blocks, BigInt(Math.ceil(source.size / 512)))
  return 0
}

function describeOpen(call: SystemCall, at: number): number {
  const file = fileOf(call, call.argument(0))
  return file ? describe(call, file.source, call.argument(at)) : -EBADF
}

function describeAt(call: SystemCall): number {
  const path = decode(call.memory.cString(call.argument(1), PATH_MAX))
  if (path === '' && call.argument(3) & AT_EMPTY_PATH) return describeOpen(call, 2)
  return describe(call, call.program.open(path), call.argument(2))
}

function map(call: SystemCall): number {
  const {memory, argument} = call
  const [length, rights, flags, number, offset] = [argument(1), argument(2), argument(3), argument(4), argument(5)]
  if (length <= 0 || offset < 0 || offset % PAGE !== 0 || length > READ_MAX)
    return length > READ_MAX ? -ENOMEM : -EINVAL
  if (flags & MAP_FIXED || rights & PROT_EXEC) return -EPERM
  if (flags & MAP_ANONYMOUS) return memory.map(length)
  const file = fileOf(call, number)
  return file ? memory.map(length, file.source, offset) : -EBADF
}

function readLink({memory, program, argument}: SystemCall, at: number): number {
  const path = decode(memory.cString(argument(at), PATH_MAX))
  if (path !== '/proc/self/exe') return -EINVAL
  const target = new TextEncoder().encode(program.executablePath).subarray(0, argument(at + 2))
  memory.write(argument(at + 1), target)
  return target.length
}

/** Of pages that are there a 1 each: what unwinders ask before they read. */
function inCore({memory, argument}: SystemCall): number {
  const [start, length, vector] = [argument(0), argument(1), argument(2)]
  if (start % PAGE !== 0 || length < 0 || length > COPY_MAX) return -EINVAL
  for (let at = 0; at < length; at += PAGE) {
    if (!isReadable(memory, start + at)) return -ENOMEM
    memory.setU8(vector + at / PAGE, 1)
  }
  return 0
}

function isReadable(memory: EmulatedMemory, address: number): boolean {
  try {
    memory.u8(address)
    return true
  } catch (error) {
    if (error instanceof CallEnd && error.reason === 'unmapped') return false
    throw error
  }
}

function pipe({memory, descriptors, argument}: SystemCall): number {
  const [first, second] = [descriptors.add({kind: 'pipe'}), descriptors.add({kind: 'pipe'})]
  if (first === undefined || second === undefined) return -EMFILE
  memory.setU32(argument(0), first)
  memory.setU32(argument(0) + 4, second)
  return 0
}

function access({memory, program, argument}: SystemCall, at: number): number {
  return program.open(decode(memory.cString(argument(at), PATH_MAX))) ? 0 : -ENOENT
}

/** What the call has not mapped itself is left as it is: nobody sees a difference. */
function unmap({memory, argument}: SystemCall): number {
  memory.unmap(toAddress(argument(0)))
  return 0
}

function end(name: string): Answer {
  return () => {
    throw new CallEnd('aborted', `it made the system call ${name}`)
  }
}

const ANSWERS: Readonly<Record<number, Answer>> = {
  0: read,
  1: write,
  2: call => open(call, call.argument(0), call.argument(1)),
  3: ({descriptors, argument}) => (descriptors.close(argument(0)) ? 0 : -EBADF),
  4: call =>
    describe(call, call.program.open(decode(call.memory.cString(call.argument(0), PATH_MAX))), call.argument(1)),
  5: call => describeOpen(call, 1),
  8: seek,
  9: map,
  11: unmap,
  // No signal comes.
  14: () => 0,
  17: readPositioned,
  21: call => access(call, 0),
  22: pipe,
  24: () => 0,
  27: inCore,
  28: () => 0,
  39: ({program}) => program.pid,
  60: end('exit'),
  89: call => readLink(call, 0),
  186: ({program}) => program.tid,
  231: end('exit_group'),
  257: call => open(call, call.argument(1), call.argument(2)),
  262: describeAt,
  267: call => readLink(call, 1),
  269: call => access(call, 1),
  293: pipe,
}
