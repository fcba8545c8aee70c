// What the licenses of the packages inside a bundle ask for: their names, copyrights and texts, in one file beside it.
import {readdirSync, readFileSync} from 'node:fs'
import {join} from 'node:path'

const PACKAGE = /^((?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+)\//
const LICENSE_FILE = /^(?:licen[cs]e|copying|notice)/i
const LICENSE_SECTION = /^#+ *licen[cs]e\b.*\n([\s\S]*permission is hereby granted[\s\S]*)/im

const MIT = `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`

/**
 * @param {string} root
 * @param {{inputs: Record<string, unknown>}} metafile what esbuild says went into the bundle
 * @throws where a package comes without the text of its license
 */
export function thirdPartyNotices(root, metafile) {
  const found = Object.keys(metafile.inputs).flatMap(path => PACKAGE.exec(path)?.[1] ?? [])
  const packages = [...new Set(found)].map(path => readPackage(join(root, path)))
  packages.sort((a, b) => (a.title < b.title ? -1 : 1))
  const head = 'gotrace-core holds code of these packages. Each is under its own license, which follows its name.\n'
  return [head, ...packages.map(({title, text}) => `${'='.repeat(80)}\n${title}\n\n${text.trim()}\n`)].join('\n')
}

function readPackage(directory) {
  const {name, version, license, author, contributors = [], homepage} = readJson(join(directory, 'package.json'))
  const names = readdirSync(directory).filter(file => LICENSE_FILE.test(file))
  const readme = readdirSync(directory).find(file => /^readme/i.test(file))
  const texts = names.map(file => readFileSync(join(directory, file), 'utf8'))
  if (texts.length === 0 && readme !== undefined) {
    const section = LICENSE_SECTION.exec(readFileSync(join(directory, readme), 'utf8'))
    if (section) texts.push(section[1])
  }
  // A package that names the license and its authors, and brings no text.
  if (texts.length === 0 && license === 'MIT' && author) {
    const authors = [author, ...contributors].map(({name} = {}, index, all) => name ?? all[index])
    texts.push(`Copyright (c) ${[...new Set(authors.map(text => text.replace(/ <.*/, '')))].join(', ')}\n\n${MIT}`)
  }
  if (texts.length === 0) throw new Error(`${name} has no text of its license (${license})`)
  return {title: `${name} ${version} (${license})${homepage ? `\n${homepage}` : ''}`, text: texts.join('\n\n')}
}

function readJson(path) {
  return JSON.parse(readFileSync(path, 'utf8'))
}
