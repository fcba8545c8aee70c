import {type Fixture, openFixture} from '../../lab/fixtures.ts'
import {type OpenProcess, openProcess} from '../../src/acquire/open-process.ts'
import {Diagnostics} from '../../src/base/diagnostics.ts'

/** Runs `use` on the process of a committed case, found with nothing but its own files, or those of another folder. */
export async function withFixture<T>(
  name: string,
  use: (dead: OpenProcess, diagnostics: Diagnostics, fixture: Fixture) => T,
  sysroot?: string,
): Promise<T> {
  const fixture = await openFixture(name)
  const diagnostics = new Diagnostics()
  const dead = await openProcess(fixture.core, {
    exe: undefined,
    sysroots: [sysroot ?? fixture.sysroot],
    debugDirs: [],
    diagnostics,
  })
  try {
    return use(dead, diagnostics, fixture)
  } finally {
    dead.close()
  }
}
