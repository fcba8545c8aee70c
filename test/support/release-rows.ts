import {GoVersion, NEWEST} from '../../src/gosym/version.ts'

/** What each release prints: a row is the first release of its form, and holds to the next row. */
export type ReleaseRows<T> = readonly (readonly [minor: number, form: T])[]

/** Every release from the first row to the newest known, with its form. */
export function* everyRelease<T>(rows: ReleaseRows<T>): Generator<{version: GoVersion; form: T}> {
  for (const [index, [minor, form]] of rows.entries()) {
    const next = rows[index + 1]?.[0] ?? NEWEST.minor + 1
    for (let at = minor; at < next; at++) yield {version: GoVersion.ofMinor(at), form}
  }
}
