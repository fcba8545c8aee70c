import {type Address, toAddress} from '../../base/address.ts'
import {type MemoryReader, readAddress} from '../../base/memory-reader.ts'

interface Code {
  readonly memory: MemoryReader
  readonly isExecutable: (address: Address) => boolean
}

/**
 * Where C faulted whose sigpanic found no room, told without any name: sigpanic, pretended to be called from the fault,
 * called morestack before it had a frame; morestack, which has none either, refused to grow a system stack and called
 * abort, whose int $3 is where `sp` is (runtime·morestack, runtime·abort in asm_amd64.s, up to 1.20). So three return
 * addresses stand one above the other, the last of them `fault`, which no call stands before. The result is the stack
 * pointer at the fault.
 */
export function findRefusedMorestack(
  {memory, isExecutable}: Code,
  sp: Address | undefined,
  fault: Address,
): Address | undefined {
  if (sp === undefined || readAddress(memory, toAddress(sp + 16)) !== fault) return undefined
  const isReturn = (at: number) => {
    const word = readAddress(memory, toAddress(at))
    return word !== undefined && word !== fault && isExecutable(word)
  }
  return isReturn(sp) && isReturn(sp + 8) ? toAddress(sp + 24) : undefined
}
