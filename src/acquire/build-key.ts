import {createHash} from 'node:crypto'
import type {BuildIds} from '../elf/build-id.ts'

/** A key goes into paths and addresses: nothing but whole bytes in hex (debuginfod(8), "buildid/BUILDID"). */
const KEY = /^(?:[0-9a-f]{2}){2,64}$/
/** As long as the usual GNU build ID. */
const GO_KEY_DIGITS = 40

export function isBuildKey(text: string): boolean {
  return KEY.test(text)
}

/**
 * What a file with Go's build ID alone goes by where files are kept by build ID: the first 20 bytes of the SHA-256 of
 * the ID, which is too long for a key, and no hex.
 */
export function goBuildKey(goBuildId: string): string {
  return createHash('sha256').update(goBuildId).digest('hex').slice(0, GO_KEY_DIGITS)
}

/** What a file goes by, the commonest first; none where it has no build ID. */
export function buildKeys(ids: BuildIds): string[] {
  return [...eachBuildKey(ids)]
}

/** The same in turn: most files are found by the first one, and the next is not made. */
export function* eachBuildKey({gnu, go}: BuildIds): Generator<string> {
  if (gnu !== undefined && isBuildKey(gnu)) yield gnu
  if (go !== undefined && go !== '') yield goBuildKey(go)
}
