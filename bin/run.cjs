#!/usr/bin/env node
// Any Node can read this file, the oldest too: newer syntax would be an error of its parser, which tells nobody what to do.
var fs = require('fs')
var path = require('path')

var root = path.join(__dirname, '..')
var NEEDED = 'Node.js 20.19 or a later 20, or 22.2 or later'
var version = process.versions.node
var major = Number(version.split('.')[0])
var minor = Number(version.split('.')[1])
var isTooOld = major < 20 || major === 21 || (major === 20 && minor < 19) || (major === 22 && minor < 2)

function refuse(message, exitCode) {
  try {
    fs.writeSync(2, 'gotrace-core: ' + message + '\n')
  } catch (_) {}
  process.exit(exitCode)
}

function cannotStart(error) {
  refuse('cannot start: ' + error.message.split('\n')[0] + '\n  install it again; from source: npm run build', 70)
}

if (isTooOld) refuse('needs ' + NEEDED + '; this is ' + version + ' (' + process.execPath + ')', 2)

try {
  require(path.join(root, 'dist', 'launch.cjs'))
    .launch(root)
    .then(undefined, cannotStart)
} catch (error) {
  cannotStart(error)
}
