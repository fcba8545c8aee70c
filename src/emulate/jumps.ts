import type {DecodedInstruction, Operand} from '../amd64/decoded-instruction.ts'
import {GENERAL} from '../amd64/registers.ts'
import {CallEnd} from './call-end.ts'
import {type Execute, placeOf, read64} from './operands.ts'
import type {Processor} from './processor.ts'

/** The parts of a call's world that jumps ask. */
export interface Crossing {
  /** Told of each jump through a word in memory: the place of the word. undefined: go where it leads. */
  readonly through: (place: number) => number | undefined
  /** A call begins. */
  readonly enter: (cpu: Processor) => void
  readonly system: (cpu: Processor) => void
}

function targetOf({target, operands: [to]}: DecodedInstruction, crossing: Crossing): Execute {
  if (target !== undefined) {
    return cpu => {
      cpu.pc = target
    }
  }
  if (!to) throw new TypeError('a jump to nowhere')
  if (to.kind === 'memory') return throughMemory(to, crossing)
  const read = read64(to)
  return cpu => cpu.jump(read(cpu))
}

function throughMemory(to: Operand & {kind: 'memory'}, {through}: Crossing): Execute {
  const place = placeOf(to)
  return cpu => {
    const at = place(cpu)
    const other = through(at)
    if (other === undefined) cpu.jump(cpu.memory.u64(at))
    else cpu.pc = other
  }
}

function jumpIf({target, condition}: DecodedInstruction): Execute {
  if (target === undefined || !condition) throw new TypeError('a jump to nowhere')
  return cpu => {
    if (cpu.meets(condition)) cpu.pc = target
  }
}

/** The target is found before anything is pushed: it may be told by rsp. */
function call(instruction: DecodedInstruction, crossing: Crossing): Execute {
  const jump = targetOf(instruction, crossing)
  const back = BigInt(instruction.next)
  return cpu => {
    jump(cpu)
    cpu.push(back)
    crossing.enter(cpu)
  }
}

function giveBack({operands: [drop]}: DecodedInstruction): Execute {
  const count = drop?.kind === 'immediate' ? Number(drop.value) : 0
  return cpu => {
    cpu.jump(cpu.pop())
    if (count > 0) cpu.setAddress(GENERAL.rsp, cpu.address(GENERAL.rsp) + count)
  }
}

function loop(holds: (cpu: Processor) => boolean, {target}: DecodedInstruction): Execute {
  if (target === undefined) throw new TypeError('a jump to nowhere')
  return cpu => {
    const left = BigInt.asUintN(64, (cpu.general[GENERAL.rcx] as bigint) - 1n)
    cpu.general[GENERAL.rcx] = left
    if (left !== 0n && holds(cpu)) cpu.pc = target
  }
}

/** What a processor that has AVX-512 and no more would say; no leaf tells of the machine this runs on. */
const CPUID: readonly (readonly [number, readonly [number, number, number, number]])[] = [
  [0, [7, 0x756e6547, 0x6c65746e, 0x49656e69]],
  [1, [0x000906a0, 0x00100800, 0x00000201, 0x07808111]],
]

function identify(cpu: Processor): void {
  const leaf = cpu.halves[GENERAL.rax * 2] as number
  const values = CPUID.find(([number]) => number === leaf)?.[1] ?? [0, 0, 0, 0]
  const registers = [GENERAL.rax, GENERAL.rbx, GENERAL.rcx, GENERAL.rdx]
  for (const [index, register] of registers.entries()) cpu.general[register] = BigInt((values[index] as number) >>> 0)
}

function trap(name: string): Execute {
  return () => {
    throw new CallEnd('fault', `it came to ${name}`)
  }
}

const nothing: Execute = () => {}

type Compile = (instruction: DecodedInstruction, crossing: Crossing) => Execute

export function jumps(): Readonly<Record<string, Compile>> {
  return {
    jmp: targetOf,
    jcc: jumpIf,
    call,
    ret: giveBack,
    loop: instruction => loop(() => true, instruction),
    loope: instruction => loop(cpu => cpu.zero === 1, instruction),
    loopne: instruction => loop(cpu => cpu.zero === 0, instruction),
    jrcxz:
      ({target}) =>
      cpu => {
        if (cpu.general[GENERAL.rcx] === 0n && target !== undefined) cpu.pc = target
      },
    syscall: (_, {system}) => system,
    cpuid: () => identify,
    ud2: () => trap('ud2'),
    int3: () => trap('int3'),
    hlt: () => trap('hlt'),
    ...Object.fromEntries(
      [
        'nop',
        'endbr64',
        'pause',
        'mfence',
        'lfence',
        'sfence',
        'prefetcht0',
        'prefetcht1',
        'prefetcht2',
        'prefetchnta',
        'prefetchw',
        'emms',
        'rdsspd',
        'rdsspq',
      ].map(name => [name, () => nothing]),
    ),
  }
}
