// Copied into the published types as it stands (scripts/build.mjs): it imports nothing.

/** Where the files of the dead process are looked for, and how much is said of it. */
export interface AnalyzeOptions {
  /** The executable; default: found from the core. */
  readonly exe?: string
  /** Folders that stand for the root of the machine on which the process died. */
  readonly sysroots?: readonly string[]
  /** With sysroots: use the files of this machine too, where those have none. */
  readonly hostFiles?: boolean
  /** Folders with separate debug files. */
  readonly debugDirs?: readonly string[]
  /** Symbol stores that are asked for what is not found: folders, `s3://BUCKET/PREFIX`, `https://…`. */
  readonly symbols?: readonly string[]
  /** debuginfod servers that are asked for what is not found; none by default, whatever DEBUGINFOD_URLS says. */
  readonly debuginfod?: readonly string[]
  /** What to show, with the meaning of GOTRACEBACK; default: the crashing goroutine whole, the others as `all`. */
  readonly traceback?: 'none' | 'single' | 'all' | 'system' | 'crash'
  /** C frames: unwound and checked against those that Go had saved; only the saved ones; none. */
  readonly cgoFrames?: 'auto' | 'saved' | 'hooks' | 'none'
  /** Only these goroutines, by ID. */
  readonly goroutines?: readonly number[]
  /** Frames of one stack; default 1000. */
  readonly maxFrames?: number
  /** Seconds for all of it: then what was found until then is the report, marked as a part; default: no limit. */
  readonly timeout?: number
  /** Lines of source above and below the places of the top frames of the crash; default: none is read. */
  readonly source?: number
  /** Where sources are: `FROM=TO`, the folder in which the program was built and where that is now, or a folder. */
  readonly sourceDirs?: readonly string[]
  /** False: C++ and Rust names as the linker knows them. */
  readonly demangle?: boolean
}
