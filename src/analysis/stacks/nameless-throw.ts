import {RegisterSet} from '../../amd64/register-set.ts'
import {type Address, addressOfWord, toAddress} from '../../base/address.ts'
import {type MemoryReader, readAddress} from '../../base/memory-reader.ts'
import {type Goroutine, isOnStack} from '../../runtime-model/goroutine.ts'
import type {Seed} from '../../unwind/unwind-frame.ts'
import type {FoundStart} from './goroutine-start.ts'

interface Code {
  readonly memory: MemoryReader
  readonly isExecutable: (address: Address) => boolean
}

/** Words above a position that are searched: what dies of a throw lies between, some hundred bytes to a few KiB. */
const SEARCH_WORDS = 1024
/** fatalthrow's own frame holds the record: its caller's is not further away than so many bytes. */
const FRAME_SIZE_MAX = 1024

/**
 * Where throw or fatal was when it called fatalthrow, told without any name. fatalthrow prints on the system stack, and
 * hands to the function that does so the g, and the pc and sp of its own caller (src/runtime/panic.go of 1.7 to 1.27):
 * three words of which the last one leads to a return address that is the one before. `from`: the lowest address of the
 * stack that may be in use.
 */
export function findNamelessThrow(
  {memory, isExecutable}: Code,
  {address: g, stack}: Pick<Goroutine, 'address' | 'stack'>,
  from: Address,
): FoundStart | undefined {
  if (!isOnStack(stack, from)) return undefined
  const word = (at: number) => readAddress(memory, toAddress(at))
  const end = Math.min(stack.hi - 24, from + SEARCH_WORDS * 8)
  for (let at: number = from; at <= end; at += 8) {
    if (word(at) !== g) continue
    const [pc, sp] = [word(at + 8), word(at + 16)]
    if (pc === undefined || sp === undefined || sp <= at + 16 || sp - at > FRAME_SIZE_MAX) continue
    if (isOnStack(stack, sp) && isExecutable(pc) && word(sp - 8) === pc) {
      return {pc, sp, trap: false, isSyscall: false, foundBy: 'frame-pointer'}
    }
  }
  return undefined
}

/**
 * throw and sigpanic that called it, by the stack pointers of their frames, which have records: the runtime made
 * sigpanic seem called from where the fault was, and throw is all that it calls so (src/runtime/signal_unix.go).
 * undefined where something else threw.
 */
export function findThrowOfFault(
  {memory}: Pick<Code, 'memory'>,
  {stack, signal}: Pick<Goroutine, 'stack' | 'signal'>,
  {sp}: Pick<FoundStart, 'sp'>,
): ReadonlyMap<Address, string> | undefined {
  const word = (at: number) => readAddress(memory, toAddress(at))
  const ofThrow = word(sp - 16)
  if (signal.number === 0 || ofThrow === undefined || ofThrow < sp || !isOnStack(stack, ofThrow)) return undefined
  const ofSigpanic = word(ofThrow)
  if (ofSigpanic === undefined || ofSigpanic <= ofThrow || !isOnStack(stack, ofSigpanic)) return undefined
  if (word(ofSigpanic + 8) !== addressOfWord(signal.pc)) return undefined
  return new Map([
    [sp, 'runtime.throw'],
    [toAddress(ofThrow + 16), 'runtime.sigpanic'],
  ])
}

/** The frame of throw with its frame pointer, which fatalthrow saved right below its own return address. */
export function seedOfThrow({memory}: Pick<Code, 'memory'>, {pc, sp}: FoundStart): Seed {
  const registers = RegisterSet.ofPosition(pc, sp, readAddress(memory, toAddress(sp - 16)))
  return {registers, foundBy: 'frame-pointer', exactPc: false}
}
