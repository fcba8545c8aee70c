import {readCodeAccesses} from '../amd64/code-accesses.ts'
import {type Address, toAddress} from '../base/address.ts'
import type {MemoryReader} from '../base/memory-reader.ts'
import {readBuildVersionText} from '../gosym/build-info.ts'
import type {FunctionTable} from './runtime-globals.ts'

/** `go1.9.7`, `devel +abcdef Mon …`, `devel go1.28-…`; vendors put their own words behind. */
const VERSION_TEXT = /^(?:go1\.\d|devel )/

/**
 * The string variable runtime.buildVersion of a program without symbols, by the code that uses it: schedinit sets it to
 * "unknown" where it is empty (src/runtime/proc.go, 1.7 to 1.27). Programs before 1.13 hold their release nowhere else.
 */
export function findBuildVersion(memory: MemoryReader, functions: FunctionTable): Address | undefined {
  const schedinit = functions.functionNamed('runtime.schedinit')
  if (!schedinit) return undefined
  for (const {target} of readCodeAccesses(memory, schedinit)) {
    if (target === undefined || target < 8) continue
    // The pointer, or the length behind it.
    for (const at of [target, toAddress(target - 8)]) {
      if (VERSION_TEXT.test(readBuildVersionText(memory, at) ?? '')) return at
    }
  }
  return undefined
}
