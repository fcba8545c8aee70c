/** `go1.22.12`, `go1.22rc1`, `go1.22.12 X:…`, `devel go1.28-<hash> <date>`, `go1.20.12-vendor`, `go1.17.8b7`. */
const VERSION_PATTERN = /(?:^|[^a-z])go(\d{1,3})\.(\d{1,4})(?:\.(\d{1,4}))?(?:(rc|beta)(\d{1,4}))?/

/** A row of a table by release: it holds from Go 1.`minor`.`patch` on, until the next row does. */
export interface ReleaseRow {
  readonly minor: number
  readonly patch?: number
}

/** A release of Go, as far as tables and formats depend on it. */
export class GoVersion {
  readonly major: number
  readonly minor: number
  /** 0 for the first release of a minor, its pre-releases and the development versions before it. */
  readonly patch: number
  /** As the program says it, vendor suffixes and experiments included. */
  readonly text: string
  /** `rc1`, `beta2`, `devel`; undefined for a release. */
  readonly preRelease: string | undefined

  private constructor(major: number, minor: number, patch: number, text: string, preRelease: string | undefined) {
    this.major = major
    this.minor = minor
    this.patch = patch
    this.text = text
    this.preRelease = preRelease
  }

  /** undefined where the text names no release (`devel +abcdef Mon …`, the form before Go 1.17). */
  static parse(text: string): GoVersion | undefined {
    const match = VERSION_PATTERN.exec(text)
    if (!match) return undefined
    const preRelease = match[4] !== undefined ? match[4] + match[5] : text.startsWith('devel') ? 'devel' : undefined
    return new GoVersion(Number(match[1]), Number(match[2]), Number(match[3] ?? 0), text, preRelease)
  }

  /** Go 1.`minor`, its first release or a later one: the stand-in where only a bound is known. */
  static ofMinor(minor: number, patch = 0): GoVersion {
    return new GoVersion(1, minor, patch, `go1.${minor}`, undefined)
  }

  /** Whether this is Go 1.`minor`.`patch` or later; pre-releases count as what they lead to. */
  atLeast(minor: number, patch = 0): boolean {
    if (this.major !== 1) return this.major > 1
    return this.minor > minor || (this.minor === minor && this.patch >= patch)
  }

  /** The row of an ascending table that holds for this release; undefined before the first. */
  rowOf<T extends ReleaseRow>(rows: readonly T[]): T | undefined {
    return rows.findLast(({minor, patch}) => this.atLeast(minor, patch))
  }
}

/** The releases that the tables were made for, first and last; docs/go-versions.md names what a new one needs. */
export const OLDEST = GoVersion.ofMinor(7)
/** What is read where nothing tells the release: its layout is the likeliest of an unknown one. */
export const NEWEST = GoVersion.ofMinor(27)
