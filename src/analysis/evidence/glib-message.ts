import {NULL_ADDRESS, toAddress} from '../../base/address.ts'
import {readAddress, readCString} from '../../base/memory-reader.ts'
import {SymbolTable} from '../../elf/symtab.ts'
import type {UnwindFrame} from '../../unwind/unwind-frame.ts'
import type {DeadProcess} from '../process/dead-process.ts'

const TEXT_LIMIT = 4096
/** Below the innermost frame lies what the functions that have returned left: the log's writers. */
const LEFT_OVER = 16 * 1024
const SEARCH_LIMIT = 64 * 1024

/** What a failed g_assert said: GLib keeps it for whoever looks at a core (glib/gtestutils.c, __glib_assert_msg). */
export function readGlibAssertion({modules, memory}: DeadProcess): string | undefined {
  for (const module of modules) {
    const symbol =
      module.image && /libglib-2/.test(module.path) && SymbolTable.of(module.image).lookup('__glib_assert_msg')
    if (!symbol || symbol.address === NULL_ADDRESS) continue
    const text = readAddress(memory, module.toAddress(symbol.address))
    if (text !== undefined && text !== NULL_ADDRESS) return readCString(memory, text, TEXT_LIMIT)?.trimEnd()
  }
  return undefined
}

/**
 * The message of a fatal log entry, by the fields that GLib made of it: struct GLogField, whose key is `MESSAGE`
 * (glib/gmessages.h). `logging`: the frames of the functions that log.
 */
export function findGlibMessage({memory}: DeadProcess, logging: readonly UnwindFrame[]): string | undefined {
  const innermost = logging[0]
  const outermost = logging.at(-1)
  if (!innermost || !outermost) return undefined
  const start = Math.max(0, innermost.sp - LEFT_OVER)
  const end = Math.min(outermost.cfa ?? outermost.sp, start + SEARCH_LIMIT)
  for (let at = end - (end % 8) - 16; at >= start; at -= 8) {
    const key = readAddress(memory, toAddress(at))
    if (key === undefined || key < 4096 || readCString(memory, key, 8) !== 'MESSAGE') continue
    const value = readAddress(memory, toAddress(at + 8))
    const text = value === undefined || value < 4096 ? undefined : readCString(memory, value, TEXT_LIMIT)
    if (text) return text
  }
  return undefined
}
