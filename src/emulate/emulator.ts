import {cpuUsage} from 'node:process'
import {type DecodedInstruction, decodeWhole} from '../amd64/decoded-instruction.ts'
import {Disassembler} from '../amd64/disassembler.ts'
import {GENERAL} from '../amd64/registers.ts'
import {RED_ZONE} from '../amd64/signal-context.ts'
import {type Address, hex, toAddress, type Word} from '../base/address.ts'
import {CallEnd} from './call-end.ts'
import type {EmulatedMemory} from './emulated-memory.ts'
import {InstructionSet} from './instruction-set.ts'
import type {Execute} from './operands.ts'
import {Processor} from './processor.ts'

/** What a call may use. */
export interface EmulationLimits {
  readonly instructions: number
  /** Bytes of memory that are written to. */
  readonly memory: number
  /** Calls inside of each other, and bytes of stack. */
  readonly depth: number
  readonly stack: number
  /** Milliseconds of the processor's time: other programs may have most of it. */
  readonly time: number
  /** Milliseconds that may pass; none by default. */
  readonly wait?: number
}

/** What answers in the place of code. */
export interface EmulatedWorld {
  /** A function that is answered and not run; called with the return address on the stack. */
  readonly functionAt: (address: Address) => ((emulator: Emulator) => void) | undefined
  /** Where a jump through a word in memory leads, if not where the word says. */
  readonly jumpThrough: (emulator: Emulator, place: Address) => Address | undefined
  readonly systemCall: (emulator: Emulator) => void
}

interface Step {
  readonly execute: Execute
  readonly next: number
}

const LONGEST = 15
/** Instructions between two looks at the clock. */
const CLOCK_INTERVAL = 16384
const ARGUMENTS = [GENERAL.rdi, GENERAL.rsi, GENERAL.rdx, GENERAL.rcx, GENERAL.r8, GENERAL.r9] as const
const STACK_ALIGNMENT = 16

/** Runs functions of a dead process: user-mode code of amd64, by the calling convention of the System V ABI. */
export class Emulator {
  readonly cpu: Processor
  readonly #memory: EmulatedMemory
  readonly #world: EmulatedWorld
  readonly #limits: EmulationLimits
  readonly #disassembler: Disassembler
  readonly #set = new InstructionSet()
  readonly #steps = new Map<number, Step>()
  /** Functions that the world answers for, of those that were called. */
  readonly #answers = new Map<number, ((emulator: Emulator) => void) | null>()
  #codeVersion = 0
  #left: number
  readonly #start = cpuUsage()
  readonly #end: number
  readonly #stackBottom: number
  /** Where calls from outside return to: nothing is there. */
  readonly #returns: number
  #depth = 0

