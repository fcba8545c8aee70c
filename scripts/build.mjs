// Builds what is published: dist/main.cjs with dist/parts, dist/launch.cjs (what starts it), dist/library.cjs with its types,
// dist/THIRD-PARTY-NOTICES.txt, man/gotrace-core.1, schema/*.json.
import {mkdirSync, readFileSync, writeFileSync} from 'node:fs'
import {createRequire} from 'node:module'
import {dirname, join} from 'node:path'
import {fileURLToPath} from 'node:url'
import {build} from 'esbuild'
import {buildProgram} from './bundle.mjs'
import {libraryTypes} from './library-types.mjs'
import {manPage} from './man-page.mjs'
import {thirdPartyNotices} from './third-party-notices.mjs'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const packageJson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

for (const folder of ['dist', 'man', 'schema']) mkdirSync(join(root, folder), {recursive: true})

const {scripts: _scripts, devDependencies: _dev, ...published} = packageJson
// Commands and their description are in the bundle: what oclif looks for plugins, engines and themes with is never called.
const leftOut = ['lilconfig', 'minimatch', 'semver', 'tinyglobby', 'wsl-utils']
/** oclif's own copy is never called; that of supports-hyperlinks is. */
const leaveOutColor = {
  name: 'leave-out-color',
  setup(build) {
    build.onResolve({filter: /^supports-color$/}, ({importer}) =>
      importer.includes('supports-hyperlinks') ? undefined : {path: join(root, 'scripts/left-out.cjs')},
    )
  },
}
const forNode = {
  target: 'node20.19',
  external: ['typescript', 'ts-node', 'tsx', 'iced-x86'],
  define: {'import.meta.url': '__filename', PACKAGE_JSON: JSON.stringify(JSON.stringify(published))},
  legalComments: 'none',
  logLevel: 'warning',
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
}
const metafile = await buildProgram(root, {
  ...forNode,
  alias: {...Object.fromEntries(leftOut.map(name => [name, './scripts/left-out.cjs'])), ansis: './scripts/ansis.cjs'},
  plugins: [leaveOutColor],
})
// What `import {analyze} from 'gotrace-core'` loads.
await build({
  ...forNode,
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  format: 'cjs',
  entryPoints: ['src/library.ts'],
  outfile: 'dist/library.cjs',
})

writeFileSync(join(root, 'dist', 'THIRD-PARTY-NOTICES.txt'), thirdPartyNotices(root, metafile))

const {loadCommands} = createRequire(import.meta.url)(join(root, 'dist', 'main.cjs'))
writeFileSync(join(root, 'man', 'gotrace-core.1'), manPage(await loadCommands(), packageJson))

await build({
  absWorkingDir: root,
  entryPoints: ['src/launch/launch.ts'],
  outfile: 'dist/launch.cjs',
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  legalComments: 'none',
  logLevel: 'warning',
  charset: 'ascii',
  minifySyntax: true,
  minifyWhitespace: true,
})

const schemaOut = await build({
  absWorkingDir: root,
  entryPoints: ['src/report/published-schema.ts'],
  bundle: true,
  platform: 'node',
  format: 'esm',
  write: false,
  logLevel: 'warning',
})
const code = Buffer.from(schemaOut.outputFiles[0].contents).toString('base64')
const {DOCUMENTS, publishedSchema} = await import(`data:text/javascript;base64,${code}`)
writeFileSync(join(root, 'dist', 'library.d.cts'), await libraryTypes(root, publishedSchema('analyze')))
for (const name of Object.keys(DOCUMENTS)) {
  writeFileSync(join(root, 'schema', `${name}-1.schema.json`), `${JSON.stringify(publishedSchema(name), null, 2)}\n`)
}
