import {resultOfReadOnlyCall} from '../../amd64/read-only-call.ts'
import {USER_REGS} from '../../amd64/user-regs.ts'
import {addressOfWord, NULL_ADDRESS} from '../../base/address.ts'
import {readAddress} from '../../base/memory-reader.ts'
import type {CoreThread} from '../../elf/core-file.ts'
import type {Module} from '../../elf/module.ts'
import {SymbolTable} from '../../elf/symtab.ts'
import type {DeadProcess} from '../process/dead-process.ts'
import {type CxxException, readCaughtExceptions} from './cxx-exception.ts'

/** Files that the runtime of C++ is in, where it is not linked into the program. */
const RUNTIMES = /(?:^|\/)lib(?:stdc\+\+|supc\+\+|c\+\+|c\+\+abi|cxxrt)[-.\d]*\.so[.\d]*$/

/**
 * The exceptions that the handlers of a thread hold, innermost first: one that was never caught too, which the runtime
 * catches before it terminates. undefined where the thread's own data cannot be read.
 * @param likely the modules that the end ran through
 */
export function findCaughtExceptions(
  process: DeadProcess,
  thread: CoreThread,
  likely: ReadonlySet<string>,
): CxxException[] | undefined {
  let known: CxxException[] | undefined
  for (const module of process.modules) {
    if (!module.isExecutable && !likely.has(module.path) && !RUNTIMES.test(module.path)) continue
    const found = caughtBy(process, thread, module)
    if (found && found.length > 0) return found
    known ??= found
  }
  return known
}

/** By the module's own __cxa_get_globals, which says where the thread has its chain. */
function caughtBy({memory}: DeadProcess, {registers}: CoreThread, module: Module): CxxException[] | undefined {
  const symbol = module.image && SymbolTable.of(module.image).lookup('__cxa_get_globals')
  if (!symbol || symbol.address === NULL_ADDRESS) return undefined
  const entry = BigInt(module.toAddress(symbol.address))
  const globals = resultOfReadOnlyCall(memory, entry, {fsBase: registers[USER_REGS.fs_base]})
  const at = globals === undefined ? undefined : addressOfWord(globals)
  const first = at === undefined ? undefined : readAddress(memory, at)
  return first === undefined ? undefined : readCaughtExceptions(memory, first)
}
