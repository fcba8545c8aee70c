import {toAddress} from '../base/address.ts'
import {readU8} from '../base/memory-reader.ts'
import type {Pclntab, PclntabHeader} from './pclntab.ts'
import {PCLNTAB_MAGIC} from './pclntab-layout.ts'
import {GoVersion} from './version.ts'

/**
 * Functions that every program of Go 1.`minor` and later holds and none before: they tell the release of a program
 * whose build info and symbols are gone.
 */
const MARKERS: readonly {minor: number; name: string}[] = [
  {minor: 27, name: 'runtime.moduleTypelinks'},
  {minor: 26, name: 'runtime.findGoroutineLeaks'},
  {minor: 25, name: 'runtime.runFinalizers'},
  {minor: 24, name: 'runtime.vgetrandom1'},
  {minor: 23, name: 'runtime.(*timers).run'},
  {minor: 22, name: 'runtime.asmcgocall_landingpad'},
  {minor: 21, name: 'runtime.fatalsignal'},
  {minor: 19, name: 'runtime.fatal'},
  {minor: 17, name: 'gosave_systemstack_switch'},
  {minor: 14, name: 'runtime.asyncPreempt'},
  {minor: 13, name: 'runtime.goPanicIndex'},
]

/** The minor releases that may have written a function table, and the one that it is read as. */
export interface AdmittedReleases {
  readonly first: number
  readonly last: number
  readonly readAs: GoVersion
}

/** By the header, by the records, and by the functions that are there and those that are not. */
export function admitReleases(
  header: PclntabHeader,
  pclntab: Pclntab,
  hasFunction: (name: string) => boolean,
): AdmittedReleases {
  const {magic, firstMinor, lastMinor} = header.layout
  let first = firstMinor
  // 1.26 leaves the slot of textStart empty. A PIE's file may have it empty before, for want of relocation.
  if (magic === PCLNTAB_MAGIC.go120 && header.textStart === 0 && pclntab.places.text !== 0) first = 26
  if (magic === PCLNTAB_MAGIC.go12) {
    // Releases without a table of inlined calls read well as 1.11: they have no funcdata of that number.
    if (!hasByteSizedFuncdataCount(pclntab)) return {first, last: 11, readAs: GoVersion.ofMinor(11)}
    first = 12
  }
  for (const {minor, name} of MARKERS) {
    if (minor > first && minor <= lastMinor && hasFunction(name)) first = minor
  }
  const later = MARKERS.findLast(({minor}) => minor > first)
  const last = Math.min(lastMinor, (later?.minor ?? Number.POSITIVE_INFINITY) - 1)
  return {first, last, readAs: GoVersion.ofMinor(first)}
}

/** 1.12 made `nfuncdata` the last byte of the word that it filled before, where that byte was always 0. */
function hasByteSizedFuncdataCount(pclntab: Pclntab): boolean {
  for (let index = 0; index < Math.min(pclntab.places.nfunc, 64); index++) {
    const record = pclntab.recordAt(index)
    if (record !== undefined && (readU8(pclntab.memory, toAddress(record + 39)) ?? 0) !== 0) return true
  }
  return false
}
