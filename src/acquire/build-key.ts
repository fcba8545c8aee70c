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
export function buildKeys({gnu, go}: BuildIds): string[] {
  const keys = [gnu, go === undefined || go === '' ? undefined : goBuildKey(go)]
  return keys.filter(key => key !== undefined && isBuildKey(key)) as string[]
}