  constructor(memory: EmulatedMemory, world: EmulatedWorld, limits: EmulationLimits) {
    this.cpu = new Processor(memory)
    this.#memory = memory
    this.#world = world
    this.#limits = limits
    this.#left = limits.instructions
    this.#end = performance.now() + (limits.wait ?? Number.POSITIVE_INFINITY)
    this.#disassembler = new Disassembler({read: (at, length) => memory.code(at, length)})
    this.#returns = memory.map(1)
    this.#stackBottom = memory.map(limits.stack)
    this.cpu.setAddress(GENERAL.rsp, this.#stackBottom + limits.stack - STACK_ALIGNMENT)
  }

  get memory(): EmulatedMemory {
    return this.#memory
  }

  /**
   * Calls a function, inside of another call too.
   * @returns rax
   * @throws CallEnd
   */
  call(address: Address, ...words: readonly Word[]): Word {
    const {cpu} = this
    return this.#restoring(() => {
      const sp = cpu.address(GENERAL.rsp)
      // The red zone below a leaf's stack pointer is its own (System V ABI, AMD64 supplement, 3.2.2).
      cpu.setAddress(GENERAL.rsp, sp - RED_ZONE - ((sp - RED_ZONE) % STACK_ALIGNMENT))
      cpu.direction = 0
      this.#pass(words)
      this.run(address)
      return cpu.general[GENERAL.rax] as bigint
    })
  }

  /**
   * Has a function run as one that the kernel called for a signal: the word at `sp` is where it returns to, and nothing
   * of what lies there runs.
   * @throws CallEnd
   */
  interrupt(address: Address, sp: Address, ...words: readonly Word[]): void {
    const {cpu} = this
    this.#restoring(() => {
      cpu.setAddress(GENERAL.rsp, sp)
      cpu.direction = 0
      this.#pass(words)
      cpu.pc = address
      this.#run(Number(this.#memory.u64(sp)))
    })
  }

  #pass(words: readonly Word[]): void {
    for (const [index, word] of words.entries()) this.cpu.general[ARGUMENTS[index] as number] = BigInt.asUintN(64, word)
  }

  #restoring<T>(run: () => T): T {
    const {cpu} = this
    const {pc} = cpu
    const kept = cpu.general.slice()
    const depth = this.#depth
    try {
      return run()
    } finally {
      this.#depth = depth
      cpu.general.set(kept)
      cpu.pc = pc
    }
  }

  /** Runs from an address until the code there returns; registers are as they are, and stay. */
  run(address: Address): void {
    const {cpu} = this
    const back = this.#returns + this.#depth
    this.#enter()
    cpu.push(BigInt(back))
    cpu.pc = address
    this.#run(back)
    this.#depth--
  }

  #enter(): void {
    this.#depth++
    if (this.#depth > this.#limits.depth) throw new CallEnd('depth-limit', `more than ${this.#limits.depth} calls deep`)
  }

  #run(until: number): void {
    const {cpu} = this
    while (cpu.pc !== until) {
      const step = this.#steps.get(cpu.pc) ?? this.#fetch()
      if (!step) continue
      if (--this.#left < 0) {
        throw new CallEnd('instruction-limit', `more than ${this.#limits.instructions} instructions`)
      }
      if (this.#left % CLOCK_INTERVAL === 0) this.checkTime()
      cpu.pc = step.next
      step.execute(cpu)
      if (this.#memory.codeVersion !== this.#codeVersion) this.#forgetCode()
    }
  }

  /** @throws CallEnd time-limit */
  checkTime(): void {
    const {user} = cpuUsage(this.#start)
    if (user / 1000 > this.#limits.time) throw new CallEnd('time-limit', `more than ${this.#limits.time} ms`)
    if (performance.now() > this.#end) throw new CallEnd('time-limit', 'the time is over (--timeout)')
  }

  /** Instructions that an answer costs, as running it would. */
  charge(count: number): void {
    this.#left -= count
    if (this.#left < 0) throw new CallEnd('instruction-limit', `more than ${this.#limits.instructions} instructions`)
    this.checkTime()
  }

  #forgetCode(): void {
    this.#steps.clear()
    this.#codeVersion = this.#memory.codeVersion
  }

  /** undefined: what is at the pc was answered, and the pc is behind it. */
  #fetch(): Step | undefined {
    const {cpu} = this
    const pc = toAddress(cpu.pc)
    const answer = this.#answerAt(pc)
    if (answer) {
      this.charge(1)
      cpu.pc = Number(cpu.pop())
      answer(this)
      return undefined
    }
    const instruction = this.#decode(pc)
    const execute = this.#set.compile(instruction, {
      through: place => this.#world.jumpThrough(this, toAddress(place)),
      enter: () => this.#checkStack(),
      system: () => this.#world.systemCall(this),
    })
    if (!execute) throw new CallEnd('instruction', `${instruction.text} at ${hex(pc)}`)
    const step = {execute, next: instruction.next}
    this.#steps.set(pc, step)
    return step
  }

  #answerAt(pc: Address): ((emulator: Emulator) => void) | null {
    let answer = this.#answers.get(pc)
    if (answer === undefined) {
      answer = this.#world.functionAt(pc) ?? null
      this.#answers.set(pc, answer)
    }
    return answer
  }

  #decode(pc: Address): DecodedInstruction {
    const bytes = this.#memory.code(pc, LONGEST)
    const instruction = decodeWhole(this.#disassembler, bytes, pc)
    if (!instruction) {
      const text = [...bytes].map(byte => byte.toString(16).padStart(2, '0')).join(' ')
      throw new CallEnd('instruction', `no instruction at ${hex(pc)}: ${text}`)
    }
    return instruction
  }

  /** Calls of the code itself are counted by what they take of the stack. */
  #checkStack(): void {
    const sp = this.cpu.address(GENERAL.rsp)
    if (sp < this.#stackBottom + 4096 && sp >= this.#stackBottom - 4096) {
      throw new CallEnd('depth-limit', `more than ${this.#limits.stack} bytes of stack`)
    }
  }

  /** The words that a function was called with; of an answer, once its return address is off the stack. */
  argument(index: number): Word {
    const register = ARGUMENTS[index]
    if (register !== undefined) return this.cpu.general[register] as bigint
    return this.#memory.u64(this.cpu.address(GENERAL.rsp) + (index - ARGUMENTS.length) * 8)
  }

  /** As an address; what is none is nowhere. */
  pointer(index: number): Address {
    return toAddress(Number(this.argument(index)))
  }

  answer(value: Word | number): void {
    this.cpu.general[GENERAL.rax] = BigInt.asUintN(64, BigInt(value))
  }
}
