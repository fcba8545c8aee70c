import type {Command, Interfaces} from '@oclif/core'

/** What oclif's `Command` is made of and does, its protected parts too. */
interface Made {
  id: string | undefined
  debug: () => void
  _run(): Promise<unknown>
}

/**
 * Runs a command with no more of oclif's configuration than a command asks for. oclif would look for plugins, hooks, a
 * theme and the command itself, of which this program has none beside the one that is given: 4 ms of every report.
 * @param argv what stands behind the name
 */
export async function runPlainly(
  command: Command.Class,
  id: string,
  argv: readonly string[],
  {name, version, oclif}: Interfaces.PJSON,
): Promise<void> {
  const config = {
    name,
    version,
    bin: oclif.bin,
    // Words of the command line are not put together to the name of a command again.
    topicSeparator: ':',
    runHook: async () => ({successes: [], failures: []}),
    scopedEnvVarKeys: () => [],
  }
  command.id = id
  const Made = command as unknown as new (words: readonly string[], configuration: typeof config) => Made
  const made = new Made(argv, config)
  made.debug = () => {}
  await made._run()
}
